"""The folder of the embedded database: made once, checked at every start. Everything blocks.

DATA_DIR/postgres        the database, owned by whoever runs the server
DATA_DIR/postgres.log    what the server says; no statement text, no values
DATA_DIR/postgres.sock/  its one door, unless the path is too long for a socket
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from actors.postgres.account import Account, server_account
from actors.postgres.binaries import Binaries, find_binaries
from actors.postgres.errors import PostgresSetupError
from actors.postgres.lock import FOLDER_MODE
from actors.postgres.orphan import end_orphan

PORT = 5432
_LONGEST_SOCKET = 100
_UNFINISHED = "postgres.new-"
_LAUNCH = Path(__file__).with_name("launch.py")
_LOG_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Names and places; making one touches nothing.

    `binaries` is the operator's choice of programs, `settings` are added to ours.
    """

    folder: Path
    binaries: Path | None = None
    database: str = "expo"
    user: str = "expo"
    settings: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def data(self) -> Path:
        """The folder that PostgreSQL calls its own."""
        return self.folder.absolute() / "postgres"

    @property
    def log(self) -> Path:
        """The file that takes what the server says."""
        return self.folder.absolute() / "postgres.log"

    @property
    def socket_folder(self) -> Path:
        """Where the socket lies: beside the data, or under the temporary folder by a short name."""
        beside = self.folder.absolute() / "postgres.sock"
        if _fits(beside):
            return beside
        name = f"expo-pg-{hashlib.sha256(os.fsencode(self.data)).hexdigest()[:12]}"
        short = Path(tempfile.gettempdir()) / name
        return short if _fits(short) else Path("/tmp") / name  # noqa: S108 - checked in `_private`

    def connect_arguments(self, database: str | None = None) -> dict[str, str | int]:
        """Arguments for asyncpg; no password: only we and root can enter the socket's folder."""
        return {
            "host": str(self.socket_folder),
            "port": PORT,
            "user": self.user,
            "database": database or self.database,
        }


@dataclass(frozen=True, slots=True)
class Installation:
    """A cluster that is ready to be started: which programs, and as whom."""

    cluster: Cluster
    binaries: Binaries
    account: Account

    def command(self, program: str, *arguments: str, on_death: int) -> list[str]:
        """Command line that steps down and becomes `program`; a dead parent sends `on_death`."""
        keep = self.account.capability
        return [
            *(sys.executable, "-I", "-S", str(_LAUNCH)),
            *(str(os.getpid()), str(int(on_death)), str(self.account.uid), str(self.account.gid)),
            str(-1 if keep is None else keep),
            str(self.binaries.folder / program),
            *arguments,
        ]


def prepare(cluster: Cluster) -> Installation:
    """Have a folder that a server can be started on; the caller holds its `data_lock`.

    Makes the database when there is none, under another name first, so that a crash in between
    leaves nothing that looks like one. Ends a server that a killed controller left behind. Raises
    `PostgresSetupError`.
    """
    try:
        return _prepare(cluster)
    except OSError as error:
        raise PostgresSetupError(
            f"the embedded database in {cluster.folder} cannot be set up: {error}"
        ) from error


def _prepare(cluster: Cluster) -> Installation:
    cluster.folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    binaries = find_binaries(cluster.binaries, major=_major(cluster.data))
    account = server_account(
        cluster.data, (cluster.data, binaries.folder / "postgres", cluster.socket_folder)
    )
    installation = Installation(cluster, binaries, account)
    if cluster.data.exists():
        end_orphan(cluster.data)
    else:
        _make(installation)
    _private(cluster.socket_folder, account)
    _rotate(cluster.log)
    return installation


def server_environment() -> dict[str, str]:
    """Environment of the server's programs: `PG…` variables of the operator mean other servers."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def server_arguments(cluster: Cluster) -> list[str]:
    """Arguments of `postgres`: one private socket, durable, quiet about data."""
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": f'"{cluster.socket_folder}"',
        "unix_socket_permissions": "0700",
        "port": str(PORT),
        "max_connections": "60",
        "shared_buffers": "128MB",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "logging_collector": "off",
        "log_destination": "stderr",
        "log_statement": "none",
        "log_min_error_statement": "panic",
        "log_parameter_max_length_on_error": "0",
        "log_error_verbosity": "terse",
        **cluster.settings,
    }
    return ["-D", str(cluster.data), *(f"--{name}={value}" for name, value in settings.items())]


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / f".s.PGSQL.{PORT}")) <= _LONGEST_SOCKET


def _major(data: Path) -> int | None:
    """Which PostgreSQL made the folder; None when there is no folder yet."""
    if not data.exists():
        return None
    try:
        return int((data / "PG_VERSION").read_text(encoding="ascii").split(".")[0])
    except (FileNotFoundError, ValueError):
        raise PostgresSetupError(
            f"{data} is not a PostgreSQL data folder: move it away to start with an empty database"
        ) from None


def _make(installation: Installation) -> None:
    cluster = installation.cluster
    for left in cluster.folder.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(left, ignore_errors=True)
    fresh = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=cluster.folder.absolute()))
    installation.account.own(fresh)
    locale = ("--locale=C.UTF-8",) if sys.platform == "linux" else ("--locale=C",)
    _run(
        installation,
        "initdb",
        *(f"--pgdata={fresh}", f"--username={cluster.user}", "--encoding=UTF8", *locale),
        *("--auth=trust", "--no-instructions", "--data-checksums"),
    )
    _run(
        installation,
        *("postgres", "--single", "-D", str(fresh), "template1"),
        statement=f'create database "{cluster.database}"',
    )
    fresh.rename(cluster.data)
    _sync(cluster.folder)


def _run(installation: Installation, program: str, *arguments: str, statement: str = "") -> None:
    done = subprocess.run(  # noqa: S603 - our own programs
        installation.command(program, *arguments, on_death=signal.SIGKILL),
        input=statement,
        capture_output=True,
        text=True,
        errors="replace",
        env=server_environment(),
        cwd="/",
        check=False,
    )
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    if done.returncode != 0 or (statement and any("ERROR:" in line for line in lines)):
        said = next((line for line in reversed(lines) if "error" in line.lower()), None)
        why = said or (lines[-1] if lines else f"exit status {done.returncode}")
        raise PostgresSetupError(f"{program} failed in {installation.cluster.folder}: {why}")


def _private(folder: Path, account: Account) -> None:
    """Make the socket's folder, or see that the one there is nobody else's: /tmp is everyone's."""
    try:
        folder.mkdir(mode=0o700)
        account.own(folder)
    except FileExistsError:
        facts = folder.lstat()
        if facts.st_uid == os.geteuid() and stat.S_ISDIR(facts.st_mode):
            account.own(folder)  # made by us, cut off before it was handed over
        elif facts.st_uid != account.uid or not stat.S_ISDIR(facts.st_mode):
            raise PostgresSetupError(
                f"{folder} belongs to somebody else: remove it, the database socket goes there"
            ) from None
        folder.chmod(0o700)


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

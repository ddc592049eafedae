"""The controller under test: a program of its own, with proxies before and behind it."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import asyncpg
import psutil
import trio

from actors.postgres.cluster import Cluster, prepare
from actors.postgres.server import Server
from tests.chaos.proxy import Proxy
from tests.support.installed import free_port, minimal

T = TypeVar("T")

START_SECONDS = 60.0
STOP_SECONDS = 60.0
NODES = 2
VARIANTS = ("single", "nodes", "proxy")
SETTINGS = {
    "BUILD_SILENT_SECONDS": "5",
    "BUILD_FIRST_SIGN_SECONDS": "5",
    "SWEEP_SECONDS": "1",
    "MAX_ATTEMPTS": "100",
    "STOP_SECONDS": "5",
    "LOG_FORMAT": "json",
    "LOG_LEVEL": "info",
}


class StartError(Exception):
    """The controller does not start."""


@dataclass(slots=True)
class System:
    """A controller of one variant in a folder; `program` is its command line up to `start`."""

    folder: Path
    variant: str
    program: tuple[str, ...] = ("-m", "controller")
    key: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    port: int = field(default_factory=free_port)
    life: subprocess.Popen[bytes] | None = None
    front: Proxy = field(init=False)
    back: Proxy = field(init=False)
    server: Server | None = None
    starts: int = 0
    starting: bool = True

    def __post_init__(self) -> None:
        """Make the proxies; they serve later."""
        self.front = Proxy(partial(trio.open_tcp_stream, "127.0.0.1", self.port))
        self.back = Proxy(partial(trio.open_unix_socket, self._database_socket()))

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The controller, in its present life."""
        assert self.life is not None
        return self.life

    @property
    def data(self) -> Path:
        """The data folder of the controller."""
        return self.folder / "data"

    @property
    def storage(self) -> Path:
        """Where artifacts lie."""
        return self.data / "storage"

    @property
    def log(self) -> Path:
        """What the controller wrote to stderr, all lives of it."""
        return self.folder / "controller.log"

    @property
    def nodes(self) -> int:
        """How many processes answer requests."""
        return NODES if self.variant == "nodes" else 1

    @property
    def environment(self) -> dict[str, str]:
        """The environment of our programs, also of `db check`."""
        more = {**SETTINGS, "CONTROLLER_API_KEY": self.key, "NODES": str(self.nodes)}
        if self.variant == "proxy":
            cluster, port = self._cluster(), self.back.port
            more["DATABASE_URL"] = (
                f"postgresql://{cluster.user}@127.0.0.1:{port}/{cluster.database}"
            )
        return minimal(self.folder, **more)

    # -- lives ----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the controller and wait until it is up; again when the last life lingers on."""
        self.starting = True
        with trio.move_on_after(START_SECONDS):
            while not await self._started():  # noqa: ASYNC110 - a new process each time
                await trio.sleep(0.3)
            self.starting = False
            return
        raise StartError(self.log.read_text(errors="replace")[-2000:])

    async def _started(self) -> bool:
        self.starts += 1
        with self.log.open("ab") as log:
            self.life = subprocess.Popen(  # noqa: ASYNC220 - from the main thread
                [sys.executable, *self.program, "start", "--port", str(self.port)],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert self.process.stdout is not None
        said = b""
        async with trio.lowlevel.FdStream(os.dup(self.process.stdout.fileno())) as stream:
            while b"\nStop " not in said:
                if not (data := await stream.receive_some(4096)):
                    await self.ended()
                    return False
                said += data
        return True

    async def ended(self) -> int:
        """Wait for the end of the controller; its exit code."""
        code = await trio.to_thread.run_sync(self.process.wait, abandon_on_cancel=True)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    async def start_database(self) -> None:
        """Start the database of the proxy variant, which no controller looks after."""
        cluster = await trio.to_thread.run_sync(self._prepare)
        self.server = Server(cluster)
        await self.server.ready()

    def _prepare(self):  # noqa: ANN202 - of the cluster
        return prepare(self._cluster())

    def _cluster(self) -> Cluster:
        return Cluster(folder=self.folder / "own" if self.variant == "proxy" else self.data)

    def database_folder(self) -> Path:
        """Return where the socket of the database is."""
        return self._cluster().socket_folder

    def _database_socket(self) -> str:
        arguments = self._cluster().connect_arguments()
        return f"{arguments['host']}/.s.PGSQL.{arguments['port']}"

    # -- processes ------------------------------------------------------------------------------

    def postgres(self) -> psutil.Process | None:
        """Return the process of the database server."""
        pid_file = self._cluster().data / "postmaster.pid"
        with suppress(OSError, ValueError, IndexError, psutil.NoSuchProcess):
            return psutil.Process(int(pid_file.read_text().splitlines()[0]))
        return None

    def controllers(self) -> list[psutil.Process]:
        """Return the processes that answer requests."""
        with suppress(psutil.NoSuchProcess):
            main = psutil.Process(self.process.pid)
            if self.nodes == 1:
                return [main]
            return [p for p in main.children() if "node" in p.cmdline()]
        return []

    def family(self) -> list[psutil.Process]:
        """Return every process of ours that is not the database."""
        with suppress(psutil.NoSuchProcess):
            return [*self.controllers(), psutil.Process(self.process.pid)]
        return []

    def everyone(self) -> Iterator[psutil.Process]:
        """Yield every process that was started, ours excepted."""
        for pid in filter(None, (self.life and self.life.pid, self.server and self.server.pid)):
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                yield process
                yield from process.children(recursive=True)
        if (server := self.postgres()) is not None:
            yield server

    def descriptors(self) -> dict[int, int]:
        """Return how many descriptors each controller has open."""
        found = {}
        for process in self.controllers():
            with suppress(psutil.NoSuchProcess):
                found[process.pid] = process.num_fds()
        return found

    def kill_all(self) -> None:
        """Leave nothing behind, however the run ended."""
        for process in list(self.everyone()):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
                process.kill()

    # -- the database, seen directly ------------------------------------------------------------

    async def ask(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """Run `work` on a connection past proxies and controller."""

        async def connected() -> T:
            link = await asyncpg.connect(**self._cluster().connect_arguments(), timeout=20)
            try:
                return await work(link)
            finally:
                await link.close(timeout=10)

        return await trio.to_thread.run_sync(lambda: asyncio.run(connected()))

    async def fetch(self, sql: str) -> list[asyncpg.Record]:
        """Return the rows of a statement."""
        return await self.ask(lambda link: link.fetch(sql))

    async def db_check(self) -> list[str]:
        """Run `db check --files` beside the controller; what is broken, in words."""
        command = [sys.executable, "-m", "controller", "db", "check", "--files", "--json"]
        done = await trio.run_process(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
        if done.returncode not in {0, 4}:
            return [f"db check ends with {done.returncode}: {done.stderr.decode()[-500:]}"]
        laws = json.loads(done.stdout)["laws"]
        return [f"{law['name']}: {text}" for law in laws for text in law["offenders"]]

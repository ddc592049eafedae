"""One run: a controller under load, a monkey at work, and everything checked afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import trio

from tests.chaos import verify
from tests.chaos.faults import Scene
from tests.chaos.ledger import CALM, Ledger
from tests.chaos.load import Load, Shape
from tests.chaos.monkey import Injection, Monkey, plan, usable
from tests.chaos.system import STOP_SECONDS, StartError, System
from tests.chaos.verify import Faulty

END_SECONDS = 90.0
"""Until every acknowledged build has its end, once all is healed."""
CALM_BUILDS = 12
CALM_SECONDS = 0.4
"""Median time to a worker that is allowed when there is nothing else to do."""
LONGEST_CALM = 10.0
_MORE_DESCRIPTORS = 12
_VOLUME = "size=400m,mode=700"
_HOUR = 3600.0


class EndedError(Exception):
    """The controller ended though nobody told it to; there is nothing more to try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a run is to do; `program` is the command line of the controller under test."""

    seed: int
    seconds: float
    variant: str = "single"
    faults: Sequence[str] = ()
    longest: float = 30.0
    rounds: int = 0
    no_faults: bool = False
    shape: Shape = field(default_factory=Shape)
    program: tuple[str, ...] = ("-m", "controller")


@dataclass(slots=True)
class Report:
    """What a run found; it is good when nothing is `wrong`."""

    order: Order
    folder: Path
    found: Faulty = field(default_factory=Faulty)
    injections: list[Injection] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)
    crashes: Counter[str] = field(default_factory=Counter)

    @property
    def wrong(self) -> list[str]:
        """Everything that must not be."""
        return self.found.words


def rooted() -> bool:
    """Whether this machine lets us mount a small volume."""
    return os.geteuid() == 0 and shutil.which("mount") is not None


async def run(order: Order) -> Report:
    """Carry out an order; the folder is kept when something is wrong."""
    folder = _folder()
    report = Report(order, folder)
    system = System(folder, order.variant, order.program)
    with _volume(system, report):
        try:
            await Run(order, system, report).whole()
        except* (EndedError, StartError) as errors:
            report.found.words += [str(error) for error in leaves(errors)]
        finally:
            system.kill_all()
    report.crashes = verify.crashes(system.log.read_text(errors="replace").splitlines())
    report.found.words += [f"{count} times: {text}" for text, count in report.crashes.items()]
    if not report.wrong:
        shutil.rmtree(folder)
        shutil.rmtree(system.database_folder(), ignore_errors=True)
    return report


def leaves(group: BaseExceptionGroup[Exception]) -> Iterator[Exception]:
    """Yield the errors of a group of groups."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from leaves(error)
        else:
            yield error


def _folder() -> Path:
    made = Path(tempfile.mkdtemp(prefix="expo-chaos-"))
    made.chmod(0o711)  # under root the database server is another user
    return made


@contextmanager
def _volume(system: System, report: Report) -> Iterator[None]:
    """Put the artifacts on a small volume of their own, if that is possible here."""
    system.storage.mkdir(parents=True, mode=0o711)
    system.data.chmod(0o711)
    command = ["mount", "-t", "tmpfs", "-o", _VOLUME, "none", str(system.storage)]
    mounted = rooted() and subprocess.run(command, capture_output=True, check=False).returncode == 0
    report.figures["volume of its own"] = "yes" if mounted else "no"
    try:
        yield
    finally:
        if mounted:
            if report.wrong:  # what is kept must be readable later
                shutil.copytree(system.storage, system.folder / "storage", dirs_exist_ok=True)
            subprocess.run(["umount", "-l", str(system.storage)], check=False)


class Run:
    """The steps of a run."""

    def __init__(self, order: Order, system: System, report: Report) -> None:
        self._order = order
        self._system = system
        self._report = report
        self._ledger = Ledger()
        self._began = time.time()

    @property
    def _found(self) -> Faulty:
        return self._report.found

    async def whole(self) -> None:
        """Start, load, attack, heal, verify, stop."""
        system, order = self._system, self._order
        self._leave_strays()
        async with trio.open_nursery() as nursery:
            await nursery.start(system.front.serve)
            if system.variant == "proxy":
                await nursery.start(system.back.serve)
                await system.start_database()
            await system.start()
            idle = max(system.descriptors().values())
            load = Load(system.front.port, system.key, order.seed, self._ledger, order.shape)
            clients: trio.CancelScope = await nursery.start(load.run)
            watch = await nursery.start(self._watch)
            await self._attack(Scene(system, load, nursery))
            await self._until_all_have_an_end(load)
            await self._calm(load)
            clients.cancel()
            self._figures(load)
            watch.cancel()
            await self._at_rest(idle)
            await verify.books(system, self._ledger, self._found)
            self._found.words += await system.db_check()
            self._found.words += verify.stray_files(system, self._began)
            await self._stop()
            nursery.cancel_scope.cancel()

    def _leave_strays(self) -> None:
        """Leave what a crash of the day before would have: the first sweep takes it."""
        incoming = self._system.storage / "incoming"
        incoming.mkdir(mode=0o700, exist_ok=True)
        stray = incoming / "of-yesterday"
        stray.write_bytes(b"half an upload")
        os.utime(stray, (self._began - 24 * _HOUR,) * 2)

    async def _watch(self, *, task_status: trio.TaskStatus[trio.CancelScope]) -> None:
        """End the run when the controller ends though nobody killed it."""
        with trio.CancelScope() as scope:
            task_status.started(scope)
            while True:
                await trio.sleep(0.5)
                process = self._system.process
                code = process.poll()
                if code not in {None, -signal.SIGKILL} and not self._system.starting:
                    raise EndedError(f"the controller ended by itself with {code}")

    async def _attack(self, scene: Scene) -> None:
        order = self._order
        if order.no_faults:
            await trio.sleep(order.seconds)
            return
        volume = self._report.figures["volume of its own"] == "yes"
        names = usable(order.variant, root=volume, only=order.faults)
        monkey = Monkey(scene, self._ledger)
        self._report.injections, self._report.trace = monkey.injections, monkey.trace
        steps = plan(order.seed, names, order.longest)
        await monkey.run(steps, order.seconds, rounds=order.rounds)
        self._ledger.label = CALM
        for one in monkey.injections:
            if one.recovered is None:
                self._found.words.append(f"no recovery from {one.fault}")

    async def _until_all_have_an_end(self, load: Load) -> None:
        load.submitting = False
        load.shape = replace(load.shape, silent=0.0, forgotten=0.0)
        sql = "select count(*) from builds where status not in ('completed', 'failed')"
        with trio.move_on_after(END_SECONDS) as patience:
            while (await self._system.fetch(sql))[0][0] or self._ledger.open:  # noqa: ASYNC110
                await trio.sleep(0.3)
        if patience.cancelled_caught:
            self._found.words.append(f"builds without an end after {END_SECONDS:g} s")

    async def _calm(self, load: Load) -> None:
        """Submit one at a time while workers wait: each must be given out at once."""
        load.held_only = True
        load.shape = replace(load.shape, silent=0.0, forgotten=0.0, failing=0.0)
        await trio.sleep(1.5)
        rng, wire = load.random("calm"), load.wire()
        waits: list[float] = []
        with trio.move_on_after(LONGEST_CALM):
            for number in range(CALM_BUILDS):
                build_id = await load.submit(rng, wire, f"calm-{number}")
                at = trio.current_time()
                while build_id not in self._ledger.granted_at:  # noqa: ASYNC110
                    await trio.sleep(0.002)
                waits.append(max(0.0, self._ledger.granted_at[build_id] - at))
                await self._ledger.whole_life_after(self._ledger.promises[build_id].begun - 1e-6)
        median = statistics.median(waits) if waits else LONGEST_CALM
        self._report.figures["to a worker at rest, median ms"] = f"{1000 * median:.1f}"
        if median > CALM_SECONDS or len(waits) < CALM_BUILDS:
            self._found.words.append(
                f"builds wait though workers do: median {median:.2f} s, {len(waits)} given out"
            )

    def _figures(self, load: Load) -> None:
        ledger, tally = self._ledger, load.tally
        self._report.figures |= {
            "builds acknowledged": f"{len(ledger.promises):,}",
            "ends acknowledged": f"{len(ledger.ends):,}",
            "lines acknowledged": f"{len(ledger.lines):,}",
            "late or foreign reports refused": f"{ledger.refused:,}",
            "requests": f"{tally.asked:,}",
            "requests without a good answer": f"{tally.failed:,}",
            "why": ", ".join(f"{why} {n}" for why, n in tally.troubles.most_common(8)),
            "starts of the controller": str(self._system.starts),
        }

    async def _at_rest(self, idle: int) -> None:
        """Look for what leaked, when the clients are gone."""
        over = left = 0
        for _ in range(60):
            over = max(self._system.descriptors().values(), default=0) - idle - _MORE_DESCRIPTORS
            left = await verify.connections(self._system)
            if over <= 0 and left <= 0:
                return
            await trio.sleep(0.5)
        self._found.words.append(f"descriptors {over} too many, connections {left} too many")

    async def _stop(self) -> None:
        system = self._system
        system.starting = True
        processes = [p for p in system.everyone() if system.server is None or not _of(p, system)]
        system.process.send_signal(signal.SIGTERM)
        with trio.move_on_after(STOP_SECONDS) as late:
            code = await system.ended()
            if code != 0:
                self._found.words.append(f"SIGTERM ends the controller with {code}")
        if late.cancelled_caught:
            self._found.words.append(f"SIGTERM is not obeyed within {STOP_SECONDS:g} s")
        _, alive = psutil.wait_procs(processes, timeout=5)
        self._found.words += [f"left behind: {' '.join(p.cmdline())}" for p in alive]


def _of(process: psutil.Process, system: System) -> bool:
    """Whether a process belongs to the database that is ours."""
    server = system.postgres()
    return server is not None and (process == server or process.ppid() == server.pid)

"""The faults: each is injected, lasts as long as it was drawn for, and is healed."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from random import Random

import psutil
import trio

from tests.chaos.load import Load
from tests.chaos.system import System
from tests.chaos.wire import NoAnswerError, Tally, Wire

Heal = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Scene:
    """What faults work on."""

    system: System
    load: Load
    nursery: trio.Nursery

    def wire(self) -> Wire:
        """Make a connection past the proxies, counted nowhere."""
        return Wire(self.system.port, self.system.key, Tally())

    def until_healed(self, work: Callable[[], Awaitable[None]]) -> Heal:
        """Run `work` in the background until it is healed."""
        scope = trio.CancelScope()

        async def run() -> None:
            with scope:
                await work()

        async def heal() -> None:
            scope.cancel()

        self.nursery.start_soon(run)
        return heal


Inject = Callable[[Scene, Random], Awaitable[Heal]]


@dataclass(frozen=True, slots=True)
class Fault:
    """A row of the table; `hold` is the range of seconds until it is healed."""

    inject: Inject
    weight: int = 2
    hold: tuple[float, float] = (0.0, 0.0)
    variants: tuple[str, ...] = ("single", "nodes", "proxy")
    needs_root: bool = False
    alone: bool = False
    """Not while another one of these is in force."""


async def _nothing() -> None:
    """Heal by itself."""


# -- actors -----------------------------------------------------------------------------------


async def _kill_in_tree(scene: Scene, rng: Random, kind: str) -> None:
    wire = scene.wire()
    with suppress(NoAnswerError):
        answer = await wire.get("/debug/tree")
        if answer.status == 200:
            paths = sorted(_paths(answer.json(), kind))
            if paths:
                await wire.post("/debug/kill", {"path": rng.choice(paths)})
    await wire.close()


def _paths(node: Mapping[str, object], kind: str) -> list[str]:
    """Return the paths of such processes below the root."""
    found: list[str] = []
    children = node["children"]
    assert isinstance(children, list)
    for child in children:
        if child["kind"] == kind:
            found.append(str(child["path"]))
        found += _paths(child, kind)
    return found


async def kill_actors(scene: Scene, rng: Random) -> Heal:
    """Kill actors through `/debug/kill`, one every third of a second."""

    async def work() -> None:
        while True:
            await _kill_in_tree(scene, rng, "actor")
            await trio.sleep(0.35)

    return scene.until_healed(work)


async def kill_queue_manager(scene: Scene, _: Random) -> Heal:
    """Kill the giver of work again and again, in the middle of its statements."""

    async def work() -> None:
        wire = scene.wire()
        while True:
            with suppress(NoAnswerError):
                await wire.post("/debug/kill", {"path": "orchestration/queue_manager"})
            await trio.sleep(0.6)

    return scene.until_healed(work)


async def kill_supervisor(scene: Scene, rng: Random) -> Heal:
    """Kill a supervisor with everything below it."""
    await _kill_in_tree(scene, rng, "supervisor")
    return _nothing


# -- processes --------------------------------------------------------------------------------


def _signal(process: psutil.Process | None, number: int) -> None:
    if process is not None:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


async def kill_node(scene: Scene, rng: Random) -> Heal:
    """SIGKILL one of the nodes; the front process starts it again."""
    nodes = scene.system.controllers()
    if nodes:
        _signal(rng.choice(nodes), signal.SIGKILL)
    return _nothing


async def stop_node(scene: Scene, rng: Random) -> Heal:
    """SIGSTOP one of the nodes: it accepts connections and says nothing."""
    nodes = scene.system.controllers()
    process = rng.choice(nodes) if nodes else None
    _signal(process, signal.SIGSTOP)

    async def heal() -> None:
        _signal(process, signal.SIGCONT)

    return heal


async def stop_controller(scene: Scene, _: Random) -> Heal:
    """SIGSTOP the whole controller, as a suspended machine does."""
    processes = scene.system.family()
    for process in processes:
        _signal(process, signal.SIGSTOP)

    async def heal() -> None:
        for process in processes:
            _signal(process, signal.SIGCONT)

    return heal


async def kill_controller(scene: Scene, _: Random) -> Heal:
    """SIGKILL the controller, all its nodes too, and start it again."""
    for node in scene.system.family():
        _signal(node, signal.SIGKILL)
    await scene.system.ended()

    async def heal() -> None:
        await scene.system.start()

    return heal


async def kill_postgres(scene: Scene, _: Random) -> Heal:
    """SIGKILL the database server."""
    system = scene.system
    _signal(system.postgres(), signal.SIGKILL)
    if system.server is None:
        return _nothing
    await system.server.exited()
    system.server.close()
    return system.start_database


async def stop_postgres(scene: Scene, _: Random) -> Heal:
    """SIGSTOP the database server with all its sessions."""
    server = scene.system.postgres()
    processes = []
    if server is not None:
        with suppress(psutil.NoSuchProcess):
            processes = [server, *server.children()]
    for process in processes:
        _signal(process, signal.SIGSTOP)

    async def heal() -> None:
        for process in processes:
            _signal(process, signal.SIGCONT)

    return heal


# -- connections ------------------------------------------------------------------------------

_CUT = (
    "select pg_terminate_backend(pid) from pg_stat_activity "
    "where application_name = 'expo-controller'"
)


async def cut_database(scene: Scene, _: Random) -> Heal:
    """Cut all connections to the database, three times."""

    async def work() -> None:
        while True:
            if scene.system.variant == "proxy":
                await scene.system.back.cut()
            else:
                with suppress(Exception):  # the database may be away for another reason
                    await scene.system.fetch(_CUT)
            await trio.sleep(0.4)

    return scene.until_healed(work)


async def slow_database(scene: Scene, rng: Random) -> Heal:
    """Delay every packet to and from the database."""
    scene.system.back.delay = rng.uniform(0.03, 0.25)

    async def heal() -> None:
        scene.system.back.delay = 0.0

    return heal


async def black_hole_database(scene: Scene, rng: Random) -> Heal:
    """Forward nothing to the database and close nothing; then go on, or cut what is there."""
    scene.system.back.hold()
    cut = rng.random() < 0.5

    async def heal() -> None:
        if cut:
            await scene.system.back.cut()
        scene.system.back.release()

    return heal


async def drop_clients(scene: Scene, rng: Random) -> Heal:
    """Cut all connections of clients, again and again."""

    async def work() -> None:
        while True:
            await scene.system.front.cut()
            await trio.sleep(rng.uniform(0.02, 0.3))

    return scene.until_healed(work)


async def delay_clients(scene: Scene, rng: Random) -> Heal:
    """Delay every packet from and to clients."""
    scene.system.front.delay = rng.uniform(0.05, 0.5)

    async def heal() -> None:
        scene.system.front.delay = 0.0

    return heal


async def dribble(scene: Scene, _: Random) -> Heal:
    """Have a hundred clients send their requests a byte at a time."""

    async def slowly() -> None:
        with suppress(OSError, trio.BrokenResourceError):
            async with await trio.open_tcp_stream("127.0.0.1", scene.system.port) as stream:
                for byte in b"POST /api/builds/submit HTTP/1.1\r\nHost: slow\r\n" * 50:
                    await stream.send_all(bytes([byte]))
                    await trio.sleep(0.25)

    async def work() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(slowly)

    return scene.until_healed(work)


async def flood_polls(scene: Scene, _: Random) -> Heal:
    """Have sixty workers that nothing can be given to poll without a pause."""

    async def poll(number: int) -> None:
        name, wire = f"flood-{number}", scene.wire()
        body = {"id": name, "name": name, "capabilities": {"platforms": ["other"]}}
        try:
            while True:
                with suppress(NoAnswerError):
                    await wire.post("/api/workers/register", body)
                    for turn in range(50):
                        await wire.get(f"/api/workers/poll?worker_id={name}&wait={turn % 2}")
                await trio.sleep(0.05)
        finally:
            with trio.CancelScope(shield=True):
                await wire.close()

    async def work() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(60):
                nursery.start_soon(poll, number)

    return scene.until_healed(work)


# -- the machine ------------------------------------------------------------------------------


async def fill_disk(scene: Scene, rng: Random) -> Heal:
    """Fill the volume of the artifacts to the last byte, or nearly."""
    filler = scene.system.storage / ".filler"
    left = rng.choice((0, 0, 4096, 65536))

    def fill() -> None:
        with filler.open("wb") as file, suppress(OSError):
            space = os.statvfs(file.fileno())
            os.posix_fallocate(file.fileno(), 0, max(space.f_bavail * space.f_frsize - left, 1))

    await trio.to_thread.run_sync(fill)

    async def heal() -> None:
        filler.unlink(missing_ok=True)

    return heal


async def skew_clocks(scene: Scene, rng: Random) -> Heal:
    """Have the clocks of all workers go wrong by up to a day."""
    scene.load.skew = rng.uniform(-86_400, 86_400)

    async def heal() -> None:
        scene.load.skew = 0.0

    return heal


FAULTS: Mapping[str, Fault] = {
    "kill_actors": Fault(kill_actors, weight=4, hold=(1, 4)),
    "kill_queue_manager": Fault(kill_queue_manager, hold=(1, 4), variants=("single", "proxy")),
    "kill_supervisor": Fault(kill_supervisor, weight=3),
    "kill_node": Fault(kill_node, weight=4, variants=("nodes",)),
    "stop_node": Fault(stop_node, weight=3, hold=(1, 15), variants=("nodes",)),
    "kill_controller": Fault(kill_controller, weight=2, hold=(0, 2), alone=True),
    "stop_controller": Fault(stop_controller, weight=2, hold=(1, 15), alone=True),
    "kill_postgres": Fault(kill_postgres, weight=3, alone=True),
    "stop_postgres": Fault(stop_postgres, weight=2, hold=(2, 30), alone=True),
    "cut_database": Fault(cut_database, weight=3, hold=(0.1, 2)),
    "slow_database": Fault(slow_database, weight=4, hold=(3, 10), variants=("proxy",)),
    "black_hole_database": Fault(black_hole_database, weight=5, hold=(2, 25), variants=("proxy",)),
    "drop_clients": Fault(drop_clients, weight=3, hold=(1, 5)),
    "delay_clients": Fault(delay_clients, weight=1, hold=(2, 6)),
    "dribble": Fault(dribble, weight=1, hold=(3, 12)),
    "flood_polls": Fault(flood_polls, weight=2, hold=(2, 6)),
    "fill_disk": Fault(fill_disk, weight=3, hold=(1, 8), needs_root=True),
    "skew_clocks": Fault(skew_clocks, weight=1, hold=(2, 6)),
}

"""The agent against a small controller on real sockets: what it does when things go wrong."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from api.client import ApiError, Client
from controller.agent.builder import Builder, BuildFailedError, Journal, Task
from controller.agent.events import AgentEvent, Delivered, Dropped, Granted, Joined
from controller.agent.loop import Agent
from controller.agent.settings import AgentSettings
from controller.agent.simulated import SimulatedBuilder
from tests.support.fake_controller import KEY, FakeBuild, FakeController
from tests.support.fake_http import Asked, FakeServer, Given, HangUpError, answer, fake_server

BUILDER = SimulatedBuilder(size=100_000, seconds=0)


def _zip(text: str = "x" * 1000) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.json", text)
    return packed.getvalue()


class Endless:
    """A builder that is never done; knows when it began and whether it was stopped."""

    def __init__(self) -> None:
        self.begun = trio.Event()
        self.stopped = trio.Event()

    async def build(self, task: Task, journal: Journal) -> Path:
        """Wait for the end."""
        journal.log("info", f"building {task.build_id}")
        self.begun.set()
        try:
            await trio.sleep_forever()
        finally:
            self.stopped.set()
        raise AssertionError


class Failing:
    """A builder whose every build fails."""

    async def build(self, task: Task, journal: Journal) -> Path:  # noqa: ARG002
        """Fail."""
        raise BuildFailedError("Pods are missing")


class Events:
    """What the agent reported, and a way to wait for it."""

    def __init__(self) -> None:
        self.seen: list[AgentEvent] = []
        self._more = trio.Event()

    def __call__(self, event: AgentEvent) -> None:
        """Take an event."""
        self.seen.append(event)
        self._more.set()
        self._more = trio.Event()

    async def first(self, kind: type[AgentEvent], count: int = 1) -> AgentEvent:
        """Wait for the `count`-th event of a kind."""
        while len(found := [event for event in self.seen if isinstance(event, kind)]) < count:
            await self._more.wait()
        return found[count - 1]


@asynccontextmanager
async def _agent_at(
    server: FakeServer, folder: Path, builder: Builder = BUILDER, patience: float = 60
) -> AsyncGenerator[Events, None]:
    settings = AgentSettings(
        name="mac",
        folder=folder / "work",
        heartbeat_every=0.01,
        log_every=0.01,
        idle_pause=0.01,
        patience=patience,
    )
    events = Events()
    with trio.fail_after(30):
        async with Client(server.url, KEY) as client, trio.open_nursery() as nursery:
            nursery.start_soon(Agent(client, settings, builder, events).run)
            yield events
            nursery.cancel_scope.cancel()


async def test_a_build_goes_from_poll_to_result(tmp_path: Path) -> None:
    """The result is what the builder makes of exactly this source; the log tells the way."""
    controller = FakeController()
    build = controller.add(FakeBuild("b1", _zip(), certs=_zip("certs")))
    async with fake_server(controller.handle) as server, _agent_at(server, tmp_path) as events:
        await build.ended.wait()
        assert await events.first(Delivered) == Delivered("b1", "worker-1")
        granted = await events.first(Granted)
    assert isinstance(granted, Granted)
    assert (granted.build_id, granted.worker_id, granted.attempt) == ("b1", "worker-1", 1)
    source_sha256 = hashlib.sha256(build.source).hexdigest()
    assert build.result_sha256 == BUILDER.result_sha256(source_sha256, "b1")
    assert "Source checked: 1 files, 1000 bytes" in build.logs
    assert set(build.leases) == {"lease-b1-1"}
    assert list((tmp_path / "work").iterdir()) == []


async def test_the_next_build_follows_and_the_goodbye_is_said(tmp_path: Path) -> None:
    """One agent works through the queue; when it is stopped the controller hears of it."""
    controller = FakeController()
    builds = [controller.add(FakeBuild(f"b{n}", _zip(str(n)))) for n in range(3)]
    async with fake_server(controller.handle) as server:
        async with _agent_at(server, tmp_path) as events:
            await events.first(Delivered, 3)
        await controller.unregistered.wait()
    assert [build.status for build in builds] == ["completed"] * 3
    assert controller.workers == {}


@pytest.mark.parametrize(
    "source",
    [b"", b"no zip", _zip()[:-30], _zip().replace(b"xxx", b"xyx", 1), _zip()[30:]],
    ids=["empty", "text", "cut", "damaged", "headless"],
)
async def test_a_broken_source_is_reported_as_a_failed_build(source: bytes, tmp_path: Path) -> None:
    """The submitter learns that the archive is bad; the agent goes on with the next build."""
    controller = FakeController()
    broken = controller.add(FakeBuild("b1", source))
    whole = controller.add(FakeBuild("b2", _zip()))
    async with fake_server(controller.handle) as server, _agent_at(server, tmp_path):
        await broken.ended.wait()
        await whole.ended.wait()
    assert broken.status == "failed"
    assert (broken.error or "").startswith("The source archive")
    assert broken.error in broken.logs
    assert whole.status == "completed"


async def test_a_failing_builder_is_a_failed_build(tmp_path: Path) -> None:
    """The builder's text is what the controller is told."""
    controller = FakeController()
    build = controller.add(FakeBuild("b1", _zip()))
    async with (
        fake_server(controller.handle) as server,
        _agent_at(server, tmp_path, Failing()) as events,
    ):
        assert await events.first(Delivered) == Delivered("b1", "worker-1", "Pods are missing")
    assert build.error == "Pods are missing"


async def test_a_source_that_stays_unreadable_is_a_failed_build(tmp_path: Path) -> None:
    """When patience is over the submitter learns that the controller has lost the file."""
    controller = FakeController()

    async def handler(asked: Asked) -> Given:
        if asked.path.endswith("/source"):
            return answer({"error": "Failed to read source file"}, 500)
        return await controller.handle(asked)

    build = controller.add(FakeBuild("b1", _zip()))
    async with fake_server(handler) as server, _agent_at(server, tmp_path, patience=0.2):
        await build.ended.wait()
    assert build.error == "The worker could not get the source: Failed to read source file"


async def test_an_absent_controller_is_waited_for(tmp_path: Path) -> None:
    """The controller goes away during a poll and comes back: the agent polls on, as itself."""
    controller = FakeController()
    async with fake_server(controller.handle) as server, _agent_at(server, tmp_path):
        await controller.polled.wait()
        await server.down()
        build = controller.add(FakeBuild("b1", _zip()))
        await server.up()
        await build.ended.wait()
    assert build.status == "completed"
    assert controller.registrations == 1


async def test_a_result_outlives_a_restart_of_the_controller(tmp_path: Path) -> None:
    """Cut off while it reports, the agent reports again; a repeated report does no harm."""
    controller = FakeController()
    uploads: list[int] = []

    async def handler(asked: Asked) -> Given:
        given = await controller.handle(asked)
        if asked.path.endswith("/upload"):
            uploads.append(given.status)
            if len(uploads) == 1:
                raise HangUpError  # accepted, but the answer is lost
        return given

    build = controller.add(FakeBuild("b1", _zip()))
    async with fake_server(handler) as server, _agent_at(server, tmp_path) as events:
        await events.first(Delivered)
    assert uploads == [200, 200]
    assert build.status == "completed"


async def test_an_unknown_worker_registers_again(tmp_path: Path) -> None:
    """A controller that answers a poll with 404 gets the worker back under its old id."""
    controller = FakeController()
    async with fake_server(controller.handle) as server, _agent_at(server, tmp_path) as events:
        await controller.polled.wait()
        controller.workers.clear()
        await server.down()
        await server.up()
        await events.first(Joined, 2)
        build = controller.add(FakeBuild("b1", _zip()))
        await build.ended.wait()
    assert controller.registrations == 2
    assert build.worker_id == "worker-1"


async def test_a_cancelled_build_is_stopped_and_not_reported(tmp_path: Path) -> None:
    """The mark in an answer to a sign of life ends the builder; the agent takes the next build."""
    controller = FakeController()
    build = controller.add(FakeBuild("b1", _zip()))
    builder = Endless()
    async with (
        fake_server(controller.handle) as server,
        _agent_at(server, tmp_path, builder) as events,
    ):
        await builder.begun.wait()
        build.status = "failed"
        await builder.stopped.wait()
        assert await events.first(Dropped) == Dropped("b1", "worker-1", "cancelled")
        controller.add(FakeBuild("b2", _zip()))
        await events.first(Granted, 2)
    assert not build.ended.is_set()


async def test_a_build_given_to_another_is_left_to_it(tmp_path: Path) -> None:
    """A refused report is not tried again, nor turned into a failure."""
    controller = FakeController()

    async def handler(asked: Asked) -> Given:
        if asked.path.endswith("/upload"):
            controller.builds["b1"].worker_id = "somebody"
        return await controller.handle(asked)

    controller.add(FakeBuild("b1", _zip()))
    async with fake_server(handler) as server, _agent_at(server, tmp_path) as events:
        dropped = await events.first(Dropped)
    assert dropped == Dropped("b1", "worker-1", "Build not assigned to this worker")


async def test_log_lines_wait_for_the_controller(tmp_path: Path) -> None:
    """Lines written while it answers 503 are sent when it is back, in order."""
    controller = FakeController()
    build = controller.add(FakeBuild("b1", _zip()))
    refusals: list[str] = []

    async def handler(asked: Asked) -> Given:
        if asked.path.endswith("/logs") and len(refusals) < 3:
            refusals.append(asked.path)
            return answer({"error": "away"}, 503)
        return await controller.handle(asked)

    builder = SimulatedBuilder(size=10, seconds=0.2)
    async with fake_server(handler) as server, _agent_at(server, tmp_path, builder):
        await build.ended.wait()
    assert len(refusals) == 3
    assert build.logs[0].startswith("Source checked")
    assert [line.split()[0] for line in build.logs[1:]] == [
        "Installing",
        "Bundling",
        "Compiling",
        "Signing",
    ]


async def test_a_refused_key_ends_the_agent(tmp_path: Path) -> None:
    """There is no use in going on with a wrong key, so the operator is told."""
    controller = FakeController()
    settings = AgentSettings(name="mac", folder=tmp_path)
    async with fake_server(controller.handle) as server, Client(server.url, "wrong") as client:
        with pytest.raises(ApiError, match="403 Invalid API key"):
            await Agent(client, settings, BUILDER).run()

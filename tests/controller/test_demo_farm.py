"""The demonstration against a small controller on real sockets, up to its closing table."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner
from rich.console import Console
from trio.testing import MockClock

from api.client import ApiError, ControllerUnreachableError, TreeNode
from api.client.operators import OperatorCalls
from controller.commands.demo import demo
from controller.demo.board import as_json, table
from controller.demo.figures import Figures
from controller.demo.own_controller import OwnController
from controller.demo.program import demonstrate
from controller.demo.sabotage import sabotage
from controller.demo.sample import pack
from controller.demo.settings import Access, DemoSettings
from tests.support.fake_controller import KEY, FakeController
from tests.support.fake_http import Asked, Given, HangUpError, fake_server

APP = Path(__file__).parents[2] / "docs" / "sample-app"


def _settings(url: str, **more: object) -> DemoSettings:
    options = {"builds": 6, "workers": 2, "size": 70_000, "build_seconds": 0, "patience": 20}
    return DemoSettings(app=APP, url=url, api_key=KEY, seed=7, **{**options, **more})  # type: ignore[arg-type]


async def _demonstrate(url: str, **more: object) -> tuple[Figures, str]:
    told = io.StringIO()
    with trio.fail_after(60):
        figures = await demonstrate(_settings(url, **more), Console(file=told, width=200))
    assert figures is not None
    return figures, told.getvalue()


async def test_every_build_comes_back_right() -> None:
    """A controller without faults gives a table without faults."""
    controller = FakeController()
    async with fake_server(controller.handle) as server:
        figures, told = await _demonstrate(server.url)
    assert figures.is_good
    assert (figures.builds, figures.lost, figures.assigned_twice, figures.kills) == (6, 0, 0, 0)
    assert "submitted 0" in told
    assert controller.workers == {}


async def test_lost_answers_to_submissions_lose_nothing() -> None:
    """A submission whose answer was lost is repeated under its key and is one build."""
    controller = FakeController()
    lost: set[str] = set()

    async def handler(asked: Asked) -> Given:
        given = await controller.handle(asked)
        if (key := asked.headers.get("idempotency-key")) is not None and key not in lost:
            lost.add(key)
            raise HangUpError
        return given

    async with fake_server(handler) as server:
        figures, _ = await _demonstrate(server.url)
    assert len(lost) == len(controller.builds) == 6
    assert figures.is_good


async def test_a_wrong_result_is_found() -> None:
    """Bytes that are not what the worker sent are a failure and a loss."""
    controller = FakeController()

    async def handler(asked: Asked) -> Given:
        given = await controller.handle(asked)
        if asked.path == "/api/builds/build-3/download":
            return Given(200, b"something else")
        return given

    async with fake_server(handler) as server:
        figures, told = await _demonstrate(server.url)
    assert (figures.failures, figures.lost) == (1, 1)
    assert "build-3: the result is not what was built" in told


async def test_a_build_given_to_two_workers_is_found() -> None:
    """A controller that hands out a build twice under one number is caught."""
    controller = FakeController()
    controller.gives_twice = True
    holders: set[str] = set()
    both = trio.Event()

    async def handler(asked: Asked) -> Given:
        holders.add(asked.headers.get("x-worker-id", ""))
        if len(holders - {""}) == 2:
            both.set()
        if asked.path == "/api/workers/upload":
            await both.wait()
        return await controller.handle(asked)

    async with fake_server(handler) as server:
        figures, _ = await _demonstrate(server.url, builds=1)
    assert figures.assigned_twice == 1
    assert not figures.is_good


async def test_a_silent_controller_is_given_up() -> None:
    """When nothing happens any more, what is missing is lost."""
    controller = FakeController()

    async def handler(asked: Asked) -> Given:
        if asked.path == "/api/workers/poll":
            await trio.sleep_forever()
        return await controller.handle(asked)

    async with fake_server(handler) as server:
        figures, told = await _demonstrate(server.url, builds=2, patience=0.3)
    assert (figures.builds, figures.lost) == (2, 2)
    assert "giving up" in told


class Target(OperatorCalls):
    """A tree of one supervisor and two actors, and what was shot."""

    def __init__(self) -> None:
        self.shots: list[str] = []
        self.trouble: list[Exception | None] = []

    async def debug_tree(self) -> TreeNode:
        """Return the tree."""
        await trio.lowlevel.checkpoint()
        leaves = [TreeNode(f"s/{n}", n, "actor", "running") for n in "ab"]
        ended = TreeNode("s/c", "c", "actor", "ended")
        top = TreeNode("s", "s", "supervisor", "running", [*leaves, ended])
        return TreeNode("", "root", "supervisor", "running", [top])

    async def debug_kill(self, path: str) -> None:
        """Note the shot, with trouble when some is in store."""
        await trio.lowlevel.checkpoint()
        self.shots.append(path)
        if self.trouble and (trouble := self.trouble.pop(0)):
            raise trouble


async def test_sabotage_hits_running_actors_only(autojump_clock: MockClock) -> None:  # noqa: ARG001
    """One a second; a refused kill does not count, an unanswered one does."""
    target, killed = Target(), list[str]()
    target.trouble = [None, ApiError(404, "gone"), ControllerUnreachableError("hit itself")]
    with trio.move_on_after(30.5):
        await sabotage(target, random.Random(1), killed.append)
    assert len(target.shots) == 30
    assert len(killed) == 29
    assert set(killed) == {"s/a", "s/b"}


def test_packing_is_repeatable_and_the_filler_makes_the_difference(tmp_path: Path) -> None:
    """The same input gives the same bytes, another filler gives others."""
    first, same = pack(APP, tmp_path / "a", b"1"), pack(APP, tmp_path / "b", b"1")
    assert first == same
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert pack(APP, tmp_path / "c", b"2") != first


def test_secrets_in_a_log_are_counted(tmp_path: Path) -> None:
    """The key and every build token are looked for."""
    log = tmp_path / "log"
    log.write_bytes(b"\xff started\nGET /x?token=one\n")
    controller = OwnController(Access("url", "the key"), log)
    assert controller.leaks(["two"]) == 0
    assert controller.leaks(["one", "two"]) == 1


def test_the_table_says_the_same_as_the_json() -> None:
    """Every figure that applies is shown, with the verdict."""
    figures = Figures(
        builds=3, seconds=1.5, builds_per_minute=120, in_queue_p50_ms=None,
        in_queue_p99_ms=None, failures=0, kills=2, lost=1, assigned_twice=0, seed=9,
        secrets_in_the_log=0,
    )  # fmt: skip
    shown = io.StringIO()
    Console(file=shown, width=80).print(table(figures))
    assert "NOT OK" in shown.getvalue()
    assert "secrets in the log" in shown.getvalue()
    assert "controller exit" not in shown.getvalue()
    assert json.loads(as_json(figures))["lost"] == 1
    assert json.loads(as_json(figures))["ok"] is False


def test_a_controller_that_is_not_there_is_one_line() -> None:
    """No traceback for a wrong address."""
    ran = CliRunner().invoke(demo, ["--url", "http://127.0.0.1:9", "--api-key", KEY])
    assert ran.exit_code == 1
    assert ran.output.startswith("Error: /api/builds: ")


@pytest.mark.parametrize("option", ["--builds", "--workers", "--submitters"])
def test_a_farm_has_at_least_one_of_each(option: str) -> None:
    """Nought builds, workers or submitters is refused before anything starts."""
    assert CliRunner().invoke(demo, [option, "0"]).exit_code == 2

"""Every limit of the application: what is answered beyond it, and that just below it all works."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import trio

from actors.store.database import ConnectOptions
from api.limits import Limits
from controller.limits import LIMITS
from tests.docs.printed import DOCS
from tests.support.farm import farming, good, refused
from tests.support.form import Part, file


def _logs(build_id: str) -> str:
    return f"/api/builds/{build_id}/logs"


def _nested(depth: int) -> dict[str, Any]:
    """Return an object so deep that the deepest list is at `depth`."""
    value: Any = []
    for _ in range(depth - 2):
        value = [value]
    return {"level": "info", "message": "m", "more": value}


async def test_json_that_is_too_large_or_too_deep(
    database_options: ConnectOptions, tmp_path: Path, logged: object
) -> None:
    """413 above the bytes, 400 below the depth, through both doors."""
    del logged
    sizes = {"max_json_bytes": "2000", "max_json_depth": "5"}
    async with farming(database_options, tmp_path, **sizes) as farm:
        build_id, worker_id, _ = await farm.assigned()
        for path, extra in (
            (_logs(build_id), {"level": "info", "message": "m"}),
            ("/api/workers/register", {"name": "n", "capabilities": {}}),
        ):

            async def sized(size: int, path: str = path, extra: dict[str, Any] = extra) -> Any:
                left = size - len(json.dumps({**extra, "pad": ""}))
                return await farm.post(path, {**extra, "pad": "x" * left}, x_worker_id=worker_id)

            good(await sized(2000))
            assert refused(await sized(2001)) == (413, "Request body is too large")
            deep = await farm.post(path, {**extra, **_nested(5)}, x_worker_id=worker_id)
            assert deep.status_code == 200
            deep = await farm.post(path, {**extra, **_nested(6)}, x_worker_id=worker_id)
            assert refused(deep) == (400, "Bad Request")


async def test_log_lines_and_batches(
    database_options: ConnectOptions, tmp_path: Path, logged: object
) -> None:
    """A long line is cut and says so; a batch of too many is 413, and nothing of it is stored."""
    del logged
    sizes = {"max_log_line": "10", "max_log_batch": "3"}
    async with farming(database_options, tmp_path, **sizes) as farm:
        build_id, worker_id, _ = await farm.assigned()
        entry = {"level": "warn", "message": "0123456789"}
        good(await farm.post(_logs(build_id), {"logs": [entry] * 3}, x_worker_id=worker_id))
        answer = await farm.post(_logs(build_id), {"logs": [entry] * 4}, x_worker_id=worker_id)
        assert refused(answer) == (413, "Too many log entries in one request")
        long = {"level": "error", "message": "0123456789abc"}
        good(await farm.post(_logs(build_id), long, x_worker_id=worker_id))
        lines = [line for line in await farm.lines(build_id) if line[0] in {"warn", "error"}]
        cut = ("error", "0123456789 [3 characters cut]")
        assert lines == [("warn", "0123456789")] * 3 + [cut]
        body = {"build_id": build_id, "error": "x" * 11}
        good(await farm.post("/api/workers/fail", body))
        assert (await farm.status(build_id))["error_message"] == "x" * 10 + " [1 characters cut]"


async def test_parts_and_fields_of_a_form(
    database_options: ConnectOptions, tmp_path: Path, logged: object
) -> None:
    """Too many parts are 413 and leave nothing; a long text keeps its beginning."""
    del logged
    sizes = {"max_form_parts": "4", "max_field_bytes": "30"}
    async with farming(database_options, tmp_path, **sizes) as farm:
        parts = [Part("platform", "ios"), file("source", b"s")]
        more = [Part("appleId", "x" * 100)] * 2
        made = good(await farm.send_form("/api/builds/submit", *parts, *more))
        answer = await farm.send_form("/api/builds/submit", *parts, *more, *more)
        assert refused(answer)[0] == 413
        assert len(farm.files()) == 1
        build_id, worker_id, _ = await farm.assigned_of(made, "ios")
        good(await farm.upload(build_id, worker_id, None, error="0123456789" * 4))
        assert (await farm.status(build_id))["error_message"] == "0123456789" * 3


async def test_uploads_at_once(
    database_options: ConnectOptions, tmp_path: Path, logged: object
) -> None:
    """One more is 429 with the time to come back, before its body is read; then there is room."""
    del logged
    async with farming(database_options, tmp_path, max_uploads="1") as farm:
        stream = await farm.begin_form("/api/builds/submit")
        while not farm.parts.condition.uploads.taken:
            await trio.testing.wait_all_tasks_blocked(0.001)
        answer = await farm.send_form("/api/builds/submit", file("source", b"s"))
        assert refused(answer) == (429, "Too many uploads at once")
        assert answer.headers["retry-after"] == "2"
        assert (await farm.get("/api/builds")).status_code == 200
        await stream.aclose()
        while farm.parts.condition.uploads.taken:
            await trio.testing.wait_all_tasks_blocked(0.001)
        await farm.submit()


async def test_polls_held_at_once(
    database_options: ConnectOptions, tmp_path: Path, logged: object
) -> None:
    """One more is 429 when it asked to wait, else it is answered at once."""
    del logged
    settings = {"max_held_polls": "1", "poll_hold_seconds": "30"}
    async with farming(database_options, tmp_path, **settings) as farm:
        first, second = await farm.register(), await farm.register()

        async def hold() -> None:
            assert await farm.poll(first, wait=30) is not None

        async with trio.open_nursery() as nursery:
            nursery.start_soon(hold)
            while not farm.parts.condition.held_polls.taken:
                await trio.testing.wait_all_tasks_blocked(0.001)
            query = {"worker_id": second, "wait": "5"}
            answer = await farm.ask("GET", "/api/workers/poll", params=query)
            assert refused(answer) == (429, "Too many polls wait")
            assert answer.headers["retry-after"] == "2"
            assert await farm.poll(second) is None
            await farm.submit()
        assert not farm.parts.condition.held_polls.taken


async def test_a_head_that_is_too_large(
    database_options: ConnectOptions, tmp_path: Path, logged: object
) -> None:
    """431, as the setting says."""
    del logged
    async with farming(database_options, tmp_path, max_header_bytes="1000") as farm:
        good(await farm.get("/api/stats", x_padding="x" * 500))
        answer = await farm.get("/api/stats", x_padding="x" * 1000)
        assert refused(answer) == (431, "Request Header Fields Too Large")


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_every_limit_has_an_answer(limit: Any) -> None:
    """A row says what is limited and what happens, and refuses nonsense."""
    assert limit.means.endswith(".")
    assert limit.answer
    with pytest.raises(ValueError, match="must be"):
        limit.read("-1")
    assert f"`{limit.variable}`" in (DOCS / "limits.md").read_text(encoding="utf-8")


def test_the_defaults_are_those_of_the_code() -> None:
    """Each is written once."""
    told = {limit.name: limit.default for limit in LIMITS}
    assert told["max_uploads"] == Limits().max_uploads

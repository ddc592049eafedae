"""Submitting a build: what is taken, what is refused, and what a refusal leaves behind."""

from __future__ import annotations

import hashlib
import itertools
import re

import pytest
import trio

from actors.domain.artifact import LIMITS, Kind
from actors.storage.filesystem import FileStore, IncomingFile
from api.form import MALFORMED, TOO_MANY_PARTS
from tests.support.farm import Farm, good, refused
from tests.support.form import BOUNDARY, MULTIPART, Part, body_of, file

SUBMIT = "/api/builds/submit"
IOS = Part("platform", "ios")
SOURCE = file("source", b"PK source")


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every limit 1000 bytes."""
    for kind in Kind:
        monkeypatch.setitem(LIMITS, kind, 1000)


async def left_behind(farm: Farm) -> tuple[list[str], int]:
    """Files and rows."""
    return farm.files(), await farm.count("builds")


async def test_answer_has_id_status_time_and_token(farm: Farm) -> None:
    """200 with these four keys; the build is pending, its first line has the same time."""
    answer = await farm.submit()
    assert set(answer) == {"id", "status", "submitted_at", "access_token"}
    assert re.fullmatch(r"[A-Za-z0-9_-]{21}", answer["id"])
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", answer["access_token"])
    assert answer["status"] == "pending"
    logs = good(await farm.get(f"/api/builds/{answer['id']}/logs"))["logs"]
    line = {"timestamp": answer["submitted_at"], "level": "info", "message": "Build submitted"}
    assert logs == [line]
    assert (await farm.status(answer["id"]))["submitted_at"] == answer["submitted_at"]


async def test_parts_come_in_any_order(farm: Farm) -> None:
    """All six orders of source, certs and platform are the same build."""
    parts = (SOURCE, IOS, file("certs", b"PK certs"))
    for order in itertools.permutations(parts):
        build = good(await farm.send_form(SUBMIT, *order))
        source = await farm.get(f"/api/builds/{build['id']}/source", x_worker_id="w")
        certs = await farm.get(f"/api/builds/{build['id']}/certs", x_worker_id="w")
        assert (source.content, certs.content) == (b"PK source", b"PK certs")
    assert len(farm.files()) == 12


async def test_unknown_parts_are_read_and_dropped(farm: Farm) -> None:
    """A profile of 5 MB before, between and after; texts of passwords; nothing of it is kept."""
    junk = file("profile", b"\r\n--" + b"p" * 5_000_000)
    texts = (Part("appleId", "a@b"), Part("applePassword", "x" * 200_000))
    build = good(await farm.send_form(SUBMIT, junk, *texts, SOURCE, junk, IOS, junk))
    source = await farm.get(f"/api/builds/{build['id']}/source", x_worker_id="w")
    assert source.content == b"PK source"
    assert len(farm.files()) == 1


async def test_source_sent_as_a_text_counts_as_absent(farm: Farm) -> None:
    """400, as if it was not there."""
    answer = await farm.send_form(SUBMIT, Part("source", "PK"), IOS)
    assert refused(answer) == (400, "Source file required")


async def test_source_may_be_empty_and_of_any_name_and_type(farm: Farm) -> None:
    """Also a file without a name."""
    for source in (file("source", b""), Part("source", b"", ""), Part("source", b"x", "a", "a/b")):
        build = good(await farm.send_form(SUBMIT, source, IOS))
        response = await farm.get(f"/api/builds/{build['id']}/source", x_worker_id="w")
        assert response.content == source.data


async def test_a_body_that_is_no_form_is_refused(farm: Farm) -> None:
    """400 for every other content type, and for a boundary that is missing or impossible."""
    for kind in (
        "",
        "application/json",
        "multipart/mixed; boundary=a",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "text/plain; boundary=a",
    ):
        answer = await farm.ask("POST", SUBMIT, {"Content-Type": kind}, content=body_of(SOURCE))
        assert refused(answer) == (400, "Content must be multipart/form-data"), kind
    assert await left_behind(farm) == ([], 0)


async def test_source_is_asked_for_before_platform(farm: Farm) -> None:
    """Both missing: source; then the platform, which is exact."""
    assert refused(await farm.send_form(SUBMIT)) == (400, "Source file required")
    for parts in (
        (),
        (Part("platform", "IOS"),),
        (Part("platform", "web"),),
        (file("platform", b"ios"),),
    ):
        answer = await farm.send_form(SUBMIT, SOURCE, file("certs", b"c"), *parts)
        assert refused(answer) == (400, "Valid platform required (ios|android)")
    assert await left_behind(farm) == ([], 0)


async def test_a_broken_body_is_refused_and_leaves_nothing(farm: Farm) -> None:
    """Cut off at every interesting place, framed wrongly, with a name that is no UTF-8."""
    whole = body_of(SOURCE, IOS)
    broken = [whole[:cut] for cut in (10, 60, 140, 165, len(whole) - 40, len(whole) - 4)]
    broken += [b"", b"garbage", whole.replace(b"\r\n", b"\n"), whole.replace(b"platform", b"\xff")]
    broken += [whole.replace(b"Content-Disposition", b"Disposition")]
    broken += [body_of(*[Part(f"p{i}", "") for i in range(65)], SOURCE, IOS)]
    for body in broken:
        answer = await farm.ask("POST", SUBMIT, {"Content-Type": MULTIPART}, content=body)
        status, text = refused(answer)
        assert status in {400, 413}, body[:80]
        words = {MALFORMED[1], TOO_MANY_PARTS[1]}
        assert text in words, text  # nothing of what the parser says
    assert await left_behind(farm) == ([], 0)


async def test_what_follows_the_last_boundary_is_nobodys(farm: Farm) -> None:
    """Even when it comes as a piece of its own."""

    async def pieces() -> object:
        for piece in (body_of(SOURCE, IOS), b"\r\n", b"epilogue", b"--x--"):
            yield piece
            await trio.testing.wait_all_tasks_blocked()

    answer = await farm.ask("POST", SUBMIT, {"Content-Type": MULTIPART}, content=pieces())
    assert good(answer)["status"] == "pending"


async def test_every_split_of_a_body_is_the_same_build(farm: Farm) -> None:
    """A byte at a time over the wire."""

    async def pieces() -> object:
        whole = body_of(IOS, SOURCE)
        for i in range(len(whole)):
            yield whole[i : i + 1]

    answer = await farm.ask("POST", SUBMIT, {"Content-Type": MULTIPART}, content=pieces())
    source = await farm.get(f"/api/builds/{good(answer)['id']}/source", x_worker_id="w")
    assert source.content == b"PK source"


@pytest.mark.usefixtures("small_limits")
async def test_exactly_the_limit_is_allowed(farm: Farm) -> None:
    """One byte more is 413 with the text of the part, whatever follows it."""
    await farm.submit(b"s" * 1000, certs=b"c" * 1000)
    assert len(farm.files()) == 2
    for name, text in (("source", "Source file too large"), ("certs", "Certs file too large")):
        others = [part for part in (SOURCE, file("certs", b"c")) if part.name != name]
        answer = await farm.send_form(SUBMIT, *others, file(name, b"x" * 1001), IOS)
        assert refused(answer) == (413, text)
        assert answer.reason_phrase == "Payload Too Large"
    assert len(farm.files()) == 2
    assert await farm.count("builds") == 1


@pytest.mark.usefixtures("small_limits")
async def test_too_large_is_said_before_the_rest_has_come(farm: Farm) -> None:
    """The client is told at once, and before any look at the other parts."""
    answer = await farm.send_form(SUBMIT, file("source", b"x" * 3_000_000))
    assert refused(answer) == (413, "Source file too large")
    assert await left_behind(farm) == ([], 0)


async def test_the_last_of_two_parts_of_one_name_counts(farm: Farm) -> None:
    """The first one's file is deleted."""
    first = file("source", b"first")
    build = good(await farm.send_form(SUBMIT, first, Part("platform", "x"), SOURCE, IOS))
    source = await farm.get(f"/api/builds/{build['id']}/source", x_worker_id="w")
    assert source.content == b"PK source"
    assert len(farm.files()) == 1


async def test_large_source_arrives_whole(farm: Farm) -> None:
    """Nine odd MiB, byte for byte."""
    data = bytes(range(256)) * 37000 + b"\r\n--" + BOUNDARY[:-1].encode()
    build = await farm.submit(data)
    source = await farm.get(f"/api/builds/{build['id']}/source", x_worker_id="w")
    assert hashlib.sha256(source.content).digest() == hashlib.sha256(data).digest()


async def test_client_that_leaves_in_the_middle_leaves_nothing(farm: Farm) -> None:
    """The body breaks off: no build, no file."""
    stream = await farm.begin_form(SUBMIT)
    await stream.send_all(body_of(SOURCE)[:-30] + b"x" * 2_000_000)
    while not farm.files():
        await trio.testing.wait_all_tasks_blocked(0.001)
    await stream.aclose()
    while farm.files():
        await trio.testing.wait_all_tasks_blocked(0.001)
    assert await left_behind(farm) == ([], 0)


async def test_a_repeated_key_is_the_same_build(farm: Farm) -> None:
    """Same id and time, a token that opens, one set of files; another key is another build."""
    first = await farm.submit(key="k1")
    again = await farm.submit(key="k1")
    other = await farm.submit(key="k2")
    assert (first["id"], first["submitted_at"]) == (again["id"], again["submitted_at"])
    assert other["id"] != first["id"]
    for answer in (first, again):
        path = f"/api/builds/{first['id']}/status"
        headers = {"X-API-Key": "", "X-Build-Token": answer["access_token"]}
        assert good(await farm.ask("GET", path, headers))["status"] == "pending"
    assert len(farm.files()) == 2
    assert [line for _, line in await farm.lines(first["id"])] == ["Build submitted"]


async def test_one_key_sent_many_times_at_once_is_one_build(farm: Farm) -> None:
    """Everybody is told the same id."""
    ids = []

    async def submit() -> None:
        ids.append((await farm.submit(key="same"))["id"])

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(submit)
    assert len(set(ids)) == 1
    assert len(farm.files()) == 1
    assert await farm.count("builds") == 1


@pytest.mark.usefixtures("expect_errors")
async def test_a_full_disk_is_told(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    """507, whether it is full at the start or at the end; nothing is left."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for owner, name in ((FileStore, "create"), (IncomingFile, "publish")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, full)
            answer = await farm.send_form(SUBMIT, SOURCE, IOS)
        assert refused(answer) == (507, "No space left for artifacts on the controller"), name
        assert await left_behind(farm) == ([], 0)
    await farm.submit()

"""Section 4: submissions."""

from __future__ import annotations

import pytest

from tests.contract.client import SOURCE, Controller, Part, file, good, refused

OURS = pytest.mark.ours
SUBMIT = "/api/builds/submit"


# -- submit ---------------------------------------------------------------------------------------


def test_submit_answers_id_status_time_and_token(it: Controller) -> None:
    """An extra `platform` would be harmless."""
    made = it.submit()
    assert set(made) >= {"id", "status", "submitted_at", "access_token"}
    assert made["status"] == "pending"


def test_submit_writes_a_log_line(it: Controller) -> None:
    """Info, at the same time."""
    made = it.submit()
    logs = good(it.get(f"/api/builds/{made['id']}/logs"))["logs"]
    assert [(line["level"], line["message"]) for line in logs] == [("info", "Build submitted")]
    assert logs[0]["timestamp"] == made["submitted_at"]


@pytest.mark.parametrize("platform", ["ios", "android"])
def test_both_platforms_are_taken(it: Controller, platform: str) -> None:
    """And told again."""
    assert it.status(it.submit(platform)["id"])["platform"] == platform


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_parts_come_in_any_order(it: Controller, order: tuple[int, ...]) -> None:
    """Files and texts."""
    parts = [file("source", SOURCE), Part("platform", "ios"), file("certs", b"c")]
    good(it.send(SUBMIT, *(parts[place] for place in order)))


def test_source_may_have_any_name_and_type(it: Controller) -> None:
    """A zip named tar.gz, as the CLI sends it."""
    source = Part("source", SOURCE, "project.tar.gz", "application/gzip")
    good(it.send(SUBMIT, source, Part("platform", "ios")))


def test_source_may_be_empty(it: Controller) -> None:
    """A file of no bytes is a file."""
    good(it.send(SUBMIT, file("source", b""), Part("platform", "ios")))


def test_unknown_parts_are_ignored(it: Controller) -> None:
    """Texts and a small file."""
    more = [Part("appleId", "a@b.c"), Part("applePassword", "x"), file("profile", b"p")]
    good(it.send(SUBMIT, *more, file("source", SOURCE), Part("platform", "ios")))


@OURS
@pytest.mark.parametrize("first", [True, False])
def test_unknown_file_of_any_size_is_dropped(it: Controller, *, first: bool) -> None:
    """Before or after the parts that count."""
    large, known = (
        file("profile", bytes(3_000_000)),
        [file("source", b"s"), Part("platform", "ios")],
    )
    good(it.send(SUBMIT, *([large, *known] if first else [*known, large])))


def test_source_as_text_is_no_source(it: Controller) -> None:
    """A field without file name."""
    answer = it.send(SUBMIT, Part("source", "text"), Part("platform", "ios"))
    assert refused(answer) == (400, "Source file required")


def test_no_form_is_400(it: Controller) -> None:
    """JSON is none."""
    answer = it.post(SUBMIT, {"platform": "ios"})
    assert refused(answer) == (400, "Content must be multipart/form-data")


def test_no_source_is_400_before_the_platform(it: Controller) -> None:
    """Checks come in order."""
    assert refused(it.send(SUBMIT, Part("x", "y"))) == (400, "Source file required")


@pytest.mark.parametrize("platform", ["", "IOS", "windows", " ios"])
def test_other_platforms_are_400(it: Controller, platform: str) -> None:
    """To the letter."""
    answer = it.send(SUBMIT, file("source", SOURCE), Part("platform", platform))
    assert refused(answer) == (400, "Valid platform required (ios|android)")


@pytest.mark.parametrize(("over", "status"), [(0, 200), (1, 413)])
def test_certs_of_exactly_10_mib_are_taken(it: Controller, over: int, status: int) -> None:
    """One byte more is 413."""
    parts = [file("source", b"s"), Part("platform", "ios"), file("certs", bytes(10 * 2**20 + over))]
    answer = it.send(SUBMIT, *parts)
    assert answer.status_code == status
    if over:
        assert refused(answer) == (413, "Certs file too large")


def test_refused_submission_leaves_no_build(it: Controller) -> None:
    """The list is as before."""
    before = good(it.get("/api/builds"))
    it.send(SUBMIT, file("source", SOURCE), Part("platform", "windows"))
    assert good(it.get("/api/builds")) == before

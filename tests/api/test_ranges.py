"""Conditions and ranges, decided without a byte moved."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.ranges import Instead, Span, wanted

TAG = '"abc"'
SIZE = 1000
WHOLE = Span(0, SIZE, whole=True)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", Span(0, 1)),
        ("bytes=0-999", Span(0, 1000)),
        ("bytes=5-", Span(5, 1000)),
        ("bytes=5-99999", Span(5, 1000)),
        ("bytes=-1", Span(999, 1000)),
        ("bytes=-5000", Span(0, 1000)),
        ("BYTES= 5-9 ", Span(5, 10)),
        ("bytes=1000-", Instead.NOT_SATISFIABLE),
        ("bytes=-0", Instead.NOT_SATISFIABLE),
        ("bytes=999999999999999999-", Instead.NOT_SATISFIABLE),
        ("bytes=9-5", WHOLE),
        ("bytes=-", WHOLE),
        ("bytes=a-b", WHOLE),
        ("bytes=0-1,5-6", WHOLE),
        ("bytes=\u0661-\u0662", WHOLE),
        ("bytes=" + "9" * 19 + "-", WHOLE),
        ("lines=0-5", WHOLE),
        ("", WHOLE),
    ],
)
def test_a_range(header: str, expected: object) -> None:
    """One of bytes is taken; whatever cannot be read is as if it was not there."""
    assert wanted("GET", {"range": header}, TAG, SIZE) == expected
    assert wanted("HEAD", {"range": header}, TAG, SIZE) == WHOLE


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=-1", "bytes=0-0"])
def test_no_range_of_nothing_can_be_had(header: str) -> None:
    """An empty artifact has no byte to give."""
    assert wanted("GET", {"range": header}, TAG, 0) == Instead.NOT_SATISFIABLE
    assert wanted("GET", {}, TAG, 0) == Span(0, 0, whole=True)


@pytest.mark.parametrize(
    ("header", "same"),
    [
        (TAG, True),
        (f"W/{TAG}", True),
        (f'"x", {TAG}', True),
        ("*", True),
        ('"x"', False),
        ("abc", False),
        ("", False),
    ],
)
def test_what_the_client_has_is_not_sent(header: str, *, same: bool) -> None:
    """Whatever range it asks for."""
    headers = {"if-none-match": header, "range": "bytes=0-0"}
    expected = Instead.NOT_MODIFIED if same else Span(0, 1)
    assert wanted("GET", headers, TAG, SIZE) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (TAG, Span(5, 1000)),
        (f"W/{TAG}", WHOLE),
        ('"x"', WHOLE),
        ("Wed, 25 Nov 2026 14:00:00 GMT", WHOLE),
    ],
)
def test_a_range_of_something_else_is_all_of_it(header: str, expected: Span) -> None:
    """A client that resumes gets the rest only of the very bytes that it has begun with."""
    assert wanted("GET", {"range": "bytes=5-", "if-range": header}, TAG, SIZE) == expected


@given(st.text(alphabet="bytes=-,0123456789 x"), st.integers(0, 50))
def test_any_header_gives_a_part_of_what_is_there(header: str, size: int) -> None:
    """Or nothing."""
    found = wanted("GET", {"range": header}, TAG, size)
    if isinstance(found, Span):
        assert 0 <= found.start <= found.stop <= size
        assert found.whole or found.start < found.stop

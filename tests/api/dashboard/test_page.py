"""The dashboard: what people see, and what strangers cannot put into it."""

from __future__ import annotations

from api.dashboard.presenters import capabilities, moment, span
from tests.support.farm import Farm


async def test_page_shows_builds_and_workers(farm: Farm) -> None:
    """Title, counters, the first eight characters of ids, links; no key."""
    build_id, worker_id, _ = await farm.assigned()
    await farm.upload(build_id, worker_id)
    page = await farm.get("/", x_api_key="")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>Expo Free Agent Controller</title>" in page.text
    assert f">{build_id[:8]}<" in page.text
    assert f"/api/builds/{build_id}/status" in page.text
    assert f"/api/builds/{build_id}/download" in page.text
    for text in ("completed", "ios", "mac", "<dt>Finished</dt><dd>1</dd>"):
        assert text in page.text
    assert "Demo" not in page.text
    assert farm.api_key not in page.text


async def test_names_of_strangers_are_escaped(farm: Farm) -> None:
    """Markup in a name or in capabilities is text."""
    evil = "<script>alert(1)</script>\"'&\0"
    able = {"platforms": [evil, {"a": evil}, None], "xcode_version": evil}
    await farm.register(evil, able)
    await farm.register("odd", [evil])
    await farm.register("odd", evil)
    page = await farm.get("/")
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "default-src 'self'" in page.headers["content-security-policy"]


async def test_demo_is_marked_and_invented(farm: Farm) -> None:
    """`?demo=true` exactly; nothing of the farm is in it."""
    await farm.register("real-machine")
    page = await farm.get("/?demo=true")
    assert "Demo: invented data" in page.text
    assert "real-machine" not in page.text
    assert "demo-000" in page.text
    for query in ("?demo=1", "?demo=", "?demo"):
        assert "real-machine" in (await farm.get("/" + query)).text


def test_spans_have_their_two_largest_units() -> None:
    """Never negative."""
    for seconds, text in (
        (-5, "0s"),
        (59.9, "59s"),
        (60, "1m 0s"),
        (3599, "59m 59s"),
        (3600, "1h 0m"),
        (90_000, "1d 1h"),
    ):
        assert span(seconds) == text


def test_capabilities_are_one_short_line() -> None:
    """Whatever a worker says of itself."""
    assert capabilities({"platforms": ["ios"], "xcode_version": "16"}) == "ios, Xcode 16"
    for odd in (None, [], "x", {}, {"platforms": "ios"}):
        assert capabilities(odd) == ""


def test_moments_are_utc() -> None:
    """To the second."""
    assert moment(0) == "1970-01-01 00:00:00"

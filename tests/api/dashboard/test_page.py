"""The dashboard: what people see, and what strangers cannot put into it."""

from __future__ import annotations

import base64
import hashlib
import re

from api.dashboard.presenters import capabilities, moment, span
from tests.support.farm import Farm


async def test_page_shows_builds_and_workers(farm: Farm) -> None:
    """Title, counters, the first eight characters of ids; no id, no link, no key."""
    build_id, worker_id, lease = await farm.assigned()
    await farm.upload(build_id, worker_id)
    page = await farm.get("/", x_api_key="")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>Expo Free Agent Controller</title>" in page.text
    assert f">{build_id[:8]}<" in page.text
    for secret in (build_id, worker_id, lease):
        assert secret[:9] not in page.text
    assert worker_id[:8] not in page.text
    assert not re.search(r"[A-Za-z0-9_-]{21}", page.text)
    assert not re.search(r"<a\b|href=", page.text.partition("<script>")[0])
    for text in ("completed", "ios", "mac", "<dt>Finished</dt><dd>1</dd>"):
        assert text in page.text
    assert "Demo" not in page.text
    assert farm.api_key not in page.text


async def test_page_with_the_key_has_ids_and_links(farm: Farm) -> None:
    """The right key only: with a wrong one the page is that of everybody."""
    build_id, worker_id, _ = await farm.assigned()
    await farm.upload(build_id, worker_id)
    page = await farm.get("/")
    for text in (build_id, worker_id, 'data-opened="yes"'):
        assert text in page.text.partition("<script>")[0]
    assert f'href="/api/builds/{build_id}/status"' in page.text
    assert f'href="/api/builds/{build_id}/download"' in page.text
    assert page.headers["cache-control"] == "no-store"
    for key in ("wrong", farm.api_key[:-1], farm.api_key + "x", "é"):
        page = await farm.http.get("/", headers={"X-API-Key": key.encode("latin-1")})
        assert build_id not in page.text
        assert 'data-opened="yes"' not in page.text


async def test_page_runs_its_own_script_and_no_other(farm: Farm) -> None:
    """The policy names the script by its hash, so that no markup that slipped in would run."""
    page = await farm.get("/", x_api_key="")
    script = page.text.partition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = page.headers["content-security-policy"]
    assert f"script-src 'sha256-{digest}'" in policy
    assert page.text.count("<script") == 1


async def test_long_names_hide_no_column(farm: Farm) -> None:
    """They are cut by the width of their column; the whole is in the title."""
    name = "n " * 99
    await farm.register(name, {"platforms": ["ios"] * 100})
    page = await farm.get("/", x_api_key="")
    assert f'<td class="long" title="{name}">{name}</td>' in page.text
    assert ".long { max-width: 16rem; overflow: hidden; text-overflow: ellipsis; }" in page.text


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
    ids = re.findall(r"<code>([^<]*)</code>", page.text)
    assert len(ids) == len({one[:8] for one in ids}) == 21
    assert page.text.count("<svg") == page.text.count('<span class="mark">Demo</span>') == 2
    for live in ("<a ", "href=", "<script", "<form"):
        assert live not in page.text
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

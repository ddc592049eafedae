"""The dashboard in a real browser, on a real controller: the key, the links, the keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import SECONDS, browser, needs_chromium
from tests.support.form import MULTIPART, Part, body_of, file
from tests.support.program import Program, running_controller

pytestmark = needs_chromium
APP = b"an app"


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Run one controller for all tests here, with one build that is completed."""
    with running_controller(tmp_path_factory.mktemp("browser") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def build_id(controller: Program) -> str:
    """Have a build made by a worker; return its id."""
    form = {"X-API-Key": controller.api_key, "Content-Type": MULTIPART}
    key = {"X-API-Key": controller.api_key}
    with httpx.Client(base_url=controller.url) as http:
        body = body_of(file("source", b"PK"), Part("platform", "ios"))
        built = http.post("/api/builds/submit", headers=form, content=body).json()["id"]
        worker = {"name": "w" * 150, "capabilities": {"platforms": ["ios"]}}
        worker_id = http.post("/api/workers/register", headers=key, json=worker).json()["id"]
        http.get("/api/workers/poll", headers=key, params={"worker_id": worker_id})
        body = body_of(
            Part("build_id", built),
            Part("worker_id", worker_id),
            Part("success", "true"),
            file("result", APP, "artifact.ipa"),
        )
        assert http.post("/api/workers/upload", headers=form, content=body).status_code == 200
    return built


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Run one browser for all tests here."""
    expect.set_options(timeout=SECONDS * 1000)
    with browser() as opened:
        yield opened


@pytest.fixture
def page(chromium: Browser, controller: Program, build_id: str) -> Iterator[Page]:
    """Open the page in a tab of its own; a script that fails, fails the test."""
    assert build_id
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(SECONDS * 1000)
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda m: errors.append(m.text) if "Policy" in m.text else None)
    opened.goto(controller.url)
    yield opened
    context.close()
    assert not errors


def test_the_key_brings_ids_and_links_and_is_forgotten(
    page: Page, controller: Program, build_id: str
) -> None:
    """By the keyboard alone; a wrong key says so, and nothing of it stays."""
    expect(page.get_by_text(build_id[:8], exact=True)).to_be_visible()
    expect(page.get_by_role("link")).to_have_count(0)
    page.keyboard.press("Tab")
    expect(page.get_by_label("API key")).to_be_focused()
    page.keyboard.type("a wrong key, but long enough")
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text("This key is wrong.")
    page.keyboard.type(controller.api_key)
    page.keyboard.press("Enter")
    expect(page.get_by_text(build_id, exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_text(build_id, exact=True)).to_be_visible()
    page.get_by_role("button", name="Forget the key").click()
    expect(page.get_by_text(build_id, exact=True)).to_have_count(0)
    expect(page.get_by_role("link")).to_have_count(0)
    assert page.evaluate("sessionStorage.length + localStorage.length") == 0


def test_links_fetch_with_the_key(
    page: Page, controller: Program, build_id: str, tmp_path: Path
) -> None:
    """Status is shown, the app saved; the focus survives that the tables are drawn anew."""
    page.get_by_label("API key").fill(controller.api_key)
    page.keyboard.press("Enter")
    status = page.get_by_role("link", name="status")
    status.focus()
    with page.expect_response(f"{controller.url}/"), page.expect_response(f"{controller.url}/"):
        pass
    expect(status).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text(f'"id": "{build_id}"')
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    with page.expect_download() as download:
        page.get_by_role("link", name="download").click()
    download.value.save_as(tmp_path / "app")
    assert (tmp_path / "app").read_bytes() == APP


def test_a_long_name_hides_no_column(page: Page) -> None:
    """All columns are within the window."""
    for name in ("Duration", "Last seen"):
        box = page.get_by_role("columnheader", name=name).bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 1280


def test_the_demo_has_charts_and_no_script(page: Page, controller: Program) -> None:
    """Drawn on the server, marked, the same every time."""
    page.goto(f"{controller.url}/?demo=true")
    expect(page.get_by_role("img")).to_have_count(2)
    expect(page.get_by_text("Demo: invented data")).to_be_visible()
    expect(page.get_by_role("link")).to_have_count(0)

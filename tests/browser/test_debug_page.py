"""The debug page in a real browser, on a real controller: mouse, keyboard, screen reader."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.chromium import SECONDS, browser, needs_chromium, shoot
from tests.support.program import Program, running_controller

pytestmark = needs_chromium
QUEUE = "orchestration/queue_manager"
RECORDER = "orchestration/recorder"
WIDTH, HEIGHT = 1200, 760


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Run one controller for all tests here."""
    with running_controller(tmp_path_factory.mktemp("browser") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Run one browser for all tests here."""
    expect.set_options(timeout=SECONDS * 1000)
    with browser() as opened:
        yield opened


@pytest.fixture
def page(chromium: Browser, controller: Program) -> Iterator[Page]:
    """Open the page in a tab of its own; a script that fails, fails the test."""
    context = chromium.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    context.set_default_timeout(SECONDS * 1000)
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(f"{controller.url}/debug/")
    yield opened
    context.close()
    assert not errors


def enter(page: Page, controller: Program) -> None:
    """Give the key and wait for the tree."""
    page.get_by_label("API key").fill(controller.api_key)
    page.keyboard.press("Enter")
    expect(node(page, QUEUE)).to_be_visible()
    expect(page.get_by_role("status").first).to_have_text("live")


def node(page: Page, path: str) -> Locator:
    """Return the item of a process."""
    return page.locator(f'[data-path="{path}"]')


def row(page: Page, path: str) -> Locator:
    """Return its own line."""
    return page.locator(f'[data-path="{path}"] > .row')


def test_the_key_is_asked_once_and_never_in_an_address(page: Page, controller: Program) -> None:
    """A wrong one is refused in words; the right one lasts for this tab, and only for it."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_label("API key").fill("a wrong key, but long enough")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).to_have_text("Invalid API key")
    enter(page, controller)
    page.reload()
    expect(node(page, QUEUE)).to_be_visible()
    assert not [url for url in asked if controller.api_key in url]
    assert controller.api_key not in page.content()
    assert page.evaluate("localStorage.length + document.cookie.length") == 0
    page.get_by_role("button", name="Forget the key").click()
    expect(page.get_by_label("API key")).to_be_focused()
    assert page.evaluate("sessionStorage.length") == 0


def test_a_click_opens_a_process(page: Page, controller: Program) -> None:
    """With its facts, its stack and its state."""
    enter(page, controller)
    row(page, RECORDER).click()
    panel = page.get_by_role("complementary", name=RECORDER)
    expect(panel).to_contain_text("generation")
    expect(page.locator("#stack")).to_contain_text("actors/kernel/actor.py")
    expect(page.locator("#state")).to_contain_text("RecorderActor")
    expect(node(page, RECORDER)).to_have_attribute("aria-selected", "true")
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_be_hidden()
    expect(node(page, RECORDER)).to_be_focused()


def test_a_kill_is_confirmed_and_the_restart_flashes_with_its_reason(
    page: Page, controller: Program
) -> None:
    """Cancelled, nothing happens; done, the next generation is seen at once."""
    enter(page, controller)
    row(page, QUEUE).click()
    kill = page.get_by_role("button", name="Kill…")
    kill.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"Kill {QUEUE}?")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator("#about")).to_contain_text("generation 1")
    kill.click()
    page.get_by_label("Why").fill("to see it come back")
    shoot(page, "debug-kill")
    dialog.get_by_role("button", name="Kill", exact=True).click()
    flashing = page.locator(f'.flash[data-path="{QUEUE}"]')
    expect(flashing).to_contain_text("it ended (killed)")
    expect(page.get_by_role("status").first).to_have_text(f"{QUEUE} restarted: it ended (killed)")
    expect(page.locator("#about")).to_contain_text("generation 2")
    expect(page.locator("#restarts")).to_contain_text("it ended (killed)")
    expect(page.locator("#events")).to_contain_text("why=to see it come back")
    shoot(page, "debug-restarted")
    page.emulate_media(color_scheme="dark")
    shoot(page, "debug-dark")
    expect(flashing).to_have_count(0)


def test_it_is_usable_by_keyboard_alone(page: Page, controller: Program) -> None:
    """Arrows move, Enter opens and goes to the panel, the dialog keeps and gives back the focus."""
    enter(page, controller)
    node(page, "root").focus()
    for key, path in (
        ("ArrowDown", "telemetry"),
        ("ArrowUp", "root"),
        ("End", "drain"),
        ("ArrowLeft", "root"),
        ("ArrowRight", "telemetry"),
        ("Home", "root"),
    ):
        page.keyboard.press(key)
        expect(node(page, path)).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="endpoint")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Kill…")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Why")).to_be_focused()
    page.keyboard.type("by keyboard")
    page.keyboard.press("Enter")
    expect(page.locator("#acted")).to_have_text("Kill: done")
    expect(page.locator('.flash[data-path="endpoint"]')).to_be_visible()
    assert page.evaluate("document.querySelectorAll('[data-path][tabindex=\"0\"]').length") == 1


def test_it_speaks_to_a_screen_reader(page: Page, controller: Program) -> None:
    """A tree of items with levels, one tab stop, names for all regions and controls."""
    enter(page, controller)
    tree = page.get_by_role("tree", name="Supervision tree")
    expect(tree.get_by_role("treeitem")).not_to_have_count(0)
    expect(node(page, QUEUE)).to_have_attribute("aria-level", "3")
    row(page, QUEUE).click()
    snapshot = page.locator("body").aria_snapshot()
    for words in ('tree "Supervision tree"', f'complementary "{QUEUE}"', 'button "Suspend"'):
        assert words in snapshot, words
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input')].filter(one => one.offsetParent"
        " && !one.textContent.trim() && !one.labels?.length).length"
    )
    assert unnamed == 0


def test_suspend_resume_and_trace_are_told(page: Page, controller: Program) -> None:
    """The state of the line changes with them; the trace shows what goes through."""
    enter(page, controller)
    row(page, QUEUE).click()
    page.get_by_role("button", name="Suspend").click()
    expect(row(page, QUEUE)).to_contain_text("suspended")
    page.get_by_role("button", name="Resume").click()
    expect(row(page, QUEUE)).to_contain_text("running")
    page.get_by_role("button", name="Trace 10 s").click()
    expect(page.locator("#acted")).to_have_text("Trace: begun, 10 s")


def test_colours_have_contrast_in_light_and_dark(page: Page, controller: Program) -> None:
    """At least 4.5 to 1 for text on the page, as WCAG AA asks."""
    enter(page, controller)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for name in ("ink", "dim", "good", "warn", "bad", "mark"):
            colours = [page.evaluate(_COLOUR, one) for one in (name, "back")]
            assert _contrast(*colours) >= 4.5, (scheme, name)


_COLOUR = """name => {
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.color = `var(--${name})`;
  const found = getComputedStyle(probe).color.match(/[0-9.]+/g).slice(0, 3).map(Number);
  probe.remove();
  return found;
}"""


def _contrast(one: list[float], other: list[float]) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: list[float]) -> float:
    parts = [part / 255 for part in colour]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue

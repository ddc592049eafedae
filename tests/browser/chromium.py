"""A real browser for tests: the Chromium of this machine, driven by Playwright."""

from __future__ import annotations

import asyncio
import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SECONDS = 20.0
SHOTS = "DOCS_IMAGES"
"""Set to a folder, the tests write the pictures of the docs there."""

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="no chromium on this machine"
)


@contextmanager
def browser() -> Iterator[Browser]:
    """Run a browser for the length of the block."""
    with _plain_asyncio(), sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield opened
        finally:
            opened.close()


@contextmanager
def _plain_asyncio() -> Iterator[None]:
    """Give Playwright a loop as asyncio has it: trio_asyncio gives one of its own otherwise."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # policies, from Python 3.14 on
        before = asyncio.get_event_loop_policy()
        asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())
    try:
        yield
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            asyncio.set_event_loop_policy(before)


def shoot(page: Page, name: str) -> None:
    """Take a picture for the docs, when that is asked for."""
    folder = os.environ.get(SHOTS)
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")

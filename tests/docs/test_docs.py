"""The docs say what the code does, and their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.printed import DOCS, PRINTED, names_in, renewed

ROOT = DOCS.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def _ids(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=_ids)
def test_printed_parts_are_what_the_code_prints(page: Path) -> None:
    """A setting, route, event, command, message or transition changed: renew the docs."""
    text = page.read_text(encoding="utf-8")
    assert text == renewed(text), "run: python -m tests.docs.printed"


def test_every_printed_part_stands_in_some_page() -> None:
    """Nothing that can be documented from the code is left out of the docs."""
    found = {name for page in PAGES for name in names_in(page.read_text(encoding="utf-8"))}
    assert found == set(PRINTED)


@pytest.mark.parametrize("page", PAGES, ids=_ids)
def test_links_between_pages_lead_to_files(page: Path) -> None:
    """A relative link names a file of this repository."""
    links = _LINK.findall(page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_the_index_names_every_page() -> None:
    """A reader who starts at the index finds everything."""
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    pages = [page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")]
    others = [name for name in pages if name != "index.md" and not name.startswith("sample-app/")]
    assert [name for name in others if f"({name})" not in index] == []


def test_the_readme_is_short() -> None:
    """A newcomer reads it in a few minutes."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150

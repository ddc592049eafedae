"""The tree in the docs is the tree that runs."""

from __future__ import annotations

import re

from supervisors.snapshot import Node, picture
from tests.docs.printed import DOCS
from tests.support.farm import Farm

_DRAWN = re.compile(r"^[│├└─ ]*(\w+)(?: {2,}|$)")


def _drawn(page: str) -> list[str]:
    """Return the names in the first drawing of a page, from top to bottom."""
    block = page.split("```\nroot")[1].split("```", maxsplit=1)[0]
    lines = ("root" + block).splitlines()
    return [match[1] for line in lines if (match := _DRAWN.match(line))]


def _living(root: Node) -> list[str]:
    return [node.id for node in root.walk()]


async def test_the_drawn_trees_are_the_living_one(farm: Farm) -> None:
    """README and docs/tree.md draw every process, in the order of start."""
    living = _living(picture(farm.root))
    for page in (DOCS.parent / "README.md", DOCS / "tree.md"):
        drawn = _drawn(page.read_text(encoding="utf-8"))
        embedded = [name for name in drawn if name not in {"postgres", "upload_sink"}]
        assert embedded == living, page.name

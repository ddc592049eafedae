"""How the program fails and recovers is a text under review."""

from __future__ import annotations

import os
from pathlib import Path

from controller.parts import Parts
from controller.run import make_plan
from controller.settings import read_settings
from controller.tree import tree
from supervisors.freeze import freeze

GOLDEN = Path(__file__).parents[1] / "golden" / "tree.txt"


def test_the_tree_is_the_one_that_was_reviewed(tmp_path: Path) -> None:
    """Order, strategies, budgets, limits; `EXPO_GOLDEN=write` takes a change over."""
    settings = read_settings({}, {"DATA_DIR": str(tmp_path)})
    frozen = freeze(tree(Parts.of(settings, "key", []), make_plan(settings)))
    if os.environ.get("EXPO_GOLDEN") == "write":
        GOLDEN.write_text(frozen, encoding="utf-8")
    assert frozen == GOLDEN.read_text(encoding="utf-8")

"""The page on supervision shows a program that runs, and what it really prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.docs.printed import DOCS

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (DOCS / "supervision.md").read_text(encoding="utf-8")


def _block(mark: str) -> str:
    found = re.search(rf"<!-- {mark} -->\n```\w*\n(.*?)```", PAGE, re.DOTALL)
    assert found, mark
    return found[1]


def test_the_example_prints_what_the_page_says(tmp_path: Path) -> None:
    """As printed, in a program of its own."""
    program = tmp_path / "example.py"
    program.write_text(_block("runs"), encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-W", "error", str(program)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": str(DOCS.parent)},
    )
    assert run.stdout == _block("prints")


def test_every_deviation_has_its_line() -> None:
    """D-01 to D-25, in order, each once."""
    assert re.findall(r"^\| (D-\d\d) \|", PAGE, re.MULTILINE) == [
        f"D-{number:02}" for number in range(1, 26)
    ]

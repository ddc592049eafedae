"""What the cases expect of pyright, and what it says.

A line that must be an error ends with `# error: ` and the rules, one for each error, separated by
commas; every other line must be fine.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

CASES = Path(__file__).parent / "cases"

Place = tuple[str, int]
Rules = Counter[str]

_MARK = re.compile(r"#\s*error:\s*([\w, ]+?)\s*$")


def expected(files: Iterable[Path]) -> dict[Place, Rules]:
    """Read the marks."""
    found: dict[Place, Rules] = {}
    for file in files:
        for number, line in enumerate(file.read_text().splitlines(), 1):
            mark = _MARK.search(line)
            if mark:
                found[file.name, number] = Counter(re.split(r"\s*,\s*", mark[1]))
    return found


def said(report: str) -> dict[Place, Rules]:
    """Read pyright's report."""
    found: dict[Place, Rules] = {}
    for one in json.loads(report)["generalDiagnostics"]:
        if one["severity"] == "error":
            place = Path(one["file"]).name, one["range"]["start"]["line"] + 1
            found.setdefault(place, Counter())[one.get("rule", "syntax")] += 1
    return found


def differences(wanted: dict[Place, Rules], got: dict[Place, Rules]) -> list[str]:
    """Say, line by line, what was expected and not said, and the other way round."""
    lines: list[str] = []
    for place in sorted({*wanted, *got}):
        missing = wanted.get(place, Counter()) - got.get(place, Counter())
        surplus = got.get(place, Counter()) - wanted.get(place, Counter())
        where = f"{place[0]}:{place[1]}"
        lines += [f"{where}: expected {rule}, and pyright finds it good" for rule in missing]
        lines += [f"{where}: {rule}, which is not expected" for rule in surplus]
    return lines


def run_pyright() -> str:
    """Check all cases at once; return the report."""
    command = [sys.executable, "-m", "pyright", "--outputjson", str(CASES)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout

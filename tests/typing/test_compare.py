"""The comparison of expected with found type errors finds what it is there for."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from tests.typing.compare import CASES, differences, expected, said

SOURCE = """\
good = 1
bad = call("x")  # error: reportCallIssue
worse = call(1)  # error: reportCallIssue, reportArgumentType
"""


def report(*errors: tuple[int, str]) -> str:
    """Make a report as pyright does."""
    return json.dumps(
        {
            "generalDiagnostics": [
                {
                    "file": "/somewhere/case.py",
                    "severity": "error",
                    "rule": rule,
                    "range": {"start": {"line": line - 1}},
                }
                for line, rule in errors
            ]
        }
    )


def test_marks_are_read_from_the_cases(tmp_path: Path) -> None:
    """One rule or several a line."""
    case = tmp_path / "case.py"
    case.write_text(SOURCE)
    assert expected([case]) == {
        ("case.py", 2): Counter(["reportCallIssue"]),
        ("case.py", 3): Counter(["reportCallIssue", "reportArgumentType"]),
    }


def test_an_error_that_is_not_expected_and_one_that_is_missing_are_told(tmp_path: Path) -> None:
    """Each by its line; as expected there is nothing to tell."""
    case = tmp_path / "case.py"
    case.write_text(SOURCE)
    wanted = expected([case])
    right = [(2, "reportCallIssue"), (3, "reportCallIssue"), (3, "reportArgumentType")]
    assert differences(wanted, said(report(*right))) == []
    assert differences(wanted, said(report(*right[:2]))) == [
        "case.py:3: expected reportArgumentType, and pyright finds it good"
    ]
    assert differences(wanted, said(report(*right, (1, "reportCallIssue")))) == [
        "case.py:1: reportCallIssue, which is not expected"
    ]


def test_every_case_expects_errors() -> None:
    """A mark that nobody reads would make a case empty."""
    cases = {file.name for file in CASES.glob("*.py") if file.name != "__init__.py"}
    assert {name for name, _ in expected(CASES.glob("*.py"))} == cases

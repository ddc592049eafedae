"""`python -m tests.otp.table`: which statements about OTP are shown by tests, and which are not.

A test shows the statements whose numbers are in its name: `test_otp_041_`, `test_otp_041_042_`.
With `--no-run` only their names are looked at; `--all` prints every statement.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.otp.statements import GROUPS, LEFT_OUT, STATEMENTS, Statement

TESTS = Path(__file__).parent.parent
_NAME = re.compile(r"test_otp((?:_\d{3})+)_")
_RANK = {"passed": 0, "skipped": 1, "failed": 2}


def numbers_of(name: str) -> list[int]:
    """Return the statements that a test of this name shows."""
    found = _NAME.match(name)
    return [int(number) for number in found[1].split("_")[1:]] if found else []


def named_tests(files: Iterable[Path]) -> dict[Path, list[str]]:
    """Find the tests with numbers, by file."""
    found: dict[Path, list[str]] = {}
    for file in files:
        names = [
            node.name
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and numbers_of(node.name)
        ]
        if names:
            found[file] = names
    return found


@dataclass(eq=False)
class Outcomes:
    """A pytest plugin: the worst outcome of each test function, all its cases together."""

    by_name: dict[tuple[str, str], str] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take one phase of one case."""
        file, name = report.nodeid.split("::", 1)
        key = file, name.split("::")[-1].split("[")[0]
        best = self.by_name.get(key, "passed")
        self.by_name[key] = max(best, report.outcome, key=lambda outcome: _RANK[outcome])

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Take a file that cannot even be read."""
        if report.failed:
            self.broken.append(f"{report.nodeid}: {report.longreprtext.splitlines()[-1]}")


def run(tests: Mapping[Path, list[str]]) -> Outcomes:
    """Run the tests with numbers, and nothing else, quietly."""
    outcomes = Outcomes()
    files = [str(file) for file in tests]
    output = io.StringIO()
    with redirect_stdout(output), redirect_stderr(output):
        options = ["-p", "no:cacheprovider", "--continue-on-collection-errors", "-k", "test_otp_"]
        ended = pytest.main([*options, *files], plugins=[outcomes])
    if ended not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED} and not outcomes.broken:
        outcomes.broken.append(output.getvalue()[-2000:])
    return outcomes


@dataclass
class Row:
    """One statement, its tests and those that failed."""

    statement: Statement
    tests: int = 0
    failing: list[str] = field(default_factory=list)

    @property
    def state(self) -> str:
        """`covered`, `failing`, `left out`, `missing`, or `optional` for a missing O."""
        if self.failing:
            return "failing"
        if self.tests:
            return "covered"
        if self.statement.number in LEFT_OUT and self.statement.level != "M":
            return "left out"
        return "optional" if self.statement.level == "O" else "missing"

    @property
    def is_bad(self) -> bool:
        """Whether this must not be."""
        return self.state in {"failing", "missing"} and self.statement.level != "O"


def rows(tests: Mapping[Path, list[str]], outcomes: Outcomes | None) -> dict[int, Row]:
    """Put tests and outcomes beside the statements; a test that did not run counts for nothing."""
    table = {number: Row(statement) for number, statement in STATEMENTS.items()}
    for file, names in tests.items():
        path = file.relative_to(TESTS.parent).as_posix()
        for name in names:
            ended = "passed" if outcomes is None else outcomes.by_name.get((path, name), "skipped")
            for number in numbers_of(name):
                if ended != "skipped" and number in table:
                    table[number].tests += 1
                if ended == "failed" and number in table:
                    table[number].failing.append(f"{path}::{name}")
    return table


def strangers(tests: Mapping[Path, list[str]]) -> list[str]:
    """Find tests that name a statement which does not exist."""
    names = (name for found in tests.values() for name in found)
    return [name for name in names if not set(numbers_of(name)) <= set(STATEMENTS)]


def lines_of(group: str, table: Mapping[int, Row], *, full: bool) -> list[str]:
    """Print one group."""
    own = [row for row in table.values() if row.statement.group == group]
    covered = sum(row.state == "covered" for row in own)
    found = [f"{group}  {GROUPS[group]:<32} {covered:>3} of {len(own)}"]
    for state in ("failing", "missing", "left out", "optional"):
        those = [row.statement for row in own if row.state == state]
        named = " ".join(f"{one.number:03}{one.level}" for one in those)
        if those:
            found[0] += f"   {state}: {named}"
    shown = own if full else [row for row in own if row.state in {"failing", "left out"}]
    for row in shown:
        one = row.statement
        found.append(
            f"     {one.number:03} {one.level} {row.state:<8} {row.tests:>2}  {one.sentence}"
        )
        found += [f"         fails: {name}" for name in row.failing]
        if row.state == "left out":
            found.append(f"         since: {LEFT_OUT[one.number]}")
    return found


def verdict(table: Mapping[int, Row]) -> str:
    """Print the sums."""
    sums: list[str] = []
    for level in ("M", "S", "O"):
        own = [row for row in table.values() if row.statement.level == level]
        sums.append(f"{level} {sum(row.state == 'covered' for row in own)} of {len(own)}")
    bad = sum(row.is_bad for row in table.values())
    return f"otp: {', '.join(sums)}; {f'{bad} missing or failing' if bad else 'nothing missing'}"


def main(arguments: list[str] | None = None) -> int:
    """Print the table; 1 when an M or S is missing or failing, or a test cannot be trusted."""
    parser = argparse.ArgumentParser(prog="python -m tests.otp.table", description=__doc__)
    parser.add_argument("--no-run", action="store_true", help="look at names only")
    parser.add_argument("--all", action="store_true", help="print every statement")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help="print these groups only")
    how = parser.parse_args(arguments)
    tests = named_tests(sorted(TESTS.rglob("test_*.py")))
    outcomes = None if how.no_run else run(tests)
    table = rows(tests, outcomes)
    lines = [
        line for group in how.groups or GROUPS for line in lines_of(group, table, full=how.all)
    ]
    troubles = [f"no such statement: {name}" for name in strangers(tests)]
    troubles += [f"cannot be run: {line}" for line in (outcomes.broken if outcomes else [])]
    print("\n".join([*lines, *troubles, verdict(table)]))
    return 1 if troubles or any(row.is_bad for row in table.values()) else 0


if __name__ == "__main__":
    sys.exit(main())

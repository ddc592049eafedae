"""`python -m tests.typing`: the protocols are checked by pyright, errors included."""

from __future__ import annotations

import sys

from tests.typing.compare import CASES, differences, expected, run_pyright, said


def main() -> int:
    """Compare; 1 when anything differs."""
    wanted = expected(sorted(CASES.glob("*.py")))
    lines = differences(wanted, said(run_pyright()))
    errors = sum(rules.total() for rules in wanted.values())
    verdict = f"{len(lines)} differ" if lines else "all as expected"
    print("\n".join([*lines, f"typing: {errors} expected errors, {verdict}"]))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.otp.journals DIR`: play every journal of a folder and compare."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.otp.journals.judge import Judgement, judge


def main(folder: str, *names: str) -> int:
    """Print disagreements and a line of counts; return the exit code."""
    counts = dict.fromkeys(Judgement, 0)
    for path in sorted(Path(folder).glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            scenario = json.loads(line)
            if names and scenario["name"] not in names:
                continue
            judgement, why = judge(scenario)
            counts[judgement] += 1
            if judgement is not Judgement.AGREES:
                print(f"{path.name} {scenario['name']}: {judgement.value}")
                print(*(f"  {one}" for one in why[: 1000 if names else 3]), sep="\n")
    print(", ".join(f"{count} {judgement.value}" for judgement, count in counts.items()))
    return 1 if counts[Judgement.DIFFERS] else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

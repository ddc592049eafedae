"""Make new journals with a real Erlang/OTP, or play recorded ones again.

python -m tests.otp.live --scenarios 2000 --seed 7 --out DIR
python -m tests.otp.live --check JOURNAL.jsonl …
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.otp.live.agree import disagreements
from tests.otp.live.erlang import compiled, installed
from tests.otp.live.generator import scenario
from tests.otp.live.growth import Size
from tests.otp.live.recorder import record

if TYPE_CHECKING:
    from tests.otp.live.shape import Json


def main() -> int:
    """Run the command; the exit code is 1 when a check fails or a required Erlang is missing."""
    args = _arguments()
    if not installed():
        _say("skipped: no erl and erlc here (Debian: apt-get install erlang-base)")
        return int(args.require)
    return _check(args.check) if args.check else _make(args)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.otp.live", description=__doc__)
    parser.add_argument("--scenarios", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=None, help="of the first scenario")
    parser.add_argument("--out", type=Path, default=Path(), help="folder for live.jsonl")
    parser.add_argument("--depth", type=int, default=Size().depth)
    parser.add_argument("--children", type=int, default=Size().children)
    parser.add_argument("--steps", type=int, default=Size().steps)
    parser.add_argument("--check", type=Path, nargs="+", help="journals to play again instead")
    parser.add_argument("--require", action="store_true", help="fail when Erlang is missing")
    return parser.parse_args()


def _make(args: argparse.Namespace) -> int:
    seed = secrets.randbelow(10**9) if args.seed is None else args.seed
    _say(f"seed {seed}, {args.scenarios} scenarios")
    size = Size(args.depth, args.children, args.steps)
    began = time.monotonic()
    with compiled() as erlang:
        harvest = record(erlang, [scenario(seed + at, size) for at in range(args.scenarios)])
    args.out.mkdir(parents=True, exist_ok=True)
    _write(args.out / "live.jsonl", harvest.kept)
    for name, why in harvest.dropped.items():
        _say(f"dropped {name}: {why[:300]}")
    _say(
        f"kept {len(harvest.kept)}, dropped {len(harvest.dropped)}, "
        f"{harvest.runs} runs in {time.monotonic() - began:.0f} s"
    )
    return 0


def _write(path: Path, journals: list[Json]) -> None:
    with path.open("w") as out:
        out.writelines(json.dumps(one, separators=(",", ":")) + "\n" for one in journals)


def _check(paths: list[Path]) -> int:
    lines = [line for path in paths for line in path.read_text().splitlines()]
    journals: list[Json] = [json.loads(line) for line in lines]
    asked = [{key: one[key] for key in one if key != "recorded"} for one in journals]
    with compiled() as erlang:
        played = erlang.play([(one, True) for one in asked])
        _say(f"here {erlang.release()}, recorded on {journals[0]['recorded']['otp']}")
    wrong = 0
    for one, run in zip(journals, played, strict=True):
        found = disagreements(one["recorded"], run)
        wrong += bool(found)
        for what in found:
            _say(f"{one['name']}: {what}")
    _say(f"{len(journals) - wrong} of {len(journals)} agree")
    return int(wrong > 0)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

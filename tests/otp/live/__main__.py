"""Fresh random scenarios on a real Erlang/OTP: compared with our runtime, or kept as journals.

python -m tests.otp.live play --scenarios 2000 --seed 7
python -m tests.otp.live record --scenarios 2000 --seed 7 --out DIR
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
from tests.otp.live.compare import compare
from tests.otp.live.erlang import compiled, installed
from tests.otp.live.generator import scenario
from tests.otp.live.growth import Size
from tests.otp.live.processes import process_scenario
from tests.otp.live.recorder import record

if TYPE_CHECKING:
    from tests.otp.live.shape import Json


def main() -> int:
    """Run the command; 1 when something differs, or when a required Erlang is missing."""
    args = _arguments()
    if not installed():
        _say("skipped: no erl and erlc here (Debian: apt-get install erlang-base)")
        return int(args.require)
    if args.check:
        return _check(args.check)
    seed = secrets.randbelow(10**9) if args.seed is None else args.seed
    scenarios = _scenarios(args, seed)
    _say(f"seed {seed}, {len(scenarios)} scenarios")
    return _play(scenarios) if args.what == "play" else _record(scenarios, args.out)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.otp.live", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("record", "play"), default="record")
    parser.add_argument("--scenarios", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=None, help="of the first scenario")
    parser.add_argument("--out", type=Path, default=Path(), help="folder for live.jsonl")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--trees", action="store_true", help="no scenarios of single processes")
    kinds.add_argument("--processes", action="store_true", help="no scenarios of whole trees")
    parser.add_argument("--depth", type=int, default=Size().depth)
    parser.add_argument("--children", type=int, default=Size().children)
    parser.add_argument("--steps", type=int, default=Size().steps)
    parser.add_argument("--check", type=Path, nargs="+", help="journals to play again instead")
    parser.add_argument("--require", action="store_true", help="fail when Erlang is missing")
    return parser.parse_args()


def _scenarios(args: argparse.Namespace, seed: int) -> list[Json]:
    """Make scenarios; of both kinds in turn unless one is asked for."""
    size = Size(args.depth, args.children, args.steps)
    seeds = range(seed, seed + args.scenarios)
    alone = set(seeds if args.processes else () if args.trees else seeds[1::2])
    return [process_scenario(one) if one in alone else scenario(one, size) for one in seeds]


def _play(scenarios: list[Json]) -> int:
    began = time.monotonic()
    with compiled() as erlang:
        found = compare(erlang, scenarios)
    for one, why in found.differences:
        _say(f"{one['name']}: " + "\n  ".join(why[:3]))
    _say(f"{found} in {time.monotonic() - began:.0f} s")
    return int(bool(found.differences))


def _record(scenarios: list[Json], folder: Path) -> int:
    began = time.monotonic()
    with compiled() as erlang:
        harvest = record(erlang, scenarios)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "live.jsonl").open("w") as out:
        out.writelines(json.dumps(one, separators=(",", ":")) + "\n" for one in harvest.kept)
    for name, why in harvest.dropped.items():
        _say(f"dropped {name}: {why[:300]}")
    _say(
        f"kept {len(harvest.kept)}, dropped {len(harvest.dropped)}, "
        f"{harvest.runs} runs in {time.monotonic() - began:.0f} s"
    )
    return 0


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

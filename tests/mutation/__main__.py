"""`python -m tests.mutation [NAMES]`: turn each rule wrong, and see whether a test notices."""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path

from tests.mutation.run import Copy, Fate, play_all
from tests.mutation.table import MUTANTS

AT_ONCE = 2


def main(*names: str) -> int:
    """Print each mutant's fate and a line of counts; 1 when one survived that no one excuses."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
    chosen = [one for one in MUTANTS if not names or one.name in names or one.file in names]
    with tempfile.TemporaryDirectory() as root:
        folders = [Path(root) / str(number) for number in range(AT_ONCE)]
        for folder in folders:
            folder.mkdir()
        (Path(root) / "right").mkdir()
        wrong = Copy(Path(root) / "right").failure()
        if wrong is not None:
            print(f"the tests fail without any mutant: {wrong}")
            return 2
        fates = play_all(chosen, folders, _tell)
    survivors = [fate.mutant for fate in fates if not fate.killed]
    for mutant in survivors:
        print(f"SURVIVED {mutant.name}: {mutant.equal or 'not excused'}")
    excused = sum(bool(mutant.equal) for mutant in survivors)
    killed = len(fates) - len(survivors)
    print(f"{killed} killed of {len(fates)} made, {excused} equal by argument")
    return 0 if len(survivors) == excused else 1


def _tell(fate: Fate) -> None:
    word = "killed  " if fate.killed else "SURVIVED"
    print(f"{word} {fate.seconds:5.1f}s {fate.mutant.name:34} {fate.by}", flush=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

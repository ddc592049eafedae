"""The mutants: single rules, each turned wrong once, as `mutants.txt` has them.

There, `-` is what stands in the file, once; `+` what takes its place (nothing: `pass`); `=` argues
why no test can tell the two apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Mutant:
    """One wrong rule."""

    name: str
    file: str
    right: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    equal: str = ""

    @property
    def old(self) -> str:
        """What stands in the file."""
        return "\n".join(self.right)

    @property
    def new(self) -> str:
        """What takes its place; the indentation of what is left out stays."""
        return "\n".join(self.wrong) or self.old[: -len(self.old.lstrip())] + "pass"


def load() -> list[Mutant]:
    """Read the table."""
    mutants: list[Mutant] = []
    file = ""
    text = Path(__file__).with_name("mutants.txt").read_text(encoding="utf-8")
    for line in filter(None, text.splitlines()):
        mark, rest = line[:2], line[2:]
        if mark == "@ ":
            file = rest
        elif mark == "- ":
            mutants[-1].right.append(rest)
        elif mark == "+ ":
            mutants[-1].wrong.append(rest)
        elif mark == "= ":
            mutants[-1].equal += rest
        elif mark != "# ":
            mutants.append(Mutant(line, file))
    return mutants


MUTANTS = load()

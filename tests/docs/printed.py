"""The parts of the docs that are printed from the code: `python -m tests.docs.printed` renews them.

A printed part stands between `<!-- printed: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import click

from actors.domain import artifact, build, events
from actors.heartbeat_monitor.actor import HeartbeatMonitorActor
from actors.janitor.actor import JanitorActor
from actors.kernel.messages import Call, Cast
from actors.membership.actor import MembershipActor
from actors.pubsub import messages as pubsub
from actors.queue_manager import messages as queue_manager
from actors.recorder import messages as recorder
from actors.telemetry.lines import name_of
from actors.upload_sink import messages as upload_sink
from api.app import description
from controller.cli import program
from controller.limits import LIMITS, Limit
from controller.settings import SETTINGS
from supervisors import events as tree_events
from tests.otp.statements import GROUPS
from tests.otp.table import TESTS, Row, named_tests
from tests.otp.table import rows as statements

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r"(<!-- printed: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _first_line(thing: object) -> str:
    """Return the first paragraph of a docstring, in one line."""
    text = inspect.getdoc(thing) or ""
    return " ".join(text.split("\n\n")[0].split())


def settings() -> str:
    """Print every setting."""
    rows = [
        (f"`{s.name}`", f"`{s.variable}`", "" if s.default is None else f"`{s.default}`", s.means)
        for s in SETTINGS
        if not isinstance(s, Limit)
    ]
    return _table(("Name in the file", "Variable", "Default", "Meaning"), rows)


def limits() -> str:
    """Print every limit that is a setting."""
    rows = [(s.means, f"`{s.variable}`", f"`{s.default}`", s.answer) for s in LIMITS]
    return _table(("What is limited", "Variable", "Default", "Beyond it"), rows)


def sizes() -> str:
    """Print how large artifacts may be."""
    rows = [(f"`{kind}`", f"{most // 2**20} MiB", "413") for kind, most in artifact.LIMITS.items()]
    return _table(("Artifact", "At most", "Beyond it"), rows)


def routes() -> str:
    """Print every route."""
    rows = [(f"`{r.method} {r.path}`", r.asks_for, r.does) for r in description().routes]
    return _table(("Route", "Asks for", "Does"), rows)


def event_list() -> str:
    """Print every event with its fields."""
    kinds = [*events.EVENTS, *tree_events.SupervisorEvent.__args__]
    rows = [
        (
            f"`{name_of(kind.__new__(kind))}`",
            ", ".join(f"`{name}`" for name in kind.__annotations__ if name != "name"),
            _first_line(kind),
        )
        for kind in kinds
    ]
    return _table(("Event", "Fields", "When"), rows)


def lifecycle() -> str:
    """Print the transitions of a build, as a table and as a drawing."""
    steps = build.TRANSITIONS
    rows = [(f"`{a}`", step.value, f"`{b}`") for (a, step), b in steps.items()]
    merged: dict[tuple[str, str], list[str]] = {}
    for (a, step), b in steps.items():
        merged.setdefault((a, b), []).append(step.value)
    arrows = [f"    {a} --> {b}: {', '.join(names)}" for (a, b), names in merged.items()]
    drawing = "\n".join(["```mermaid", "stateDiagram-v2", "    [*] --> pending", *arrows, "```"])
    return f"{drawing}\n\n{_table(('From', 'Step', 'To'), rows)}"


def commands() -> str:
    """Print every command of the program with its options."""
    rows: list[tuple[str, str, str]] = []

    def add(name: str, command: click.Command) -> None:
        if isinstance(command, click.Group):
            for child, sub in command.commands.items():
                if sub.hidden:
                    continue
                add(f"{name} {child}", sub)
            return
        options = [
            f"`{'/'.join(option.opts)}`"
            for option in command.params
            if isinstance(option, click.Option)
        ]
        rows.append((f"`{name}`", " ".join(options), command.get_short_help_str(200)))

    add("expo-controller", program)
    return _table(("Command", "Options", "Does"), rows)


def messages() -> str:
    """Print every message of every actor."""
    rows: list[tuple[str, str, str, str]] = []
    for actor, module in (
        ("QueueManager", queue_manager),
        ("Recorder", recorder),
        ("UploadSink", upload_sink),
        ("PubSub", pubsub),
    ):
        for name, kind in vars(module).items():
            if inspect.isclass(kind) and kind.__module__ == module.__name__:
                if issubclass(kind, Call):
                    rows.append((actor, f"`{name}`", "call", _first_line(kind)))
                elif issubclass(kind, Cast):
                    rows.append((actor, f"`{name}`", "cast", _first_line(kind)))
    rows += [
        (quiet.__name__.removesuffix("Actor"), "", "", "Takes none; it has a clock.")
        for quiet in (HeartbeatMonitorActor, JanitorActor, MembershipActor)
    ]
    return _table(("Actor", "Message", "Kind", "Meaning"), rows)


def _share(rows: Iterable[Row]) -> str:
    states = [row.state for row in rows]
    return f"{states.count('covered')} of {len(states)}" if states else ""


def otp() -> str:
    """Print how many statements about OTP have a test, by group."""
    table = statements(named_tests(sorted(TESTS.rglob("test_*.py"))), None)
    rows: list[tuple[str, ...]] = []
    for letter, name in GROUPS.items():
        own = [row for row in table.values() if row.statement.group == letter]
        shares = (_share(row for row in own if row.statement.level == level) for level in "MSO")
        rows.append((letter, name, *shares))
    return _table(("", "Group", "M", "S", "O"), rows)


PRINTED: dict[str, Callable[[], str]] = {
    "settings": settings,
    "limits": limits,
    "sizes": sizes,
    "routes": routes,
    "events": event_list,
    "lifecycle": lifecycle,
    "commands": commands,
    "messages": messages,
    "otp": otp,
}


def renewed(text: str) -> str:
    """Return a page with its printed parts made anew; `KeyError` for an unknown name."""
    return _BLOCK.sub(lambda m: f"{m[1]}{PRINTED[m[2]]()}\n{m[3]}", text)


def names_in(text: str) -> set[str]:
    """Return the names of the printed parts of a page."""
    return {match[2] for match in _BLOCK.finditer(text)}


if __name__ == "__main__":
    for page in DOCS.rglob("*.md"):
        page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")

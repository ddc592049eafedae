"""The living tree on the wire, and what an operator may do to it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class TreeNode(Struct):
    """A process as it lives, and those below it."""

    path: str
    id: str
    kind: str
    state: str
    restart: str
    generation: int
    restarts: int
    uptime: float | None
    why: list[str]
    ago: list[float]
    zombie: bool
    facts: dict[str, str]
    children: list[TreeNode]


class Victim(Struct):
    """The process to act upon, by its path, and why; `seconds` is for a trace."""

    path: Annotated[str, Meta(min_length=1)]
    why: str = ""
    seconds: float = 10.0


class Killed(Struct):
    """The process is killed; its supervisor starts the next generation."""

    killed: str
    generation: int

"""What the controller has acknowledged, kept outside of it: none of this may be missing later."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field

import trio

CALM = "no fault"


def source_of(key: str) -> bytes:
    """Return the source of a submission; no two are alike."""
    return f"PK source {key}\n".encode() * 40


def digest(data: bytes) -> bytes:
    """Return the SHA-256."""
    return hashlib.sha256(data).digest()


@dataclass(frozen=True, slots=True)
class Promise:
    """A submission that was answered with 200; `begun` is when it was first sent."""

    key: str
    begun: float
    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Holder:
    """To whom an attempt was given."""

    worker_id: str
    lease: str


@dataclass(frozen=True, slots=True)
class End:
    """A report that was answered with 200; `result` is the digest of a success."""

    attempt: int
    holder: Holder
    result: bytes | None
    label: str


@dataclass(slots=True)
class Ledger:
    """Everything that a client was told; `label` is the fault that is in force."""

    label: str = CALM
    keys: set[str] = field(default_factory=set)
    promises: dict[str, Promise] = field(default_factory=dict)
    grants: dict[tuple[str, int], set[Holder]] = field(default_factory=lambda: defaultdict(set))
    granted_at: dict[str, float] = field(default_factory=dict)
    lines: list[tuple[str, str, str]] = field(default_factory=list)
    ends: dict[str, list[End]] = field(default_factory=lambda: defaultdict(list))
    sent: dict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    cancelled: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    refused: int = 0
    _open: set[str] = field(default_factory=set)
    _latest: float = -1.0
    _news: trio.Event = field(default_factory=trio.Event)

    @property
    def open(self) -> int:
        """How many acknowledged builds have no acknowledged end, and nobody asked for one."""
        return len(self._open)

    def promise(self, build_id: str, key: str, begun: float) -> None:
        """Note a submission that was acknowledged; one key, one build."""
        known = self.promises.get(build_id)
        if known is not None and known.key != key:
            self.wrong.append(f"build {build_id} was acknowledged for {known.key} and for {key}")
        self.promises[build_id] = Promise(key, begun, trio.current_time(), self.label)
        if build_id not in self.ends:
            self._open.add(build_id)
        self._look(build_id)

    def ask_to_cancel(self, build_id: str) -> None:
        """Note that this build may end without a report."""
        self._open.discard(build_id)

    def grant(self, build_id: str, attempt: int, holder: Holder) -> None:
        """Note a build that a poll was answered with."""
        self.grants[build_id, attempt].add(holder)
        self.granted_at.setdefault(build_id, trio.current_time())

    def line(self, build_id: str, text: str) -> None:
        """Note a log line that was acknowledged."""
        self.lines.append((build_id, text, self.label))

    def end(self, build_id: str, attempt: int, holder: Holder, result: bytes | None) -> None:
        """Note a report of an end that was acknowledged."""
        self.ends[build_id].append(End(attempt, holder, result, self.label))
        self._open.discard(build_id)
        self._look(build_id)

    def _look(self, build_id: str) -> None:
        if build_id in self.promises and build_id in self.ends:
            self._latest = max(self._latest, self.promises[build_id].begun)
            self._news.set()
            self._news = trio.Event()

    async def whole_life_after(self, moment: float) -> None:
        """Wait until a build that was submitted after `moment` has its end."""
        while self._latest <= moment:
            await self._news.wait()

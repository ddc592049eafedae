"""Server-sent events: what happens, and what changes in the tree, until the client leaves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import trio

from actors.kernel.pubsub.subscription import Stream
from actors.kernel.telemetry import is_under
from actors.telemetry.lines import name_of
from api.debug.picture import Shape, flat
from api.debug.window import Told, Window, is_frequent
from supervisors.snapshot import Node

TICK = 1.0
"""How often the tree is compared when nothing else happens."""
PAUSE = 0.1
"""Least time between two looks, however much happens."""
_PASSING = ("uptime", "ago")
"""What differs at every look, and is no change."""

Write = Callable[[bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events a client asked for: those under a name, the frequent ones only with `all`."""

    under: str = ""
    everything: bool = False

    def takes(self, event: object) -> bool:
        """Whether the event is sent."""
        if self.under:
            return is_under(name_of(event), self.under)
        return self.everything or not is_frequent(event)


@dataclass(slots=True)
class Differences:
    """What one client knows of the tree."""

    known: dict[str, Shape] = field(default_factory=dict[str, Shape])

    def to(self, root: Node) -> Shape | None:
        """Return what changed since the last time; None for nothing. The first time all is new."""
        now = {node.path: flat(node) for node in root.walk()}
        changed = [one for path, one in now.items() if _lasting(one) != self._lasting(path)]
        gone = [path for path in self.known if path not in now]
        moved = list(now) != list(self.known)
        self.known = now
        if not changed and not gone and not moved:
            return None
        return {"changed": changed, "gone": gone, **({"order": list(now)} if moved else {})}

    def _lasting(self, path: str) -> Shape | None:
        return _lasting(self.known[path]) if path in self.known else None


def _lasting(one: Shape) -> Shape:
    return {key: value for key, value in one.items() if key not in _PASSING}


def event(name: str, data: object) -> bytes:
    """Write one server-sent event."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(data))


async def follow(window: Window, draw: Callable[[], Node], wanted: Wanted, write: Write) -> None:
    """Write events and changes of the tree until the window closes."""
    differences = Differences()
    with window.watch(everything=wanted.everything or bool(wanted.under)) as stream:
        await write(b"retry: 1000\n\n" + event("tree", differences.to(draw())))
        while not window.closing:
            news = await _news(stream)
            missed = [event("missed", {"count": stream.dropped})] if stream.dropped else []
            stream.dropped = 0
            told = [event("told", one.shape()) for one in news if wanted.takes(one.event)]
            change = differences.to(draw())
            tree = [event("tree", change)] if change else []
            await write(b"".join((*missed, *told, *tree)) or b": still here\n\n")
            await trio.sleep(PAUSE)


async def _news(stream: Stream[Told]) -> Sequence[Told]:
    """Wait for an event, a tick at most; return all there are."""
    news: list[Told] = []
    with trio.move_on_after(TICK):
        news.append(await anext(stream))
    news += [await anext(stream) for _ in range(len(stream))]
    return [one for one in news if one.event is not None]

"""The connections there are: how many, who makes room, who is asked to go."""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv6Address, ip_address
from typing import Protocol

from trio.lowlevel import ParkingLot


class Member(Protocol):
    """What the roster asks of a connection."""

    def leave_if_idle(self) -> bool:
        """Close it if nothing is in hand on it; whether that was begun just now."""
        ...


class Roster:
    """Open connections of one life of the server, in the order they came."""

    def __init__(self, limit: int, each: int) -> None:
        self.parting = False
        self.draining = False
        self.requests = 0
        self._limit = limit
        self._each = each
        self._members: dict[Member, str] = {}
        self._from: Counter[str] = Counter()
        self._arriving = 0
        self._left = ParkingLot()

    def __len__(self) -> int:
        return len(self._members)

    @property
    def is_full(self) -> bool:
        """Whether there may be no connection more."""
        return len(self._members) + self._arriving >= self._limit

    def expect(self) -> None:
        """Count one in that is accepted and will `add` itself as soon as its task runs."""
        self._arriving += 1

    def add(self, member: Member, host: str) -> bool:
        """Take in `member`, which was expected; whether its address has not too many."""
        self._arriving -= 1
        place = _neighbourhood(host)
        self._members[member] = place
        self._from[place] += 1
        return self._from[place] <= self._each

    def discard(self, member: Member) -> None:
        """Count `member` out and let whoever waits for room look again."""
        place = self._members.pop(member)
        self._from[place] -= 1
        if not self._from[place]:
            del self._from[place]
        self._left.unpark_all()

    async def room(self) -> None:
        """Wait until there may be one connection more; an idle one is sent away for it."""
        while self.is_full:
            any(member.leave_if_idle() for member in self._members)
            await self._left.park()

    def part(self) -> None:
        """Have every answer from now on be the last of its connection, and say so."""
        self.parting = True

    def drain(self) -> None:
        """Send all idle connections away; the others leave with the answer they are at."""
        self.parting = self.draining = True
        for member in list(self._members):
            member.leave_if_idle()


def _neighbourhood(host: str) -> str:
    """Return whose connections count together: an address, or the /64 of an IPv6 one."""
    if ":" not in host:
        return host
    address = ip_address(host)
    return str(int(address) >> 64) if isinstance(address, IPv6Address) else host

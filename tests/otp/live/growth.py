"""Random trees of the journal format: supervisors, workers, and what each worker does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from tests.otp.live.shape import Json, Value

WORDS = ("boom", "bug", "late", "lost")
STATIC = ("one_for_one", "one_for_all", "rest_for_one")


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything a scenario may have."""

    depth: int = 3
    children: int = 4
    steps: int = 8


@dataclass(slots=True)
class Growth:
    """One tree in the making: names are given in the order of growth."""

    chance: Random
    size: Size
    period: int
    _named: int = field(default=0)

    def root(self) -> Json:
        """Grow a whole tree."""
        return self._supervisor("root", 1)

    def worker(self, label: str, auto: str) -> Json:
        """Grow a worker node fit for a supervisor with this auto_shutdown."""
        node: Json = {"id": label} | self._spec(auto)
        shutdown = self._shutdown()
        if shutdown is not None:
            node["shutdown"] = shutdown
        probe = self.probe(shutdown)
        return node | ({"probe": probe} if probe else {})

    def probe(self, shutdown: Value, *, dynamic: bool = False) -> Json:
        """Grow what a worker does; its end fits its shutdown limit with room to spare."""
        chance = self.chance
        probe: Json = {}
        if chance.random() < 0.25:
            probe["traps"] = False
        if chance.random() < 0.35:
            probe["init"] = self._outcomes(dynamic=dynamic)
        if chance.random() < 0.15:
            ways: list[Value] = [{"crash": "cleanup"}, {"delay": chance.choice((10, 20))}]
            if isinstance(shutdown, int) and shutdown <= 200:
                ways += ["never", {"delay": shutdown + 200}]
            probe["terminate"] = chance.choice(ways)
        return probe

    def failure(self) -> Value:
        """Grow a way in which a start fails."""
        return self.chance.choice(
            [{"error": {"crash": self.word()}}, {"crash": "init_bug"}, {"error": "shutdown"}]
        )

    def word(self) -> str:
        """Pick the word of a crash."""
        return self.chance.choice(WORDS)

    def label(self) -> str:
        """Give the next name: a, b, …, z, aa."""
        self._named += 1
        rest, name = self._named, ""
        while rest:
            rest, digit = divmod(rest - 1, 26)
            name = chr(ord("a") + digit) + name
        return name

    def _supervisor(self, label: str, depth: int) -> Json:
        chance = self.chance
        flags: Json = {"intensity": chance.choice((0, 1, 2, 3, 5, 5)), "period": self.period}
        if chance.random() < 0.15:
            template = self.worker("", "never")
            del template["id"]
            if "probe" in template:
                template["probe"].pop("init", None)
            dynamic = {"strategy": "simple_one_for_one"} | flags
            return {"id": label, "sup": dynamic, "template": template}
        auto = chance.choice(("never", "never", "any_significant", "all_significant"))
        flags = {"strategy": chance.choice(STATIC)} | flags
        if auto != "never":
            flags["auto_shutdown"] = auto
        width = chance.randint(1, self.size.children)
        children = [self._child(auto, depth) for _ in range(width)]
        node: Json = {"id": label, "sup": flags, "children": children}
        if depth > 1 and chance.random() < 0.1:
            ways: list[Value] = ["ok", "ignore", {"crash": "sup_bug"}]
            node["init"] = ["ok", *chance.choices(ways, k=chance.randint(1, 2))]
        return node

    def _child(self, auto: str, depth: int) -> Json:
        label = self.label()
        if depth < self.size.depth and self.chance.random() < 0.3:
            return self._supervisor(label, depth + 1) | self._spec(auto)
        return self.worker(label, auto)

    def _spec(self, auto: str) -> Json:
        chance = self.chance
        spec: Json = {}
        restart = chance.choice(("permanent", "permanent", "transient", "temporary"))
        if restart != "permanent":
            spec["restart"] = restart
            if auto != "never" and chance.random() < 0.6:
                spec["significant"] = True
        return spec

    def _shutdown(self) -> Value:
        return self.chance.choice((None,) * 7 + (1000, "infinity", "brutal_kill", 100))

    def _outcomes(self, *, dynamic: bool) -> list[Value]:
        # A dynamic child that ignores a restart leaves OTP with an entry nobody should copy.
        first: Value = "ok" if self.chance.random() < 0.94 else self.failure()
        rest = [
            self.failure() if self.chance.random() < 0.6 else "ok" if dynamic else "ignore"
            for _ in range(self.chance.randint(1, 3))
        ]
        return [first, *rest, *(["ok"] if self.chance.random() < 0.8 else [])]

"""Random scenarios of processes: links, monitors, signals, names, messages, ways to start.

Beside a small tree stand three plain processes and the actors that the steps start. Each step
comes to rest before the next, so that what is compared is what OTP promises, not who was faster.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.otp.live.shape import Json, Value

_PLAIN = ("p1", "p2", "p3")
_NAMES = ("n1", "n2")
_ENDS: tuple[Value, ...] = (
    "normal",
    "shutdown",
    {"shutdown": "x"},
    {"crash": "boom"},
    {"crash": "lost"},
)
_UP: tuple[Value, ...] = ("ok", {"delay": 100})
_FIRST: tuple[Value, ...] = (*_UP, "ignore", {"crash": "init_bug"})
_CASTS: tuple[Value, ...] = ({"note": "c"}, {"raise": {"crash": "c"}}, "unknown", {"set": 2})
_CALLS: tuple[Value, ...] = (
    "get",
    "never",
    "bad_return",
    "unknown",
    "call_self",
    "cast_self",
    "unlink_parent",
    {"set": 3},
    {"note": "x"},
    {"reply": 1},
    {"raise": {"crash": "h"}},
    {"block": 50, "note_after": "na"},
    {"reply_later": 50},
    {"reply_by_other": 50},
)
_INNER: tuple[Value, ...] = ("get", "never", {"raise": {"crash": "in"}})


def process_scenario(seed: int) -> Json:
    """Make the scenario of this seed: the same one each time."""
    chance = Random(seed)
    procs = [{"id": one, "traps": chance.random() < 0.4} for one in _PLAIN]
    tree = {
        "id": "root",
        "sup": {"intensity": 20, "period": 60},
        "children": [
            {"id": "a", "probe": {"traps": chance.random() < 0.7}},
            {"id": "b", "restart": "temporary", "probe": {"name": "bb"}},
        ],
    }
    steps = _Script(chance).write(chance.randint(5, 10))
    made: Json = {"name": f"process_{seed}", "kind": "random", "seed": seed, "procs": procs}
    return made | {"tree": tree, "steps": steps}


@dataclass(slots=True)
class _Script:
    chance: Random
    actors: list[str] = field(default_factory=lambda: ["root/a", "root/b"])
    refs: list[str] = field(default_factory=list)

    def write(self, count: int) -> list[Json]:
        kinds: dict[Callable[[], Json], int] = {
            self._start: 2,
            self._tie: 6,
            self._monitor: 4,
            self._demonitor: 2,
            self._signal: 2,
            self._exit: 4,
            self._call: 4,
            self._cast: 2,
            self._send: 2,
            self._stop: 2,
            self._name: 4,
            self._trap: 2,
        }
        return [self.chance.choices(list(kinds), list(kinds.values()))[0]() for _ in range(count)]

    def _by(self) -> str:
        return self.chance.choice(_PLAIN)

    def _anyone(self) -> str:
        return self.chance.choice((*_PLAIN, *self.actors))

    def _likely(self, share: float) -> bool:
        return self.chance.random() < share

    # -- steps ----------------------------------------------------------------------------------

    def _start(self) -> Json:
        label = f"s{len(self.actors)}"
        self.actors.append(label)
        probe = self._probe()
        step: Json = {"do": "start", "id": label, "probe": probe}
        mode = self.chance.choice(("link", "nolink", "monitor"))
        if mode == "link" and any(one not in _UP for one in probe.get("init", ())):
            mode = "nolink"  # a start that fails would take its starter along, and say no more
        return step | {"mode": mode} | ({"by": self._by()} if mode == "link" else {})

    def _probe(self) -> Json:
        chance = self.chance
        probe: Json = {"traps": self._likely(0.6)}
        if self._likely(0.3):
            probe["name"] = chance.choice(_NAMES)
        if self._likely(0.3):
            probe["init"] = [chance.choice((*_FIRST, {"error": chance.choice(_ENDS)}))]
        if self._likely(0.2):
            probe["continue"] = True
        if self._likely(0.15):
            probe["info_handler"] = False
        if self._likely(0.2):
            probe["terminate"] = chance.choice(({"crash": "cleanup"}, {"delay": 100}))
        return probe

    def _tie(self) -> Json:
        do = self.chance.choice(("link", "link", "unlink"))
        return {"do": do, "by": self._by(), "to": self._anyone()}

    def _monitor(self) -> Json:
        ref = f"m{len(self.refs)}"
        self.refs.append(ref)
        step: Json = {"do": "monitor", "to": self._anyone(), "ref": ref}
        if self._likely(0.2):
            step["to"] = "name:n1"
        if self._likely(0.3):
            step["then"] = self.chance.choice(({"register": "n3"}, {"whereis": "bb"}))
        return step

    def _demonitor(self) -> Json:
        if not self.refs:
            return self._monitor()
        return {"do": "demonitor", "ref": self.chance.choice(self.refs), "flush": self._likely(0.5)}

    def _signal(self) -> Json:
        reason = self.chance.choice((*_ENDS, "kill"))
        return {"do": "signal", "to": self._anyone(), "reason": reason}

    def _exit(self) -> Json:
        how = self.chance.choice(("stop", "signal", "raise"))
        reason = {"crash": "boom"} if how == "raise" else self.chance.choice((*_ENDS, "kill"))
        return {"do": "exit", "path": self._anyone(), "how": how, "reason": reason}

    def _call(self) -> Json:
        chance = self.chance
        onward = {"to": "root/b", "req": chance.choice(_INNER), "timeout": 600}
        ends = ({"stop": chance.choice(_ENDS)}, {"stop_reply": chance.choice(_ENDS)})
        request = chance.choice((*_CALLS, *ends, {"call": onward}))
        to = chance.choice((*self.actors, "name:n1", "name:bb"))
        return {"do": "call", "to": to, "req": request, "timeout": chance.choice((250, 400))}

    def _cast(self) -> Json:
        request = self.chance.choice((*_CASTS, {"stop": self.chance.choice(_ENDS)}))
        return {"do": "cast", "to": self.chance.choice(self.actors), "req": request}

    def _send(self) -> Json:
        to = self._anyone()
        known = to in _PLAIN or self._likely(0.8)
        return {"do": "send", "to": to} | ({"notes": [1, 2]} if known else {"unknown": "u"})

    def _stop(self) -> Json:
        reason = self.chance.choice(_ENDS)
        return {"do": "stop", "to": self.chance.choice(self.actors), "reason": reason}

    def _name(self) -> Json:
        do = self.chance.choice(("register", "whereis", "unregister"))
        step: Json = {"do": do, "name": self.chance.choice(_NAMES)}
        return step | ({"by": self._by()} if do == "register" else {})

    def _trap(self) -> Json:
        return {"do": "trap", "by": self._by(), "on": self._likely(0.5)}

"""What OTP says must happen: a model of supervision that shares no code with `supervisors`.

It runs no task and has no queue: each step is carried through to the end, recursively. Written
from the prose of OTP's manual (the restart algorithm, the matrix, the order of stops).
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field

from tests.supervisors.model.shape import DEAF_SECONDS, Branch, Leaf

CLEAN = {"normal", "shutdown", "detail"}
UP, DECLINED = "up", "declined"


@dataclass(eq=False)
class Kid:
    """One child as its supervisor knows it; `life` counts the starts of that name."""

    spec: Leaf | Branch
    above: Kid | None
    life: int | None = None
    kids: list[Kid] = field(default_factory=list)
    stamps: list[float] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The path as the reports have it."""
        if self.above is None:
            return ""
        return f"{self.above.path}/{self.spec.name}".removeprefix("/")

    def left(self, now: float) -> int:
        """How much budget a supervisor has."""
        young = [stamp for stamp in self.stamps if now - stamp <= self.spec.period]
        return max(0, self.spec.intensity - len(young))


class Oracle:
    """A whole tree, and what was seen of it since the last look."""

    def __init__(self, root: Branch) -> None:
        self.now = 0.0
        self.loose = False
        self.events: list[str | list[str]] = []
        self.reports: list[tuple[str, str, str]] = []
        self.lives: dict[str, int] = defaultdict(int)
        self.scripts: dict[str, deque[str]] = defaultdict(deque)
        self.over: str | None = None
        self.root = Kid(root, None)
        assert self._start(self.root) == UP

    def begin(self, now: float) -> None:
        """Forget what was seen before this step."""
        self.now, self.loose = now, False
        self.events, self.reports = [], []

    def branches(self) -> list[Kid]:
        """List the living supervisors."""
        return [kid for kid in self._walk(self.root) if isinstance(kid.spec, Branch)]

    def leaves(self) -> list[Kid]:
        """List the living leaves."""
        return [kid for kid in self._walk(self.root) if isinstance(kid.spec, Leaf)]

    def _walk(self, kid: Kid) -> list[Kid]:
        if kid.life is None:
            return []
        return [kid, *(one for below in kid.kids for one in self._walk(below))]

    # -- what may be done -----------------------------------------------------------------------

    def end_leaf(self, kid: Kid, end: str) -> None:
        """Have a leaf end by itself, or by a kill."""
        if end == "kill":
            self.events.append(f"kill {kid.spec.name}")
        self._ended(kid, end)

    def stop_branch(self, kid: Kid, end: str) -> None:
        """Have a third party stop a supervisor in order."""
        self._stop_kids(kid)
        self.events.append(f"end {kid.spec.name}")
        self._ended(kid, end)

    def kill_branch(self, kid: Kid) -> None:
        """Kill a supervisor: its children stop by themselves, at once."""
        self.loose = True
        self.events.append(f"end {kid.spec.name}")
        for below in kid.kids:
            if below.life is None:
                continue
            if isinstance(below.spec, Leaf):
                self.events.append(f"stop {below.spec.name}")
            else:
                self._stop_kids(below)
                self.events.append(f"end {below.spec.name}")
        self._ended(kid, "kill")

    def terminate(self, sup: Kid, kid: Kid) -> str:
        """Stop a child by request."""
        self._stop_listed(sup, [kid])
        if sup.spec.dynamic and kid in sup.kids:
            sup.kids.remove(kid)
        return "ok"

    def restart(self, sup: Kid, kid: Kid) -> str:
        """Start an idle child by request."""
        del sup
        if kid.life is not None:
            return "ChildRunningError"
        return "ok" if self._start(kid, asked=True) in {UP, DECLINED} else "StartError"

    def delete(self, sup: Kid, kid: Kid) -> str:
        """Forget an idle child by request."""
        if kid.life is not None:
            return "ChildRunningError"
        sup.kids.remove(kid)
        return "ok"

    def start(self, sup: Kid, spec: Leaf) -> str:
        """Add a child by request."""
        for held in [] if sup.spec.dynamic else sup.kids:
            if held.spec.name == spec.name:
                return "AlreadyPresentError" if held.life is None else "AlreadyStartedError"
        kid = Kid(spec, sup)
        how = self._start(kid, asked=True)
        if how not in {UP, DECLINED}:
            return "StartError"
        if how == UP or not (sup.spec.dynamic or spec.restart == "temporary"):
            sup.kids.append(kid)
        return "ok"

    # -- the rules ------------------------------------------------------------------------------

    def _start(self, kid: Kid, *, asked: bool = False, again: bool = False) -> str:
        name = kid.spec.name
        self.lives[name] += 1
        life = self.lives[name]
        if isinstance(kid.spec, Leaf):
            self.events.append(f"init {name}")
            how = self.scripts[name].popleft() if self.scripts[name] else "ok"
            if how == "ignore":
                return DECLINED
        else:
            self.events.append(f"begin {name}")
            how = self._boot(kid)
        if how == "ok":
            kid.life = life
            return UP
        if not asked:
            self.reports.append(("start_failed", kid.path, "again" if again else "first"))
        return how

    def _boot(self, sup: Kid) -> str:
        sup.stamps = []
        sup.kids = [Kid(spec, sup) for spec in sup.spec.children]
        for kid in tuple(sup.kids):
            how = self._start(kid)
            if how == DECLINED and kid.spec.restart == "temporary":
                sup.kids.remove(kid)
            if how not in {UP, DECLINED}:
                self._stop_kids(sup)
                self.events.append(f"end {sup.spec.name}")
                return "fail"
        return "ok"

    def _ended(self, kid: Kid, end: str) -> None:
        """Take the end of a child that its supervisor did not want."""
        kid.life = None
        sup = kid.above
        if sup is None:
            self.over = end
            return
        restart = kid.spec.restart
        abnormal = end not in CLEAN
        if restart == "permanent" or abnormal:
            self.reports.append(("terminated", kid.path, end))
        if restart == "permanent" or (restart == "transient" and abnormal):
            self._again(sup, kid)
            return
        if restart == "temporary" or sup.spec.dynamic:
            sup.kids.remove(kid)
        if kid.spec.significant and not self._needed(sup, kid):
            self._give_up(sup)

    def _needed(self, sup: Kid, ended: Kid) -> bool:
        if sup.spec.auto == "any_significant":
            return False
        rest = [one for one in sup.kids if one is not ended and one.spec.significant]
        return any(one.life is not None for one in rest)

    def _again(self, sup: Kid, kid: Kid) -> None:
        while True:
            if sup.left(self.now) == 0:
                self.reports.append(("budget_spent", sup.path, kid.path))
                self._give_up(sup)
                return
            sup.stamps.append(self.now)
            failed = self._replace(sup, kid)
            if failed is None:
                return
            kid = failed

    def _replace(self, sup: Kid, kid: Kid) -> Kid | None:
        """Replace by the strategy; return the child whose start failed."""
        at = sup.kids.index(kid)
        first = {"one_for_one": at, "rest_for_one": at, "one_for_all": 0}[sup.spec.strategy]
        until = at + 1 if sup.spec.strategy == "one_for_one" else len(sup.kids)
        chosen = sup.kids[first:until]
        self._stop_listed(sup, chosen)
        for one in chosen:
            if one not in sup.kids:
                continue
            how = self._start(one, again=True)
            if how not in {UP, DECLINED}:
                return one
            if how == DECLINED and (sup.spec.dynamic or one.spec.restart == "temporary"):
                sup.kids.remove(one)
        return None

    def _give_up(self, sup: Kid) -> None:
        self._stop_kids(sup)
        self.events.append(f"end {sup.spec.name}")
        self._ended(sup, "shutdown")

    def _stop_kids(self, sup: Kid) -> None:
        if sup.spec.dynamic:
            self._stop_together(sup)
        else:
            self._stop_listed(sup, list(sup.kids))

    def _stop_listed(self, sup: Kid, kids: list[Kid]) -> None:
        for kid in reversed(kids):
            if kid.life is None:
                continue
            kid.life = None
            if isinstance(kid.spec, Leaf):
                self._stop_leaf(kid)
            else:
                self._stop_kids(kid)
                self.events.append(f"end {kid.spec.name}")
            if kid.spec.restart == "temporary":
                sup.kids.remove(kid)

    def _stop_leaf(self, kid: Kid) -> None:
        word, end = STOPPED[kid.spec.stop]
        if kid.spec.stop == "deaf":
            self.now += DEAF_SECONDS
        if word:
            self.events.append(f"{word} {kid.spec.name}")
        quiet = {"shutdown"} if kid.spec.restart == "permanent" else CLEAN
        if end not in quiet and kid.spec.stop != "brutal":
            self.reports.append(("shutdown_failed", kid.path, end))

    def _stop_together(self, sup: Kid) -> None:
        together: list[str] = []
        counts: dict[str, int] = defaultdict(int)
        alive = [kid for kid in sup.kids if kid.life is not None]
        for kid in alive:
            word, end = STOPPED[kid.spec.stop]
            together.append(f"{word} {kid.spec.name}")
            quiet = {"shutdown", "detail"} if kid.spec.restart == "permanent" else CLEAN
            if end not in quiet and kid.spec.stop != "brutal":
                counts[end] += 1
        if any(kid.spec.stop == "deaf" for kid in alive):
            self.now += DEAF_SECONDS
        self.events.append(together)
        self.reports += [("children", sup.path, f"{n} {end}") for end, n in counts.items()]
        sup.kids.clear()


STOPPED = {
    "ok": ("stop", "shutdown"),
    "brutal": ("kill", "kill"),
    "normal": ("stop", "normal"),
    "detail": ("stop", "detail"),
    "fail": ("stop", "crash"),
    "deaf": ("kill", "kill"),
}
"""What a leaf writes when stopped, and how it ends."""

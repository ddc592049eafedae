"""The restart rules as a table, and who else is replaced; pure."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from enum import Enum

from supervisors.exits import ExitReason, is_clean
from supervisors.spec import AutoShutdown, Restart, Strategy


class Verdict(Enum):
    """What becomes of a child that has ended by itself."""

    RESTART = "restart"
    IDLE = "idle"  # the spec stays, without a process
    GONE = "gone"  # the spec goes too


#                       clean end          abnormal end
_RULES: dict[Restart, tuple[Verdict, Verdict]] = {
    Restart.PERMANENT: (Verdict.RESTART, Verdict.RESTART),
    Restart.TRANSIENT: (Verdict.IDLE, Verdict.RESTART),
    Restart.TEMPORARY: (Verdict.GONE, Verdict.GONE),
}


def decide(restart: Restart, reason: ExitReason) -> Verdict:
    """Apply the restart matrix."""
    clean, abnormal = _RULES[restart]
    return clean if is_clean(reason) else abnormal


def is_reported(restart: Restart, reason: ExitReason) -> bool:
    """Every end of a permanent child is worth a report; of the others only an abnormal one."""
    return restart is Restart.PERMANENT or not is_clean(reason)


def affected(strategy: Strategy, order: Sequence[Hashable], failed: Hashable) -> Sequence[Hashable]:
    """Ids replaced, in start order, when `failed` has to be restarted."""
    match strategy:
        case Strategy.ONE_FOR_ONE:
            return [failed]
        case Strategy.REST_FOR_ONE:
            return list(order[order.index(failed) :])
        case Strategy.ONE_FOR_ALL:
            return list(order)


def shuts_down(auto: AutoShutdown, *, significant_left: bool) -> bool:
    """Whether the end of a significant child, by itself and for good, ends the supervisor.

    `significant_left`: another significant child runs or waits for its next start.
    """
    match auto:
        case AutoShutdown.NEVER:
            return False
        case AutoShutdown.ANY_SIGNIFICANT:
            return True
        case AutoShutdown.ALL_SIGNIFICANT:
            return not significant_left

"""Exit reasons and refusals, between the words of a journal and our values."""

from __future__ import annotations

from typing import Any

from actors.kernel.errors import (
    BadReturnError,
    CallExitError,
    CallingSelfError,
    CallNoProcError,
    CallTimeoutError,
    NoProcError,
    UnhandledMessageError,
)
from supervisors.errors import (
    AlreadyPresentError,
    AlreadyStartedError,
    ChildRestartingError,
    ChildRunningError,
    NotFoundError,
    SpecError,
    StartError,
)
from supervisors.exits import (
    KILL,
    KILLED,
    NOPROC,
    NORMAL,
    SHUTDOWN,
    TIMEOUT,
    AlreadyStarted,
    Crash,
    ExitReason,
    Failed,
    FailedToStart,
    Shutdown,
)
from supervisors.loop import BadFlagsError

WORDS: dict[str, ExitReason] = {
    "normal": NORMAL,
    "shutdown": SHUTDOWN,
    "killed": KILLED,
    "kill": KILL,
    "noproc": NOPROC,
    "timeout": TIMEOUT,
}

SPEC_WORDS = {
    "intensity": "invalid_intensity",
    "period": "invalid_period",
    "strategy": "invalid_strategy",
    "auto_shutdown": "invalid_auto_shutdown",
    "shutdown": "invalid_shutdown",
    "restart": "invalid_restart_type",
    "kind": "invalid_child_type",
    "significant": "bad_combination",
    "missing_id": "missing_id",
    "missing_start": "missing_start",
}

REFUSALS: dict[type[Exception], str] = {
    NotFoundError: "not_found",
    AlreadyPresentError: "already_present",
    ChildRunningError: "running",
    ChildRestartingError: "restarting",
}


class ProbeCrash(Exception):  # noqa: N818 - reads as what it is
    """A probe raised, as it was told; the text is the word."""


class NonsenseError(Exception):
    """A start function returned nonsense."""


CRASHES: dict[type[BaseException], str] = {
    UnhandledMessageError: "function_clause",
    BadReturnError: "bad_return_value",
    BadFlagsError: "bad_return",
    NonsenseError: "nonsense",
}


def reason_in(word: Any) -> ExitReason:
    """Return our reason for a word of a journal."""
    match word:
        case str():
            return WORDS.get(word) or Failed(word)
        case {"shutdown": detail}:
            return Shutdown(detail)
        case {"crash": what}:
            return Crash(ProbeCrash(what))
        case _:
            return Failed(word)


class Words:
    """The way back; knows the ids behind paths."""

    def __init__(self) -> None:
        self.ids: dict[str, object] = {}

    def reason(self, reason: ExitReason) -> object:
        """Return the word for a reason."""
        match reason:
            case Failed(detail=word):
                return word
            case Shutdown(detail=detail) if detail is not None:
                return {"shutdown": self._detail(detail)}
            case AlreadyStarted(holder=holder):
                return {"already_started": holder.path}
            case Crash(exception=error):
                return self.crash(error)
            case _:
                return "noproc" if reason == NOPROC else str(reason)

    def _detail(self, detail: object) -> object:
        if isinstance(detail, FailedToStart):
            return {
                "failed_to_start": self.id_of(detail.path),
                "reason": self.reason(detail.reason),
            }
        return detail

    def crash(self, error: BaseException) -> object:
        """Return the word for what came out of a process."""
        match error:
            case SpecError():
                return self.spec_error(error)
            case CallExitError() | CallTimeoutError() | CallingSelfError() | CallNoProcError():
                return {"call": self.reason(error.reason)}
            case _:
                return {"crash": CRASHES.get(type(error)) or str(error)}

    def spec_error(self, error: SpecError) -> dict[str, object]:
        """Return the word for a refused spec."""
        if error.field == "id":
            return {"id": error.value, "spec_error": "duplicate_id"}
        return {"spec_error": SPEC_WORDS[error.field]}

    def refusal(self, error: Exception) -> dict[str, object]:
        """Return the result of an administrative request that was refused."""
        match error:
            case (
                AlreadyStartedError(holder=holder)
                | StartError(reason=AlreadyStarted(holder=holder))
            ):
                refused: object = {"already_started": holder.path}
            case StartError(reason=reason):
                refused = {"start": self.reason(reason)}
            case SpecError():
                refused = {"spec": self.spec_error(error)["spec_error"]}
            case NoProcError(reason=reason):
                return {"exit": self.reason(reason)}
            case _:
                refused = REFUSALS[type(error)]
        return {"error": refused}

    def id_of(self, path: str) -> object:
        """Return the id at the end of a path, as it stands in its spec."""
        return self.ids.get(path, path.rsplit("/", 1)[-1])

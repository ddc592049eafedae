"""How an error becomes an answer: one table, and the refusal that routes raise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

import trio

from actors.domain.errors import StorageAwayError, StorageFullError, TooLargeError, UnavailableError
from actors.kernel.errors import CallExitError, CallTimeoutError, MailboxFullError
from actors.upload_sink.upload import UploadLostError
from supervisors.errors import NoProcError

RETRY_SECONDS = 2


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a fault of ours
    """An answer other than 200, with the contract's status and text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and text of an error; `again` tells that it may work in a moment."""

    status: int
    text: str
    again: bool = False


_TOO_LARGE = {
    "source": "Source file too large",
    "certs": "Certs file too large",
    "result": "Result file too large",
}

_STORAGE_AWAY = "The artifact storage is away. Try again."
_AWAY = "The controller is short of a part that is being restarted. Try again."


def _of_refusal(refusal: Refusal) -> Answer:
    return Answer(
        refusal.status, refusal.text, again=refusal.status == HTTPStatus.TOO_MANY_REQUESTS
    )


_TABLE: tuple[tuple[type[Exception], Callable[[Exception], Answer]], ...] = (
    (Refusal, lambda e: _of_refusal(cast("Refusal", e))),
    (TooLargeError, lambda e: Answer(413, _TOO_LARGE.get(str(e), "Request too large"))),
    (StorageFullError, lambda _: Answer(507, "No space left for artifacts on the controller")),
    (StorageAwayError, lambda _: Answer(503, _STORAGE_AWAY, again=True)),
    (UploadLostError, lambda _: Answer(503, "The upload was cut off. Send it again.", again=True)),
    (UnavailableError, lambda _: Answer(503, "The database is away. Try again.", again=True)),
    (NoProcError, lambda _: Answer(503, _AWAY, again=True)),
    (CallExitError, lambda _: Answer(503, _AWAY, again=True)),
    (CallTimeoutError, lambda _: Answer(503, _AWAY, again=True)),
    (MailboxFullError, lambda _: Answer(503, "Too much at once. Try again.", again=True)),
    (trio.TooSlowError, lambda _: Answer(408, "Request Timeout")),
)


def answer_to(error: Exception) -> Answer | None:
    """Return the answer to an expected error; None for a bug."""
    for kind, make in _TABLE:
        if isinstance(error, kind):
            return make(error)
    return None

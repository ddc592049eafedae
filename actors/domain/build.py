"""The states of a build, and the table of the steps between them.

The guards that enforce the table stand in the WHERE clauses of `actors/store/queue.sql`; a test
holds the two against each other, and `docs/lifecycle.md` prints the table.
"""

from __future__ import annotations

from enum import StrEnum


class Platform(StrEnum):
    """What a build is for."""

    IOS = "ios"
    ANDROID = "android"

    @property
    def extension(self) -> str:
        """File name extension of the result."""
        return "ipa" if self is Platform.IOS else "apk"


class Status(StrEnum):
    """The five states that clients know."""

    PENDING = "pending"
    ASSIGNED = "assigned"
    BUILDING = "building"
    COMPLETED = "completed"
    FAILED = "failed"


ACTIVE = frozenset({Status.ASSIGNED, Status.BUILDING})
FINISHED = frozenset({Status.COMPLETED, Status.FAILED})


class Step(StrEnum):
    """What can happen to a build."""

    CLAIM = "claim"
    SIGN_OF_LIFE = "sign of life"
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"
    LOSE = "lose"
    GIVE_UP = "give up"


TRANSITIONS: dict[tuple[Status, Step], Status] = {
    (Status.PENDING, Step.CLAIM): Status.ASSIGNED,
    (Status.ASSIGNED, Step.SIGN_OF_LIFE): Status.BUILDING,
    (Status.BUILDING, Step.SIGN_OF_LIFE): Status.BUILDING,
    (Status.PENDING, Step.COMPLETE): Status.COMPLETED,  # a late result of a lost worker counts
    (Status.ASSIGNED, Step.COMPLETE): Status.COMPLETED,
    (Status.BUILDING, Step.COMPLETE): Status.COMPLETED,
    (Status.PENDING, Step.FAIL): Status.FAILED,
    (Status.ASSIGNED, Step.FAIL): Status.FAILED,
    (Status.BUILDING, Step.FAIL): Status.FAILED,
    (Status.PENDING, Step.CANCEL): Status.FAILED,
    (Status.ASSIGNED, Step.CANCEL): Status.FAILED,
    (Status.BUILDING, Step.CANCEL): Status.FAILED,
    (Status.ASSIGNED, Step.LOSE): Status.PENDING,
    (Status.BUILDING, Step.LOSE): Status.PENDING,
    (Status.ASSIGNED, Step.GIVE_UP): Status.FAILED,
    (Status.BUILDING, Step.GIVE_UP): Status.FAILED,
}


class Verdict(StrEnum):
    """What the settling transaction found."""

    APPLIED = "applied"
    AGAIN = "again"  # the same answer was given before: a lost response was retried
    NOT_YOURS = "not_yours"
    FINISHED = "finished"
    UNKNOWN_BUILD = "unknown_build"
    UNKNOWN_WORKER = "unknown_worker"


CANCELLED = "Build cancelled by user"
"""Error message of a build that was cancelled; the wire has no state of that name."""

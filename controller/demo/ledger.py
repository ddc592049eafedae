"""The books of a run: what was promised, who was given what, what came back.

Pure: told by the farm what happened and when, it says what was lost and what was given twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from controller.agent.events import Granted
from controller.demo.figures import Figures, percentile


@dataclass(frozen=True, slots=True)
class Promise:
    """A build that the controller acknowledged, at the loop's time `at`."""

    build_id: str
    token: str
    source_sha256: str
    at: float


@dataclass(slots=True)
class Ledger:
    """Everything that is known about a run; `expected` is how many builds are to be submitted."""

    expected: int
    promises: dict[str, Promise] = field(default_factory=dict[str, Promise])
    grants: dict[str, list[Granted]] = field(default_factory=lambda: defaultdict(list))
    delivered: set[str] = field(default_factory=set[str])
    verified: set[str] = field(default_factory=set[str])
    failed: dict[str, str] = field(default_factory=dict[str, str])
    refused: list[str] = field(default_factory=list[str])
    kills: int = 0

    def outstanding(self) -> set[str]:
        """Return the builds that were promised and have neither a good nor a bad end."""
        return self.promises.keys() - self.verified - self.failed.keys()

    @property
    def is_settled(self) -> bool:
        """Whether nothing more can happen."""
        asked = len(self.promises) + len(self.refused)
        return asked == self.expected and not self.outstanding()

    @property
    def lost(self) -> set[str]:
        """The builds that were acknowledged and whose right result never came back."""
        return self.promises.keys() - self.verified

    @property
    def assigned_twice(self) -> set[str]:
        """The builds whose grants do not follow one after another."""
        return {build_id for build_id, grants in self.grants.items() if not is_orderly(grants)}

    def latencies(self) -> list[float]:
        """Return for each build the seconds from its acknowledgement to its first worker.

        A worker may have it before the submitter has its answer: that is no time at all.
        """
        return [
            max(0.0, min(grant.at for grant in self.grants[build_id]) - promise.at)
            for build_id, promise in self.promises.items()
            if self.grants.get(build_id)
        ]

    def close(self, seconds: float, seed: int) -> Figures:
        """Sum up."""
        waits = [1000 * wait for wait in self.latencies()]
        return Figures(
            builds=len(self.promises),
            seconds=seconds,
            builds_per_minute=60 * len(self.verified) / seconds if seconds else 0.0,
            in_queue_p50_ms=percentile(waits, 50),
            in_queue_p99_ms=percentile(waits, 99),
            failures=len(self.failed) + len(self.refused),
            kills=self.kills,
            lost=len(self.lost),
            assigned_twice=len(self.assigned_twice),
            seed=seed,
        )


def is_orderly(grants: Iterable[Granted]) -> bool:
    """Whether attempts are numbered 1 to n and each had one worker.

    The same grant may be reported again (a poll is answered with the build that its worker holds).
    A missing number is a grant that nobody knows of. A controller that does not number its
    grants may give a build to one worker only.
    """
    holders: dict[int, str] = {}
    for grant in grants:
        attempt = 1 if grant.attempt is None else grant.attempt
        if holders.setdefault(attempt, grant.worker_id) != grant.worker_id:
            return False
    return sorted(holders) == list(range(1, len(holders) + 1))

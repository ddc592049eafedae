"""What must hold after the run: the ledger of the clients against rows, files, processes."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from asyncpg import Record

from tests.chaos.ledger import Holder, Ledger, digest, source_of
from tests.chaos.system import System

_BUILDS = """
select b.id, b.status, b.worker_id, b.error_message, s.sha256 as source, r.sha256 as result,
    (select count(*) from build_logs l where l.build_id = b.id and l.message in (
        'Build completed successfully', 'Build cancelled', b.error_message)) as ends
from builds b
left join artifacts s on s.build_id = b.id and s.kind = 'source' and s.state = 'current'
left join artifacts r on r.build_id = b.id and r.kind = 'result' and r.state = 'current'
"""
_ATTEMPTS = "select build_id, attempt, worker_id, lease, outcome from attempts"
_LINES = "select build_id, message from build_logs where message like 'line %'"
_CONNECTIONS = "select pid from pg_stat_activity where application_name = 'expo-controller'"
_PER_NODE = 5
"""Connections of a controller: the pool, and one that listens."""
_EXPECTED_CRASHES = ("ServerDiedError", "NodeDiedError", "NodeSetupError")
_LINGERS = "it is already in use"
"""Said by a start while a node of the killed life still has the port; the start is repeated."""


@dataclass(slots=True)
class Faulty:
    """What was found wrong: in words, and counted by the fault in force."""

    words: list[str] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)
    doubled: Counter[str] = field(default_factory=Counter)

    def lose(self, label: str, what: str) -> None:
        """Note something acknowledged that is not there."""
        self.lost[label] += 1
        self.words.append(f"lost ({label}): {what}")

    def double(self, label: str, what: str) -> None:
        """Note something that is there twice."""
        self.doubled[label] += 1
        self.words.append(f"doubled ({label}): {what}")


async def books(system: System, ledger: Ledger, found: Faulty) -> None:
    """Hold what clients were told against the rows."""
    builds = {row["id"]: row for row in await system.fetch(_BUILDS)}
    attempts: dict[tuple[str, int], Record] = {
        (row["build_id"], row["attempt"]): row for row in await system.fetch(_ATTEMPTS)
    }
    found.words += ledger.wrong
    _submissions(builds, ledger, found)
    _grants(attempts, ledger, found)
    _ends(builds, attempts, ledger, found)
    lines = {(row["build_id"], row["message"]) for row in await system.fetch(_LINES)}
    for build_id, text, label in ledger.lines:
        if (build_id, text) not in lines:
            found.lose(label, f"{text!r} of build {build_id}")


def _submissions(builds: Mapping[str, Record], ledger: Ledger, found: Faulty) -> None:
    """Every acknowledged build is there with its source; one key, one build."""
    for build_id, promise in ledger.promises.items():
        row = builds.get(build_id)
        if row is None:
            found.lose(promise.label, f"build {build_id}")
        elif row["source"] != digest(source_of(promise.key)):
            found.lose(promise.label, f"the source of build {build_id}")
        elif row["status"] not in {"completed", "failed"}:
            found.lose(promise.label, f"build {build_id} is still {row['status']}")
    keys = {digest(source_of(key)): key for key in ledger.keys}
    by_key: dict[str, list[str]] = defaultdict(list)
    for build_id, row in builds.items():
        by_key[keys.get(row["source"], "a key that nobody used")].append(build_id)
    labels = {promise.key: promise.label for promise in ledger.promises.values()}
    for key, ids in by_key.items():
        if len(ids) > 1:
            found.double(labels.get(key, "?"), f"submission {key}: builds {', '.join(ids)}")


def _grants(attempts: Mapping[tuple[str, int], Record], ledger: Ledger, found: Faulty) -> None:
    """Every attempt that a poll was answered with had one holder, the one of its row."""
    for (build_id, attempt), holders in ledger.grants.items():
        row = attempts.get((build_id, attempt))
        what = f"attempt {attempt} of build {build_id}"
        if len(holders) > 1:
            found.double("?", f"{what} was given to {len(holders)} holders")
        elif row is None or Holder(row["worker_id"], row["lease"]) not in holders:
            found.double("?", f"{what} was given to another one than its row says")


def _ends(
    builds: Mapping[str, Record],
    attempts: Mapping[tuple[str, int], Record],
    ledger: Ledger,
    found: Faulty,
) -> None:
    """Every build ended once, as its worker was told, with the bytes of that worker."""
    settled = {b for (b, _), row in attempts.items() if row["outcome"] in {"completed", "failed"}}
    for build_id, ends in ledger.ends.items():
        row, end = builds.get(build_id), ends[-1]
        if len({(one.attempt, one.holder) for one in ends}) > 1:
            found.double(end.label, f"build {build_id} was ended by several holders")
            continue
        status = "failed" if end.result is None else "completed"
        if row is None or row["status"] != status or row["result"] != end.result:
            found.lose(end.label, f"build {build_id}, reported {status}, or its result")
        outcome = attempts[build_id, end.attempt]["outcome"]
        cancelled = outcome == "cancelled" and status == "failed"  # a failure of what was ended
        late = outcome == "lost" and build_id not in settled
        if outcome != status and not cancelled and not late:
            found.double(
                end.label,
                f"attempt {end.attempt} of build {build_id} was taken as {status}, but it is "
                f"{outcome}, and another one was settled",
            )
    for build_id, row in builds.items():
        if row["ends"] > 1:
            found.double("?", f"build {build_id} has {row['ends']} ends in its log")
        if row["result"] is not None and row["result"] not in ledger.sent[build_id]:
            found.lose("?", f"the result of build {build_id} was never sent for it")
    for build_id, label in ledger.cancelled.items():
        if builds[build_id]["error_message"] != "Build cancelled by user":
            found.lose(label, f"the cancel of build {build_id}")


async def connections(system: System) -> int:
    """Return how many connections to the database are too many."""
    return len(await system.fetch(_CONNECTIONS)) - _PER_NODE * system.nodes


def stray_files(system: System, began: float) -> Iterator[str]:
    """Yield what is left of uploads that ended before this run began, and of our fillers."""
    for path in (system.storage / "incoming").iterdir():
        if path.stat().st_mtime < began:
            yield f"stray upload {path.name}, {time.time() - path.stat().st_mtime:.0f} s old"


def crashes(log: Iterable[str]) -> Counter[str]:
    """Count crashes and other errors of the log that no fault explains."""
    counted: Counter[str] = Counter()
    for line in log:
        if _LINGERS in line:
            continue
        if not line.startswith("{"):
            counted["not JSON: " + line.strip()[:150]] += 1
            continue
        entry = json.loads(line)
        if entry.get("level") in {"error", "critical"}:
            reason = str(entry.get("reason", entry.get("error", "")))
            if not any(word in reason for word in _EXPECTED_CRASHES):
                counted[f"{entry['event']} {entry.get('path', '')} {reason}"[:300]] += 1
    return counted

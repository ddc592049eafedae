"""A small build farm for the tests of the store: builds, workers, and what must always hold."""

from __future__ import annotations

from actors.domain.artifact import Kind, Stored
from actors.domain.ids import new_id, token_hash
from actors.store import queue
from actors.store.database import Database
from actors.store.queue import ClaimAnswer, Job, Lost, Report, Submission

INVARIANTS = {
    "an active build has exactly its one live attempt": """
        select b.id from builds b where b.status in ('assigned', 'building') and not exists (
            select from attempts t where t.build_id = b.id and t.attempt = b.attempt
              and t.worker_id = b.worker_id and t.lease = b.lease and t.ended_at is null)""",
    "a live attempt belongs to an active build": """
        select t.build_id from attempts t join builds b on b.id = t.build_id
        where t.ended_at is null and b.status not in ('assigned', 'building')""",
    "attempts are numbered without a gap": """
        select b.id from builds b
        where b.attempt <> (select count(*) from attempts t where t.build_id = b.id)""",
    "counters are the settled builds": """
        select w.id from workers w where (w.builds_completed, w.builds_failed) <> (
            select count(*) filter (where status = 'completed'),
                count(*) filter (where status = 'failed' and error_message like 'reported%')
            from builds b where b.worker_id = w.id)""",
    "a worker holds at most one build": """
        select worker_id from builds where status in ('assigned', 'building')
        group by worker_id having count(*) > 1""",
}


def stored(kind: Kind = Kind.SOURCE) -> Stored:
    """Describe a file that nobody ever wrote."""
    file_id = new_id()
    return Stored(file_id, kind, f"{kind.value}/{file_id}", 3, bytes(32))


def submission(platform: str = "ios", *, certs: bool = False, key: str | None = None) -> Submission:
    """Describe a build."""
    files = (stored(), stored(Kind.CERTS)) if certs else (stored(),)
    return Submission(
        id=new_id(),
        platform=platform,
        token_hash=token_hash(new_id()),
        submit_key=key or new_id(),
        files=files,
    )


async def submit(db: Database, count: int = 1, platform: str = "ios") -> list[str]:
    """Put builds into the queue; their ids, first in first."""
    made = await queue.submit(db, [submission(platform) for _ in range(count)])
    return [one.id for one in made]


async def workers(db: Database, count: int = 1, serves: str = "any") -> list[str]:
    """Register workers; their ids."""
    ids = [f"worker-{serves}-{number}" for number in range(count)]
    for worker_id in ids:
        await queue.register(db, worker_id, worker_id, {}, serves)
    return ids


async def ask(db: Database, worker_id: str) -> ClaimAnswer:
    """Have one worker ask for work."""
    return (await queue.claim(db, [(worker_id, new_id())]))[worker_id]


async def grant(db: Database, worker_id: str) -> Job:
    """Have one worker ask for work and get some."""
    job = (await ask(db, worker_id)).job
    assert job is not None
    return job


def report(job: Job, worker_id: str, *, success: bool = True, lease: str | None = None) -> Report:
    """Describe an end as the worker tells it; a success comes with a result."""
    return Report(
        build_id=job.build_id,
        worker_id=worker_id,
        lease=lease,
        success=success,
        error="" if success else "reported: no space left",
        artifact=stored(Kind.RESULT) if success else None,
    )


async def sign(db: Database, job: Job, worker_id: str, *, working: bool = True) -> None:
    """Have a worker give a sign of life."""
    await queue.signs_of_life(db, [(job.build_id, worker_id, working)])


async def age(db: Database, build_id: str, *, seconds: float) -> None:
    """Let everything that is known of a build's attempts be older."""
    await db.execute(
        "update attempts set granted_at = granted_at - make_interval(secs => $2::float8), "
        "last_sign_at = last_sign_at - make_interval(secs => $2::float8) where build_id = $1",
        build_id,
        seconds,
    )


async def lose(db: Database, *, max_attempts: int = 3, listening: float = 9e9) -> list[Lost]:
    """Sweep with the limits of the contract."""
    return await queue.lose(
        db, silent=120, first_sign=600, max_attempts=max_attempts, listening=listening
    )


async def status(db: Database, build_id: str) -> str:
    """Return the state of a build."""
    found = await db.fetchval("select status from builds where id = $1", build_id)
    assert isinstance(found, str)
    return found


async def messages(db: Database, build_id: str) -> list[str]:
    """Return the log of a build."""
    rows = await db.fetch(
        "select message from build_logs where build_id = $1 order by id", build_id
    )
    return [row["message"] for row in rows]


async def check_invariants(db: Database) -> None:
    """Fail when something is not as it must always be."""
    for law, sql in INVARIANTS.items():
        broken = [row[0] for row in await db.fetch(sql)]
        assert not broken, f"{law}: {broken}"

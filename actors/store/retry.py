"""The statement of `retry.sql`: a build once more, from the files that are there already."""

from __future__ import annotations

from dataclasses import dataclass

from actors.domain.artifact import Kind
from actors.domain.ids import new_id
from actors.store.database import Database
from actors.store.queries import load

_SQL = load("retry.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrial:
    """A build to be made of the files of another one; `kinds` are those whose bytes are there."""

    id: str
    original_id: str
    token_hash: bytes
    submit_key: str
    kinds: tuple[Kind, ...]


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of a retry; `made` is False for a repeated key (`id` is the first one's)."""

    id: str
    platform: str
    submitted_at: int
    made: bool


async def retry(db: Database, retrial: Retrial) -> Retried | None:
    """Make the build; None when the original or its source has no row any more.

    Idempotent by `submit_key`.
    """
    record = await db.fetchrow(
        _SQL["retry"],
        retrial.original_id,
        retrial.id,
        retrial.token_hash,
        retrial.submit_key,
        [new_id() for _ in retrial.kinds],
        [kind.value for kind in retrial.kinds],
    )
    return None if record is None else Retried(**dict(record))

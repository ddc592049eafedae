"""The statements of `credentials.sql`: who holds which token, and which password is used up."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

import trio

from actors.domain.credentials import (
    OTP_SECONDS,
    RENEW_SECONDS,
    VM_TOKEN_SECONDS,
    WORKER_TOKEN_SECONDS,
    new_worker_token,
    next_worker_token,
    one_time_password,
    same_secret,
    vm_token,
)
from actors.domain.ids import token_hash
from actors.store.database import Database
from actors.store.patience import through_outage
from actors.store.queries import load

_SQL = load("credentials.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerTicket:
    """A valid token of a worker; `until` is when it expires, by trio's clock."""

    worker_id: str
    token: str = field(repr=False)
    key: bytes = field(repr=False)
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The attempt whose credentials open a build, or opened it last."""

    worker_id: str
    lease: str
    live: bool
    completed: bool
    otp_lasts: bool
    otp_used: bool
    vm_lasts: bool
    vm_ready_at: int | None
    key: bytes = field(repr=False)

    @property
    def vm_token(self) -> str:
        """The token of its virtual machine."""
        return vm_token(self.key, self.lease)

    def has_otp(self, given: str) -> bool:
        """Whether this is its one-time password."""
        return same_secret(given, one_time_password(self.key, self.lease))

    def opens_to(self, given: str) -> bool:
        """Whether this is the token of its virtual machine, which was issued and lasts."""
        return self.vm_lasts and same_secret(given, self.vm_token)


async def issue_worker_token(db: Database, worker_id: str) -> str:
    """Give a worker a new token; those that it has stay valid for their time."""
    token = new_worker_token()
    await _issue(db, token, worker_id)
    return token


async def find_worker(db: Database, token: str) -> WorkerTicket | None:
    """Return whose token this is; None when it is nobody's or expired."""
    wanted = token_hash(token)
    record = await db.fetchrow(_SQL["find_worker_token"], wanted)
    if record is None or not hmac.compare_digest(record["hash"], wanted):
        return None
    until = trio.current_time() + record["seconds_left"]
    return WorkerTicket(worker_id=record["worker_id"], token=token, key=record["key"], until=until)


async def lasting_token(db: Database, ticket: WorkerTicket) -> str:
    """Return the token to poll with next: the same one while it lasts, then its successor."""
    if ticket.until - trio.current_time() > RENEW_SECONDS:
        return ticket.token
    token = next_worker_token(ticket.key, ticket.token)
    await _issue(db, token, ticket.worker_id)
    return token


async def _issue(db: Database, token: str, worker_id: str) -> None:
    arguments = (token_hash(token), worker_id, WORKER_TOKEN_SECONDS)
    await through_outage(lambda: db.execute(_SQL["issue_worker_token"], *arguments))


async def find_attempt(db: Database, build_id: str) -> Attempt | None:
    """Return the present or last attempt of a build; None when it was never given to a worker."""
    record = await db.fetchrow(_SQL["find_attempt"], build_id, OTP_SECONDS, VM_TOKEN_SECONDS)
    return None if record is None else Attempt(**dict(record))


async def use_otp(db: Database, build_id: str, lease: str, user: str) -> int | None:
    """Use up the password of an attempt; when its machine's token expires, None if it was used.

    `user` names this one use, whose repetition through an outage is recognised.
    """
    arguments = (build_id, lease, user, OTP_SECONDS, VM_TOKEN_SECONDS)
    return await through_outage(lambda: db.fetchval(_SQL["use_otp"], *arguments))


async def note_vm_ready(db: Database, build_id: str, lease: str) -> int | None:
    """Note that the machine of an attempt is ready; since when, None if the attempt is over."""
    return await through_outage(lambda: db.fetchval(_SQL["note_vm_ready"], build_id, lease))


async def is_foreign(db: Database, build_id: str, worker_id: str) -> bool:
    """Whether the build is there and this worker never had it."""
    return bool(await db.fetchval(_SQL["is_foreign"], build_id, worker_id))

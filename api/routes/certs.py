"""Certificates taken apart for a keychain, read as those of a stranger."""

from __future__ import annotations

import base64
import secrets

import structlog
import trio

from actors.domain.artifact import Kind
from actors.storage.archive import ArchiveError
from actors.storage.certificates import read_certificates
from api.errors import Refusal
from api.exchange import Outcome, Reply, Request, json_reply
from api.routes.artifacts import heard
from api.wire.vm import SecureCerts

log = structlog.get_logger()

_READERS = trio.CapacityLimiter(2)
"""How many archives are read at once: each may take some tens of mebibytes."""
_KEYCHAIN_BYTES = 24


async def secure(request: Request) -> Outcome:
    """Give key, password and profiles, and a new password for the keychain to put them in."""
    build = request.held_build()
    services = request.services
    stored = build.files.get(Kind.CERTS)
    if stored is None:
        raise Refusal(404, "Certs not found")
    heard(request)

    def work() -> Reply:
        found = read_certificates(services.store, stored.location)
        return json_reply(
            SecureCerts(
                p12=found.p12,
                p12Password=found.password,
                keychainPassword=base64.b64encode(secrets.token_bytes(_KEYCHAIN_BYTES)).decode(),
                provisioningProfiles=found.profiles,
            )
        )

    try:
        reply = await trio.to_thread.run_sync(work, limiter=_READERS)
    except (ArchiveError, OSError) as error:
        log.warning("certs.refused", why=str(error))
        raise Refusal(500, "Failed to process certs file") from error
    return Reply(reply.body, headers=(*reply.headers, (b"cache-control", b"no-store")))

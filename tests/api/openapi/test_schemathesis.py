"""The running farm and its description, held together by schemathesis for `FUZZ_SECONDS`."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
import trio
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from actors.store.database import ConnectOptions
from tests.support import farm as farms

SECONDS = float(os.environ.get("FUZZ_SECONDS", "15"))
SEED = int(os.environ.get("FUZZ_SEED", random.SystemRandom().randrange(2**32)))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
LEAST = 100
MODES = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]


class _OverError(BaseException):
    """The share of an operation is used up; passes through hypothesis."""


@dataclass
class Fuzz:
    """One run against one farm."""

    url: str
    key: str
    known: list[str]
    statuses: Counter[int] = field(default_factory=Counter[int])
    failures: list[str] = field(default_factory=list[str])

    def run(self) -> None:
        """Give every operation its share of the time."""
        schema = schemathesis.openapi.from_dict(_document(self.url))
        operations = [found.ok() for found in schema.get_all_operations()]
        wanted = [one for one in operations if not _is_left_out(one)]
        with requests.Session() as session:
            for operation in wanted:
                self._try(operation, session, SECONDS / len(wanted))

    def _try(self, operation: Any, session: requests.Session, share: float) -> None:
        end = time.monotonic() + share
        cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in MODES))
        ids = st.sampled_from([*self.known, ""])
        keys = st.sampled_from([self.key] * 4 + ["", "wrong"])

        @seed(SEED)
        @settings(
            max_examples=100_000,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases, one=ids, other=ids, key=keys)
        def each(case: Any, one: str, other: str, key: str) -> None:
            if time.monotonic() > end:
                raise _OverError
            self._aim(case, one, other, key)
            response = case.call(base_url=self.url, session=session, timeout=20)
            self.statuses[response.status_code] += 1
            case.validate_response(response, checks=CHECKS)

        try:
            each()
        except _OverError:
            pass
        except BaseExceptionGroup as error:
            self.failures.append(f"{operation.label}: {error.exceptions[0]!r} {error}")

    def _aim(self, case: Any, one: str, other: str, key: str) -> None:
        """Name what exists, and show the key, most of the time; never wait long."""
        case.headers["X-API-Key"] = key
        if one and "id" in (case.path_parameters or {}):
            case.path_parameters["id"] = one
        if other:
            case.headers["X-Worker-Id"] = other
            case.headers["X-Build-Id"] = one
        if isinstance(case.query, dict) and "wait" in case.query:
            case.query["wait"] = "0"


def _document(url: str) -> dict[str, Any]:
    return requests.get(f"{url}/openapi.json", timeout=20).json()


def _is_left_out(operation: Any) -> bool:
    """Whether it would end what is tested, or its answer has no end."""
    answers = operation.definition.raw["responses"]["200"]["content"]
    acts = operation.path.startswith("/debug/") and operation.method.upper() != "GET"
    return acts or "text/event-stream" in answers


async def test_no_crash_and_nothing_undescribed(
    database_options: ConnectOptions,
    tmp_path: Path,
    logged: object,  # noqa: ARG001 - errors of the stop count, too
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Requests made from the description, good and bad: no 5xx, no answer that is not in it."""
    print(f"FUZZ_SEED={SEED} FUZZ_SECONDS={SECONDS:g}")
    monkeypatch.setattr(farms, "SECONDS", SECONDS + farms.SECONDS)
    async with farms.farming(database_options, tmp_path) as farm:
        build_id, worker_id, _ = await farm.assigned()
        waiting = (await farm.submit(platform="android"))["id"]
        fuzz = Fuzz(farm.url, farm.api_key, [build_id, worker_id, waiting])
        await trio.to_thread.run_sync(fuzz.run)
    print(dict(sorted(fuzz.statuses.items())))
    assert not fuzz.failures, "\n".join(fuzz.failures)
    assert fuzz.statuses.total() >= LEAST
    assert {200, 400, 401, 403, 404} <= set(fuzz.statuses)

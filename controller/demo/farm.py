"""Submitters, workers and a checker at one controller, until every build is accounted for."""

from __future__ import annotations

import math
import random
import uuid
from collections.abc import Callable
from pathlib import Path

import trio

from api.client import ApiError, BuildStatus, Client, ControllerUnreachableError, Retry
from controller.agent.events import AgentEvent, Delivered, Dropped, Granted, Joined
from controller.agent.loop import Agent
from controller.agent.settings import AgentSettings
from controller.agent.simulated import SimulatedBuilder
from controller.demo.ledger import Ledger, Promise
from controller.demo.sabotage import sabotage
from controller.demo.sample import pack
from controller.demo.settings import Access, DemoSettings

_FILLER_BYTES = 16 * 1024
_SWEEP_SECONDS = 2.0
_CHECKERS = 4
_CHECK_SECONDS = 10.0
_AGENT_PATIENCE_SECONDS = 60.0
_PLATFORMS = ("ios", "android")


class Farm:
    """One run; `ledger` is its books, `note` is told what an onlooker may want to read."""

    def __init__(
        self, settings: DemoSettings, access: Access, folder: Path, note: Callable[[str], None]
    ) -> None:
        self.ledger = Ledger(settings.builds)
        self._settings = settings
        self._access = access
        self._folder = folder
        self._note = note
        self._builder = SimulatedBuilder(settings.size, settings.build_seconds)
        self._numbers = iter(range(settings.builds))
        self._in_check: set[str] = set()
        self._to_check, self._finished = trio.open_memory_channel[str](math.inf)
        self._changed = trio.Event()

    async def run(self) -> None:
        """Return when all builds have ended, or nothing has happened for the time of patience."""
        async with self._client() as client, trio.open_nursery() as nursery:
            for number in range(self._settings.workers):
                nursery.start_soon(self._work, number)
            for _ in range(_CHECKERS):
                nursery.start_soon(self._check_finished, client)
            for _ in range(self._settings.submitters):
                nursery.start_soon(self._submit_all, client)
            nursery.start_soon(self._sweep, client)
            if self._settings.kill_something:
                rng = random.Random(self._settings.seed)  # noqa: S311 - a repeatable choice
                nursery.start_soon(sabotage, client, rng, self._killed)
            await self._until_settled()
            nursery.cancel_scope.cancel()

    def _client(self) -> Client:
        return Client(self._access.url, self._access.api_key)

    async def _until_settled(self) -> None:
        while not self.ledger.is_settled:
            changed = self._changed
            with trio.move_on_after(self._settings.patience) as waiting:
                await changed.wait()
            if waiting.cancelled_caught:
                self._note(f"nothing happened for {self._settings.patience:g} s, giving up")
                return

    def _touch(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    def _killed(self, path: str) -> None:
        self.ledger.kills += 1
        self._note(f"killed {path}")

    # Submitters

    async def _submit_all(self, client: Client) -> None:
        for number in self._numbers:
            await self._submit(client, number)
            self._touch()

    async def _submit(self, client: Client, number: int) -> None:
        source = self._folder / f"source-{number}.zip"
        filler = random.Random(f"{self._settings.seed} {number}").randbytes(_FILLER_BYTES)  # noqa: S311 - no secret
        digest = await trio.to_thread.run_sync(pack, self._settings.app, source, filler)
        platform, key = _PLATFORMS[number % 2], str(uuid.uuid4())
        try:
            got = await Retry(within=self._settings.patience)(
                lambda: client.submit(source, platform, idempotency_key=key)
            )
        except (ApiError, ControllerUnreachableError) as error:
            self.ledger.refused.append(str(error))
            self._note(f"submission {number} failed: {error}")
        else:
            promise = Promise(got.id, got.access_token, digest, trio.current_time())
            self.ledger.promises[got.id] = promise
        finally:
            source.unlink()

    # Workers

    async def _work(self, number: int) -> None:
        name = f"simulated-{number + 1}"
        settings = AgentSettings(
            name=name,
            folder=self._folder / name,
            heartbeat_every=2.0,
            patience=_AGENT_PATIENCE_SECONDS,
        )
        async with self._client() as client:
            await Agent(client, settings, self._builder, self._observe).run()

    def _observe(self, event: AgentEvent) -> None:
        match event:
            case Joined(worker_id, name):
                self._note(f"{name} registered as {worker_id}")
            case Granted(build_id):
                self.ledger.grants[build_id].append(event)
            case Delivered(build_id):
                self.ledger.delivered.add(build_id)
                self._to_check.send_nowait(build_id)
            case Dropped(build_id, worker_id, why):
                self._note(f"{worker_id} dropped {build_id}: {why}")
        self._touch()

    # The checker

    async def _sweep(self, client: Client) -> None:
        """Find the builds whose end was not heard of."""
        while True:
            await trio.sleep(_SWEEP_SECONDS)
            try:
                rows = await client.list_builds()
            except (ApiError, ControllerUnreachableError):
                continue
            ended = {row.id for row in rows if row.status in ("completed", "failed")}
            for build_id in ended & self.ledger.outstanding():
                self._to_check.send_nowait(build_id)

    async def _check_finished(self, client: Client) -> None:
        async for build_id in self._finished:
            if build_id not in self.ledger.outstanding() or build_id in self._in_check:
                continue
            self._in_check.add(build_id)
            try:
                await self._check(client, self.ledger.promises[build_id])
            except (ApiError, ControllerUnreachableError) as error:
                self._note(f"checking {build_id} failed: {error}")  # the sweep finds it again
            else:
                self._touch()
            finally:
                self._in_check.discard(build_id)

    async def _check(self, client: Client, promise: Promise) -> None:
        build_id, retry = promise.build_id, Retry(within=_CHECK_SECONDS)
        status = await retry(lambda: client.status(build_id))
        if status.status == "completed":
            result = self._folder / f"result-{build_id}"
            try:
                digest = await retry(lambda: client.download(build_id, result))
            finally:
                result.unlink(missing_ok=True)
            self._compare(promise, digest)
        elif status.status == "failed":
            self._fail(status)

    def _compare(self, promise: Promise, digest: str) -> None:
        if digest == self._builder.result_sha256(promise.source_sha256, promise.build_id):
            self.ledger.verified.add(promise.build_id)
        else:
            self.ledger.failed[promise.build_id] = "the result is not what was built"
            self._note(f"{promise.build_id}: the result is not what was built")

    def _fail(self, status: BuildStatus) -> None:
        why = status.error_message or "no reason given"
        self.ledger.failed[status.id] = why
        self._note(f"{status.id} failed: {why}")

"""One build on this machine: fetch, check, build, report."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import trio

from api.client import ApiError, ControllerUnreachableError, Grant, Job
from api.client.workers import WorkerCalls
from controller.agent.archive import BrokenArchiveError, check_archive
from controller.agent.builder import Builder, BuildFailedError, Task
from controller.agent.pulse import Pulse, TakenAwayError
from controller.agent.settings import AgentSettings


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a build ended: a result, or what is wrong with it."""

    result: Path | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """A job and what is needed to do it; only the report outlives `perform`."""

    calls: WorkerCalls
    settings: AgentSettings
    builder: Builder
    job: Job
    grant: Grant

    async def perform(self, folder: Path) -> Outcome:
        """Build, report and return how it ended.

        Raises `TakenAwayError` when the build is not ours any more. That is also the guess when
        patience with an outage is over: the next poll tells how it stands.
        """
        pulse = Pulse(self.calls, self.grant, self.settings)
        try:
            outcome = await self._beside(pulse, folder)
            await pulse.flush()
            await self._report(outcome)
        except ControllerUnreachableError as error:
            raise TakenAwayError(str(error)) from error
        except ApiError as error:
            raise TakenAwayError(error.text) from error
        return outcome

    async def _beside(self, pulse: Pulse, folder: Path) -> Outcome:
        """Work while the pulse beats; the pulse ends the work when it learns of a cancel."""
        outcome: Outcome | None = None
        trouble: Exception | None = None
        with trio.CancelScope() as work:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_beat, pulse, work)
                try:
                    outcome = await self._work(pulse, folder)
                except (ApiError, ControllerUnreachableError) as error:
                    trouble = error  # raised outside, so that no group is made of it
                work.cancel()
        if trouble is not None:
            raise trouble
        if outcome is None:
            raise TakenAwayError("cancelled")
        return outcome

    async def _work(self, pulse: Pulse, folder: Path) -> Outcome:
        try:
            task = await self._fetch(pulse, folder)
            return Outcome(result=await self.builder.build(task, pulse))
        except (BrokenArchiveError, BuildFailedError) as error:
            pulse.log("error", str(error))
            return Outcome(failure=str(error))

    async def _fetch(self, pulse: Pulse, folder: Path) -> Task:
        source, certs = folder / "source.zip", folder / "certs.zip"
        digest = await self._get(lambda: self.calls.source(self.grant, source))
        if self.job.certs_url is not None:
            await self._get(lambda: self.calls.certs(self.grant, certs))
        contents = await trio.to_thread.run_sync(check_archive, source, abandon_on_cancel=True)
        pulse.log("info", f"Source checked: {contents.files} files, {contents.size} bytes")
        return Task(
            build_id=self.job.id,
            platform=self.job.platform,
            source=source,
            source_sha256=digest,
            certs=None if self.job.certs_url is None else certs,
            folder=folder,
        )

    async def _get(self, download: Callable[[], Awaitable[str]]) -> str:
        """Download patiently; a file that the controller has lost fails the build."""
        try:
            return await self.settings.patiently()(download)
        except ApiError as error:
            if error.is_taken_away or error.status == HTTPStatus.SERVICE_UNAVAILABLE:
                raise
            raise BuildFailedError(f"The worker could not get the source: {error.text}") from error

    async def _report(self, outcome: Outcome) -> None:
        await self.settings.patiently()(
            lambda: self.calls.upload(self.grant, outcome.result, outcome.failure)
        )


async def _beat(pulse: Pulse, work: trio.CancelScope) -> None:
    await pulse.run()
    work.cancel()

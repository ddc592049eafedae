"""The life of an agent: register, poll, work, poll again; unregister on the way out."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import TypeVar

import trio

from api.client import ApiError, ControllerUnreachableError, Grant, Job, Retry
from api.client.workers import WorkerCalls
from controller.agent.assignment import Assignment
from controller.agent.builder import Builder
from controller.agent.events import Delivered, Dropped, Granted, Joined, Observer
from controller.agent.pulse import TakenAwayError
from controller.agent.settings import AgentSettings
from controller.agent.workspace import Workspace

T = TypeVar("T")


class Agent:
    """One worker of the farm; does one build at a time."""

    def __init__(
        self,
        calls: WorkerCalls,
        settings: AgentSettings,
        builder: Builder,
        observe: Observer = lambda _: None,
    ) -> None:
        self._calls = calls
        self._settings = settings
        self._builder = builder
        self._observe = observe
        self._workspace = Workspace(settings.folder)
        self._worker_id: str | None = None

    async def run(self) -> None:
        """Serve until cancelled, however often the controller is away.

        The controller is told of the end when it answers within the goodbye time; it then gives
        the build in hand to another worker. Raises `ApiError` when it refuses this worker.
        """
        try:
            worker_id = await self._register()
            while True:
                worker_id = await self._serve(worker_id)
        finally:
            await self._leave()

    async def _register(self) -> str:
        settings = self._settings
        registered = await _for_ever(
            lambda: self._calls.register(settings.name, settings.capabilities, self._worker_id)
        )
        self._worker_id = registered.id
        self._observe(Joined(registered.id, settings.name))
        return registered.id

    async def _serve(self, worker_id: str) -> str:
        """Poll once and do what comes; returns the id to go on with."""
        asked = trio.current_time()
        try:
            job = await _for_ever(lambda: self._calls.poll(worker_id, self._settings.poll_wait))
        except ApiError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return await self._register()
        if job is not None:
            await self._take(worker_id, job)
        elif trio.current_time() - asked < self._settings.idle_pause:
            await trio.sleep(self._settings.idle_pause)
        return worker_id

    async def _take(self, worker_id: str, job: Job) -> None:
        self._observe(Granted(job.id, worker_id, job.attempt, trio.current_time()))
        grant = Grant(job.id, worker_id, job.lease)
        work = Assignment(self._calls, self._settings, self._builder, job, grant)
        try:
            with self._workspace.folder(job.id) as folder:
                outcome = await work.perform(folder)
        except TakenAwayError as error:
            self._observe(Dropped(job.id, worker_id, str(error)))
            await trio.sleep(self._settings.idle_pause)  # the same job may come back at once
        else:
            self._observe(Delivered(job.id, worker_id, outcome.failure))

    async def _leave(self) -> None:
        worker_id = self._worker_id
        if worker_id is None:
            return
        with (
            trio.move_on_after(self._settings.goodbye, shield=True),
            suppress(ApiError, ControllerUnreachableError),
        ):
            await self._calls.unregister(worker_id)


async def _for_ever(call: Callable[[], Awaitable[T]]) -> T:
    """Call until the controller is there: an outage is no reason for an agent to end."""
    return await Retry(within=math.inf)(call)

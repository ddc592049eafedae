"""A controller of the demonstration's own: a program beside this one, stopped in order."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trio

from api.client import ApiError, Client, ControllerUnreachableError
from controller.demo.settings import Access

START_SECONDS = 60.0
STOP_SECONDS = 30.0
_LOOK_EVERY = 0.1
_TAIL_LINES = 20

# Settings of a real farm that must not reach this one.
_FOREIGN = ("DATABASE_URL", "STORAGE_URL", "STORAGE_PATH", "DATA_DIR", "PORT", "NODES")


class ControllerStartError(Exception):
    """The controller did not come up; the text ends with its last words."""


@dataclass(slots=True)
class OwnController:
    """A running controller; `exit_code` is there once it has been stopped."""

    access: Access
    log: Path
    exit_code: int | None = field(default=None, init=False)

    def leaks(self, tokens: Iterable[str]) -> int:
        """Return how many secrets (its key, build tokens) stand in its log. Blocks."""
        text = self.log.read_text(errors="replace")
        return sum(secret in text for secret in (self.access.api_key, *tokens))


@asynccontextmanager
async def own_controller(folder: Path) -> AsyncGenerator[OwnController, None]:
    """Yield a controller that answers, with its data below `folder`; stop it afterwards.

    A root's controller runs its database as another user, who must be able to enter `folder`.

    Raises `ControllerStartError`. However the block is left, no process stays behind.
    """
    access = Access(f"http://127.0.0.1:{(port := _free_port())}", secrets.token_urlsafe(32))
    controller = OwnController(access, folder / "controller.log")
    with controller.log.open("wb") as log:
        process = await trio.lowlevel.open_process(
            _command(port, folder / "data"),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=_environment(access.api_key),
            start_new_session=True,  # Ctrl-C is for us; we stop it when the workers have left
        )
    try:
        await _until_up(process, controller)
        yield controller
    finally:
        await _stop(process)
        controller.exit_code = process.returncode


def _command(port: int, data: Path) -> list[str]:
    program = [sys.executable, "-m", "controller", "start"]
    return [*program, "--port", str(port), "--data-dir", str(data)]


def _environment(api_key: str) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    return {**ours, "CONTROLLER_API_KEY": api_key, "PYTHONUNBUFFERED": "1"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _until_up(process: trio.Process, controller: OwnController) -> None:
    async with Client(controller.access.url, controller.access.api_key) as client:
        with trio.move_on_after(START_SECONDS):
            while process.poll() is None:
                try:
                    await client.health()
                except (ApiError, ControllerUnreachableError):
                    await trio.sleep(_LOOK_EVERY)
                else:
                    return
    tail = controller.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
    ending = "does not answer" if process.returncode is None else "ended at once"
    raise ControllerStartError("\n".join([f"the controller {ending}; its last words:", *tail]))


async def _stop(process: trio.Process) -> None:
    with trio.CancelScope(shield=True):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        with trio.move_on_after(STOP_SECONDS):
            await process.wait()
        process.kill()
        await process.wait()

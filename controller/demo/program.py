"""A whole demonstration: a controller if there is none, a farm at it, and the reckoning."""

from __future__ import annotations

import dataclasses
import shutil
import signal
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import trio
from rich.console import Console

from api.client import Client
from controller.demo.board import Board
from controller.demo.farm import Farm
from controller.demo.figures import Figures
from controller.demo.own_controller import own_controller
from controller.demo.settings import Access, DemoSettings


async def demonstrate(settings: DemoSettings, console: Console) -> Figures | None:
    """Run, showing it on `console`; None when a signal has ended it.

    Raises `ControllerStartError`, or `ApiError` and `ControllerUnreachableError` when the
    controller at `settings.url` cannot be used.
    """
    with _folder(keep=settings.keep, console=console) as folder:
        figures: Figures | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_end_on_signal, nursery.cancel_scope)
            board = Board(console)
            if settings.url is None:
                figures = await _with_own(settings, folder, board)
            else:
                access = Access(settings.url, settings.api_key)
                figures = await _at(access, settings, folder, board)
            nursery.cancel_scope.cancel()
        return figures


async def _with_own(settings: DemoSettings, folder: Path, board: Board) -> Figures:
    board.note("starting a controller")
    async with own_controller(folder) as controller:
        board.note(f"controller at {controller.access.url}")
        farm, seconds = await _run(controller.access, settings, folder, board)
    tokens = [promise.token for promise in farm.ledger.promises.values()]
    return dataclasses.replace(
        farm.ledger.close(seconds, settings.seed),
        secrets_in_the_log=await trio.to_thread.run_sync(controller.leaks, tokens),
        controller_exit=controller.exit_code,
    )


async def _at(access: Access, settings: DemoSettings, folder: Path, board: Board) -> Figures:
    async with Client(access.url, access.api_key) as client:
        await client.list_builds()  # a wrong address or key is told before anything is begun
    farm, seconds = await _run(access, settings, folder, board)
    return farm.ledger.close(seconds, settings.seed)


async def _run(
    access: Access, settings: DemoSettings, folder: Path, board: Board
) -> tuple[Farm, float]:
    """Run a farm; returns it and the seconds it took."""
    farm = Farm(settings, access, folder, board.note)
    if settings.kill_something:
        board.note(f"killing something every second, seed {settings.seed}")
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(board.follow, farm.ledger)
        await farm.run()
        nursery.cancel_scope.cancel()
    return farm, trio.current_time() - began


async def _end_on_signal(scope: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()


@contextmanager
def _folder(*, keep: bool, console: Console) -> Generator[Path, None, None]:
    folder = Path(tempfile.mkdtemp(prefix="expo-demo-"))
    folder.chmod(0o711)  # see `own_controller`
    try:
        yield folder
    finally:
        if keep:
            console.print(f"kept: {folder}", soft_wrap=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)

"""The child: real stalls of a real loop, and signs to a real service manager."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import Any

import trio

from actors.domain.events import LoopStalled
from actors.watchdog.actor import watchdog_spec
from actors.watchdog.notify import ALIVE, READY, STOPPING, Notifier
from actors.watchdog.pulse import Pulse
from supervisors.supervisor import supervisor
from tests.support.farm import Events
from tests.support.tree import grown


def hold_the_loop() -> None:
    """Do what nobody should."""
    time.sleep(0.5)


async def test_a_stalled_loop_is_reported_with_the_guilty_stack() -> None:
    """For how long, and which function of ours."""
    events, pulse = Events(), Pulse()
    async with grown(supervisor("root", [watchdog_spec(pulse, events.note)])):
        while not pulse.lags:
            await trio.testing.wait_all_tasks_blocked(0.001)
        hold_the_loop()
        stalled = await events.first(LoopStalled)
        assert stalled.milliseconds >= 250
        assert "hold_the_loop" in stalled.stack
        assert pulse.stalls == 1


async def test_the_thread_ends_with_the_child() -> None:
    """Also after a kill; the next life has one of its own."""

    def threads() -> int:
        return sum(thread.name == "watchdog" for thread in threading.enumerate())

    before = threads()
    async with grown(supervisor("root", [watchdog_spec(Pulse(), lambda _: None)])) as tree:
        assert threads() == before + 1
        child = tree.sup().slots()[0].process
        assert child is not None
        child.kill()
        await child.join()
    while threads() > before:
        await trio.testing.wait_all_tasks_blocked(0.001)


def listening(folder: Path) -> tuple[socket.socket, str]:
    """Be a service manager."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    address = str(folder / "notify")
    line.bind(address)
    line.settimeout(10)
    return line, address


async def test_signs_of_life_reach_the_service_manager(tmp_path: Path) -> None:
    """Three times as often as it asks for, for as long as the child lives."""
    line, address = listening(tmp_path)
    notifier = Notifier(address, watchdog_seconds=0.3)
    with line:
        spec = watchdog_spec(Pulse(), lambda _: None, notifier)
        async with grown(supervisor("root", [spec])):
            for _ in range(2):
                words: Any = await trio.to_thread.run_sync(line.recv, 100)
                assert words == ALIVE.encode()


def test_words_are_sent_and_nobody_need_listen(tmp_path: Path) -> None:
    """To a path or an abstract address; a manager that is gone is no trouble."""
    line, address = listening(tmp_path)
    with line:
        Notifier(address).tell(READY, STOPPING)
        assert line.recv(100) == b"READY=1\nSTOPPING=1"
    Notifier(address).tell(READY)
    Notifier(str(tmp_path / "nothing")).tell(READY)
    Notifier().tell(READY)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(f"\0{tmp_path.name}-notify")
        other.settimeout(10)
        Notifier(f"@{tmp_path.name}-notify").tell(READY)
        assert other.recv(100) == b"READY=1"

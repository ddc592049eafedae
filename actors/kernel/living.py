"""What every process with a mailbox can do: link, monitor, trap exits, set timers, take names."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, TypeAlias

from actors.kernel.errors import NoProcError
from actors.kernel.mailbox import Item, Mailbox, Notice
from actors.kernel.messages import Down, ExitMessage, Monitor
from actors.kernel.target import Target
from actors.kernel.timers import Timer
from supervisors.exits import NOPROC, ExitReason
from supervisors.process import Process

Peer: TypeAlias = "Target[Any] | Process"


class Living:
    """Base of actors and plain processes; its methods are for the process itself."""

    mailbox: Mailbox

    def __init__(self) -> None:
        self.life: Process | None = None
        self._monitors: dict[Monitor, Process] = {}
        self._timers: dict[Timer, None] = {}

    @property
    def process(self) -> Process:
        """The present process; `NoProcError` before it is one."""
        if self.life is None:
            raise NoProcError("not running")
        return self.life

    def live(self, process: Process) -> None:
        """Become the body of a process."""
        self.life = process
        self.mailbox.owner = process
        process.on_exit(self._give_back)

    def _give_back(self, _process: Process) -> None:
        for monitor, watched in self._monitors.items():
            watched.unwatch(monitor)
        for timer in tuple(self._timers):
            timer.cancel()

    # -- exits ----------------------------------------------------------------------------------

    def trap_exit_signals(self, on: bool = True) -> None:  # noqa: FBT001, FBT002 - a flag, as in OTP
        """Have exit signals arrive as `ExitMessage` in place of ending the process."""
        self.process.trap(self._hear if on else None)

    def _hear(self, reason: ExitReason, sender: Process | None) -> bool:
        self.mailbox.put_notice(ExitMessage(sender, reason))
        return True

    def link(self, peer: Peer) -> None:
        """Tie both ends together; with nobody: `NOPROC` as a message, or `NoProcError`."""
        other = process_of(peer)
        if other is not None:
            self.process.link(other)
        elif not self.process.traps:
            raise NoProcError("nobody to link to")
        else:
            self._hear(NOPROC, None)

    def unlink(self, peer: Peer) -> None:
        """Take the tie away; an `ExitMessage` of that peer that waits is dropped too."""
        other = process_of(peer)
        if other is not None:
            self.process.unlink(other)
            self.mailbox.drop(lambda item: _is_exit_of(item, other))

    def monitor(self, peer: Peer) -> Monitor:
        """Be told of the end of a process, by one `Down`; at once if there is none."""
        process = process_of(peer)
        monitor = Monitor(peer.path if isinstance(peer, Process) else peer.name, process)
        if process is None or not process.is_alive:
            self.mailbox.put_notice(Down(monitor, NOPROC))
        else:
            self._monitors[monitor] = process
            process.watch(monitor, lambda ended: self._down(monitor, ended))
        return monitor

    def _down(self, monitor: Monitor, ended: Process) -> None:
        self._monitors.pop(monitor, None)
        self.mailbox.put_notice(Down(monitor, ended.exit or NOPROC))

    def demonitor(self, monitor: Monitor, *, flush: bool = False) -> None:
        """Watch no longer; with `flush` a `Down` that waits already is never seen."""
        process = self._monitors.pop(monitor, None)
        if process is not None:
            process.unwatch(monitor)
        if flush:
            self.mailbox.drop(lambda item: _is_down_of(item, monitor))

    # -- timers and names -----------------------------------------------------------------------

    def send_after(self, seconds: float, message: object) -> Timer:
        """Send oneself a message for `handle_info` later; gone with the process."""
        timer = Timer(seconds, lambda: self.mailbox.put_notice(message), self._timers)
        self.process.runtime.home().start_soon(timer.run)
        return timer

    def register(self, name: Hashable) -> None:
        """Take a local name, one only; `AlreadyStartedError` while it is held."""
        self.process.runtime.names.register(name, self.process)

    def unregister(self, name: Hashable) -> None:
        """Free a local name."""
        self.process.runtime.names.unregister(name)


def process_of(peer: Peer) -> Process | None:
    """Return the life behind a target."""
    return peer if isinstance(peer, Process) else peer.process


def _is_exit_of(item: Item, sender: Process) -> bool:
    message = item.message if isinstance(item, Notice) else None
    return isinstance(message, ExitMessage) and message.sender is sender


def _is_down_of(item: Item, monitor: Monitor) -> bool:
    message = item.message if isinstance(item, Notice) else None
    return isinstance(message, Down) and message.monitor is monitor

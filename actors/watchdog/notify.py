"""Words to the service manager, as systemd's sd_notify: a datagram each, to its socket."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass

READY = "READY=1"
ALIVE = "WATCHDOG=1"
STOPPING = "STOPPING=1"
PATIENCE = 0.5
"""How long a manager that is behind is waited for, but not for a mere sign of life."""


@dataclass(frozen=True, slots=True)
class Notifier:
    """`address` is "" where nobody listens; `watchdog_seconds` 0 when no signs are asked for."""

    address: str = ""
    watchdog_seconds: float = 0.0

    def tell(self, *words: str) -> None:
        """Send; a manager that is gone or busy is no trouble of ours."""
        if not self.address:
            return
        name = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.settimeout(0.0 if words == (ALIVE,) else PATIENCE)
            line.sendto("\n".join(words).encode(), name)

"""Targets that are no `Ref`: one life, and a local name."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeVar

from actors.kernel.living import Living
from actors.kernel.mailbox import Mailbox
from actors.kernel.target import Target
from supervisors.process import Process, Runtime

P = TypeVar("P")


class Handle(Target[P]):
    """Reaches one life and no later one: its messages go nowhere after its end."""

    def __init__(self, process: Process) -> None:
        self.name = process.path
        self._process = process

    @property
    def process(self) -> Process:
        """The life, ended or not."""
        return self._process

    def find_mailbox(self) -> Mailbox | None:
        """Return the mailbox of this life, while it lives."""
        body = self._process.handle
        return body.mailbox if isinstance(body, Living) and self._process.is_alive else None


class Named(Target[P]):
    """Reaches whoever is registered under a local name at that moment."""

    def __init__(self, runtime: Runtime, name: Hashable) -> None:
        self.name = str(name)
        self._runtime = runtime
        self._key = name

    @property
    def process(self) -> Process | None:
        """The holder of the name."""
        return self._runtime.names.whereis(self._key)

    def find_mailbox(self) -> Mailbox | None:
        """Return the mailbox of the holder of the name."""
        process = self.process
        return Handle[P](process).find_mailbox() if process is not None else None

"""Events out of the running program: emitted where they happen, handled by whoever attached.

Handlers are plain functions, called in the emitter; one that raises is taken off and reported,
and the emitter goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import structlog

Handler: TypeAlias = Callable[[object], None]

log = structlog.get_logger()


class Telemetry:
    """The handlers of one program."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}

    def attach(self, handler_id: str, handler: Handler) -> Callable[[], None]:
        """Add a handler under an id of its own (`KeyError` if taken); returns the detach."""
        if handler_id in self._handlers:
            raise KeyError(handler_id)
        self._handlers[handler_id] = handler
        return lambda: self.detach(handler_id)

    def detach(self, handler_id: str) -> None:
        """Remove a handler; one that is gone already is no error."""
        self._handlers.pop(handler_id, None)

    def emit(self, event: object) -> None:
        """Hand an event (a frozen dataclass) to every handler."""
        for handler_id, handler in tuple(self._handlers.items()):
            try:
                handler(event)
            except Exception:
                self.detach(handler_id)
                log.exception("telemetry.handler_detached", handler=handler_id)

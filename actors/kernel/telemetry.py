"""Events out of the running program: emitted where they happen, handled by whoever attached.

Handlers are plain functions, called in the emitter, so they must be short and cannot wait; one
that raises is taken off and reported, and the emitter goes on.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import structlog

from actors.kernel.span import Span, SpanEvent, SpanFailed, SpanStarted, SpanStopped, kind_of

Handler: TypeAlias = Callable[[object], None]
Wanted: TypeAlias = type[object] | str
"""A kind of event, or a dotted name: the whole one, or its first parts ("build", "db.query")."""

log = structlog.get_logger()


class AlreadyExistsError(KeyError):
    """A handler with this id is attached already."""


@dataclass(frozen=True, slots=True)
class HandlerFailed:
    """A handler raised and was taken off; goes to those who ask for it, not to handlers of all."""

    name: ClassVar[str] = "telemetry.handler_failed"

    handler_id: str
    event: object
    error: Exception


@dataclass(frozen=True, slots=True)
class Attached:
    """One handler; an empty `to` means every event of the program."""

    handler_id: str
    handler: Handler
    to: tuple[Wanted, ...]

    def takes(self, event: object) -> bool:
        """Whether the handler asked for this event."""
        if not self.to:
            return not isinstance(event, HandlerFailed)
        name = event_name(event)
        return any(
            is_under(name, wanted) if isinstance(wanted, str) else isinstance(event, wanted)
            for wanted in self.to
        )


class Telemetry:
    """The handlers of one program; `clock` is monotonic and measures spans."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._handlers: dict[str, Attached] = {}
        self._routes: dict[type[object] | str, tuple[Attached, ...]] = {}

    def attach(self, handler_id: str, handler: Handler, *to: Wanted) -> Callable[[], None]:
        """Add a handler for the events `to`, or for all; returns the detach.

        `AlreadyExistsError` when the id is taken, `TypeError` for an async handler: nobody would
        await it.
        """
        if _is_async(handler):
            raise TypeError(f"handler {handler_id!r} is async, and the emitter does not wait")
        if handler_id in self._handlers:
            raise AlreadyExistsError(handler_id)
        self._handlers[handler_id] = Attached(handler_id, handler, to)
        self._routes.clear()
        return lambda: self.detach(handler_id)

    def detach(self, handler_id: str) -> None:
        """Remove a handler; one that is gone already is no error."""
        if self._handlers.pop(handler_id, None) is not None:
            self._routes.clear()

    def handlers(self, prefix: str = "") -> list[Attached]:
        """List who is attached to names at or under `prefix`; all handlers without one."""
        return [
            attached
            for attached in self._handlers.values()
            if not prefix or any(is_under(_name_of(wanted), prefix) for wanted in attached.to)
        ]

    def emit(self, event: object) -> None:
        """Hand an event (a frozen dataclass) to every handler that asked for it, in order."""
        route = self._routes.get(type(event))
        if route is None:
            route = self._route(event)
        for attached in route:
            try:
                attached.handler(event)
            except Exception as error:  # noqa: BLE001 - nothing a handler does hurts the emitter
                self._failed(attached, event, error)

    @contextmanager
    def span(self, name: str, **metadata: object) -> Generator[Span]:
        """Emit `name.start`, then `name.stop` or `name.exception`; the exception goes on.

        The same `context` is in all of them; what is put into `Span.metadata` meanwhile is in
        the last.
        """
        span = Span(name, metadata)
        began = self._clock()
        self.emit(SpanStarted(name, span.context, dict(metadata), began))
        try:
            yield span
        except BaseException as error:
            seconds = self._clock() - began
            kind = kind_of(error)
            self.emit(SpanFailed(name, span.context, span.metadata, seconds, kind, error))
            raise
        self.emit(SpanStopped(name, span.context, span.metadata, self._clock() - began))

    def _route(self, event: object) -> tuple[Attached, ...]:
        """Look up who takes such an event, and keep it until a handler comes or goes."""
        key = event_name(event) if isinstance(event, SpanEvent) else type(event)
        route = self._routes.get(key)
        if route is None:
            takers = [attached for attached in self._handlers.values() if attached.takes(event)]
            route = self._routes[key] = tuple(takers)
        return route

    def _failed(self, attached: Attached, event: object, error: Exception) -> None:
        if self._handlers.get(attached.handler_id) is attached:
            self.detach(attached.handler_id)
        log.error("telemetry.handler_detached", handler=attached.handler_id, exc_info=error)
        self.emit(HandlerFailed(attached.handler_id, event, error))


def event_name(event: object) -> str:
    """Return the dotted name of an event; of a span it holds the phase."""
    return f"{event.span}.{event.phase}" if isinstance(event, SpanEvent) else _name_of(type(event))


def is_under(name: str, prefix: str) -> bool:
    """Whether `prefix` is `name` or the first dotted parts of it."""
    return name == prefix or name.startswith(f"{prefix}.")


def _name_of(wanted: Wanted) -> str:
    return wanted if isinstance(wanted, str) else str(getattr(wanted, "name", wanted.__name__))


def _is_async(handler: Handler) -> bool:
    return any(
        inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
        for function in (handler, getattr(handler, "__call__", None))  # noqa: B004 - an async __call__
    )

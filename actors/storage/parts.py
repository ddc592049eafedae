"""A `put` that pulls what others push: the thread between a sink and an object store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Self


class _DroppedError(OSError):
    """The upload was given up; raised into `put`, which then aborts what it has sent."""


class Parts:
    """Runs `put` on an iterator of the bytes that are given; holds one gift at a time."""

    def __init__(self, put: Callable[[Iterator[bytes]], None]) -> None:
        self._put = put
        self._changed = threading.Condition()
        self._gift: bytes | None = None
        self._complete = False
        self._dropped = False
        self._over = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="put", daemon=True)
        self._thread.start()

    # -- for the giver ----------------------------------------------------------------------------

    def give(self, data: bytes) -> None:
        """Hand on bytes; waits until they are taken, and raises what ended the `put`."""
        if not data:
            return
        with self._changed:
            self._gift = data
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._gift is None or self._over)
            self._raise()

    def finish(self) -> None:
        """Tell that this was all, and wait until `put` has returned; raises what it raised."""
        with self._changed:
            self._complete = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._over)
            self._raise()

    def drop(self) -> None:
        """Have `put` fail soon; does not wait for it."""
        with self._changed:
            self._dropped = True
            self._changed.notify_all()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    # -- for `put` --------------------------------------------------------------------------------

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        with self._changed:
            self._changed.wait_for(
                lambda: self._gift is not None or self._complete or self._dropped
            )
            if self._dropped:
                raise _DroppedError("given up")
            data, self._gift = self._gift, None
            self._changed.notify_all()
        if data is None:
            raise StopIteration
        return data

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            self._put(self)
        except BaseException as caught:  # noqa: BLE001 - carried over to the giver
            error = caught
        with self._changed:
            self._error = error
            self._over = True
            self._changed.notify_all()

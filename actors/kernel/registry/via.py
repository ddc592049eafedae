"""A name in a registry, usable wherever a `Ref` is: to start, call, cast and stop."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, TypeVar

from actors.kernel.mailbox import Mailbox
from actors.kernel.ref import Ref
from actors.kernel.registry.errors import AlreadyRegisteredError
from supervisors.exits import AlreadyStarted
from supervisors.process import StartRefusedError

if TYPE_CHECKING:
    from actors.kernel.registry.registry import Registry

P = TypeVar("P")


class Via(Ref[P]):
    """Made by `Registry.via`, one per key; reaches whoever holds the key now.

    An actor made with it registers itself under the key before its init, without a value; when the
    key is held its start fails with `AlreadyStarted`, which names the holder.
    """

    def __init__(self, registry: Registry[Any], key: Hashable) -> None:
        super().__init__(f"{registry.name}/{key}")
        self._registry = registry
        self._key = key

    def bind(self, mailbox: Mailbox | None) -> None:
        """Register the calling process, for the actor loop."""
        if mailbox is not None:
            try:
                self._registry.claim(self._key, mailbox)
            except AlreadyRegisteredError as held:
                raise StartRefusedError(AlreadyStarted(held.holder)) from None
        self.point_to(mailbox)

    def release(self, mailbox: Mailbox) -> None:
        """Give the key up, unless another holds it by now."""
        self._registry.release(self._key, mailbox)

    def point_to(self, mailbox: Mailbox | None) -> None:
        """Send messages there from now on; for the registry only."""
        super().bind(mailbox)

"""The registry in the tree: a child started before all who register, and fatal to them."""

from __future__ import annotations

from typing import Any

import trio

from actors.kernel.registry.registry import Registry
from supervisors.exits import SHUTDOWN
from supervisors.process import Process
from supervisors.spec import ChildSpec


def registry_spec(child_id: str, registry: Registry[Any]) -> ChildSpec:
    """Child that is the life of `registry`: closed before, between and after its lives.

    Put it before its users, under rest_for_one or higher up. The registered processes are linked
    to it: they end when it ends, so that none runs unseen under a name.
    """
    registry.is_open = False

    async def body(process: Process) -> None:
        process.on_exit(lambda ended: _take_along(registry, ended))
        registry.is_open = True
        process.started(registry)
        await trio.sleep_forever()

    return ChildSpec(id=child_id, start=body)


def _take_along(registry: Registry[Any], ended: Process) -> None:
    for process in registry.close():
        process.signal(ended.exit or SHUTDOWN, ended)

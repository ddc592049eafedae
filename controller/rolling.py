"""A rolling restart: one node after the other, while the others serve."""

from __future__ import annotations

import structlog

from supervisors.errors import SupervisorError
from supervisors.process import Process
from supervisors.snapshot import find
from supervisors.supervisor import Supervisor

log = structlog.get_logger()


async def roll(root: Process) -> None:
    """Stop and start each node of a front process in turn; a new one is up before the next stops.

    Ends early when a node does not come up again: the rest goes on as it is.
    """
    process = find(root, "nodes")
    nodes = process.handle if process is not None else None
    if not isinstance(nodes, Supervisor):
        log.warning("rolling.no_nodes", hint="a rolling restart needs NODES=2 or more")
        return
    for child in await nodes.which_children():
        name = str(child.id)
        log.info("rolling.node", node=name)
        try:
            await nodes.terminate_child(child.id)
            await nodes.restart_child(child.id)
        except SupervisorError as error:
            log.error("rolling.failed", node=name, error=str(error))  # noqa: TRY400 - no crash
            return
    log.info("rolling.done")

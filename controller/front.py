"""The front process of several nodes: binds the sockets, runs the database, supervises the nodes.

    root                       one_for_one
    ├─ telemetry
    ├─ watchdog
    ├─ postgres                embedded database only
    └─ nodes                   one_for_one
       ├─ node-1               a whole controller, in a process of its own
       └─ node-2 …

It answers no request itself. A node that dies is started again; meanwhile the others accept from
the same sockets, and whoever waits in their backlog is not lost.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from actors.kernel.telemetry import Telemetry
from actors.node.actor import node_spec
from actors.postgres.actor import postgres_spec
from actors.postgres.cluster import Cluster
from actors.telemetry.actor import telemetry_spec
from actors.telemetry.lines import write_line
from actors.watchdog.actor import watchdog_spec
from actors.watchdog.notify import Notifier
from actors.watchdog.pulse import Pulse
from controller.host import Control
from controller.settings import Settings, as_environment
from supervisors.spec import Budget, ChildSpec
from supervisors.supervisor import supervisor

ROOT = Budget(intensity=15, period=10.0)
NODES = Budget(intensity=20, period=10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """What the front process hangs its children on."""

    settings: Settings
    environment: Mapping[str, str] = field(repr=False)
    sockets: Sequence[socket.socket]
    cluster: Cluster | None
    telemetry: Telemetry = field(default_factory=Telemetry)
    control: Control = field(default_factory=Control)
    notifier: Notifier = field(default_factory=Notifier)

    @classmethod
    def of(
        cls,
        settings: Settings,
        api_key: str,
        sockets: Sequence[socket.socket],
        cluster: Cluster | None,
        notifier: Notifier,
    ) -> Front:
        """Make the parts of a front process."""
        environment = as_environment(settings, api_key)
        return cls(
            settings=settings,
            environment=environment,
            sockets=sockets,
            cluster=cluster,
            notifier=notifier,
        )

    def emit(self, event: object) -> None:
        """Tell whoever is attached."""
        self.telemetry.emit(event)

    def tree(self) -> ChildSpec:
        """Return the root."""
        nodes = [
            node_spec(
                number, self.sockets, self.environment, stop_seconds=self.settings.stop_seconds + 20
            )
            for number in range(1, self.settings.nodes + 1)
        ]
        children = [
            telemetry_spec(self.telemetry, {"lines": write_line}),
            watchdog_spec(Pulse(), self.emit, self.notifier),
            *([postgres_spec(self.cluster)] if self.cluster else []),
            supervisor("nodes", nodes, budget=NODES),
        ]
        return supervisor("root", children, budget=ROOT)

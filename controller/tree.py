"""THE supervision tree, one function: read it and you know the running program.

Every supervisor here is one_for_one on purpose. No child holds the identity of another: they
reach each other by names that survive restarts (`Ref`, `Door`, `Database`), so restarting a
healthy neighbour would repair nothing and lose its requests in hand. What OTP's rest_for_one is
for, order, is kept: children start top to bottom and stop bottom to top.
"""

from __future__ import annotations

from dataclasses import dataclass

from actors.drain.actor import drain_spec
from actors.heartbeat_monitor.actor import heartbeat_monitor_spec
from actors.heartbeat_monitor.state import Rules
from actors.janitor.actor import janitor_spec
from actors.membership.actor import membership_spec
from actors.postgres.actor import postgres_spec
from actors.postgres.cluster import Cluster
from actors.pubsub.actor import pubsub_spec
from actors.queue_manager.actor import queue_manager_spec
from actors.recorder.actor import recorder_spec
from actors.repo.actor import repo_spec
from actors.store.database import ConnectOptions
from actors.telemetry.actor import telemetry_spec
from actors.watchdog.actor import watchdog_spec
from api.server.endpoint import endpoint_spec
from controller import migrations
from controller.parts import Parts
from supervisors.dynamic import dynamic_supervisor
from supervisors.spec import Budget, ChildSpec
from supervisors.supervisor import supervisor


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What differs from one installation to the next."""

    cluster: Cluster | None
    connect: ConnectOptions
    connections: int
    rules: Rules
    patience: float = 0.0


# A restart a second, for as long as somebody wants to see it, is survived at every level; a child
# that crashes whenever it starts spends any of these in well under a second.
ROOT = Budget(intensity=15, period=10.0)
ORCHESTRATION = Budget(intensity=20, period=10.0)
UPLOADS = Budget(intensity=1, period=5.0)  # its children are temporary: they never spend any


def tree(parts: Parts, plan: Plan) -> ChildSpec:
    """Return the root: one_for_one, children in the order of their start."""
    p = parts
    orchestration = [
        janitor_spec(p.db, p.store, p.emit),
        recorder_spec(p.recorder, p.db),
        queue_manager_spec(p.queue_manager, p.db, p.emit, announce=p.announce_work),
        heartbeat_monitor_spec(p.db, plan.rules, p.queue_manager, p.emit),
        membership_spec(p.db, p.identity, p.emit),
    ]
    children = [
        telemetry_spec(p.telemetry, p.handlers),
        watchdog_spec(p.pulse, p.emit, p.notifier),
        *([postgres_spec(plan.cluster)] if plan.cluster else []),
        repo_spec(
            p.db,
            plan.connect,
            migrations=migrations.load(),
            connections=plan.connections,
            patience=plan.patience,
        ),
        pubsub_spec(p.pubsub, p.node, p.db, plan.connect, p.subscribers, p.emit),
        supervisor("orchestration", orchestration, budget=ORCHESTRATION),
        dynamic_supervisor("uploads", door=p.uploads, budget=UPLOADS),
        endpoint_spec(p.app, p.sockets, p.limits),
        drain_spec(p.queue_manager, p.note_draining),
    ]
    return supervisor("root", children, budget=ROOT)

"""Child specs and trees: wrong arguments are errors in the editor, before any start."""

# ruff: noqa: D401 - a case says what holds

from __future__ import annotations

from actors.kernel.actor import actor_spec
from actors.kernel.partition import Partitions, partition_supervisor
from actors.kernel.ref import Ref
from supervisors.dynamic import Door, dynamic_supervisor
from supervisors.process import Process
from supervisors.spec import BRUTAL_KILL, Budget, ChildSpec, Restart, Strategy
from supervisors.supervisor import supervisor
from tests.support.actors import Echo, EchoActor, Stage


class Other:
    """Another protocol."""


async def body(process: Process) -> None:
    """Be a child."""
    process.started()


def plain(process: Process) -> None:
    """Be none: nobody could wait for it."""
    process.started()


async def blind() -> None:
    """Be none: it does not take its process."""


def actors(ref: Ref[Echo], other: Ref[Other], stage: Stage) -> None:
    """An actor is made with what its class asks for."""
    actor_spec("a", lambda: EchoActor(ref, stage), restart=Restart.TRANSIENT, shutdown=3)
    actor_spec("a", lambda: EchoActor(ref))  # error: reportCallIssue
    actor_spec("a", lambda: EchoActor(other, stage))  # error: reportArgumentType
    actor_spec("a", lambda: EchoActor(stage, ref))  # error: reportArgumentType, reportArgumentType
    actor_spec("a", lambda: stage)  # error: reportArgumentType
    actor_spec("a", lambda: EchoActor(ref, stage), restart="always")  # error: reportArgumentType


def children() -> None:
    """A spec has known fields of known types."""
    ChildSpec(id="a", start=body, shutdown=BRUTAL_KILL)
    ChildSpec(id="a", start=plain)  # error: reportArgumentType
    ChildSpec(id="a", start=blind)  # error: reportArgumentType
    ChildSpec(id="a", start=body, shutdown="5 s")  # error: reportArgumentType
    ChildSpec(id="a", start=body, limit=5)  # error: reportCallIssue
    ChildSpec(start=body)  # error: reportCallIssue
    Budget(intensity="3")  # error: reportArgumentType


def trees(child: ChildSpec) -> None:
    """So has a supervisor."""
    supervisor("root", [child], strategy=Strategy.ONE_FOR_ALL, budget=Budget(intensity=3))
    supervisor("root", [child], strategy="one_for_all")  # error: reportArgumentType
    supervisor("root", child)  # error: reportArgumentType
    supervisor("root", [body])  # error: reportArgumentType
    dynamic_supervisor("pool", door=Door(), max_children=3)
    dynamic_supervisor("pool", [child])  # error: reportCallIssue


def partitions(copies: Partitions[Echo], stage: Stage) -> None:
    """A partition is an actor of the protocol that its handle has."""

    def right(number: int, ref: Ref[Echo]) -> ChildSpec:
        return actor_spec(str(number), lambda: EchoActor(ref, stage))

    def wrong(number: int, ref: Ref[Other]) -> ChildSpec:
        del ref
        return ChildSpec(id=number, start=body)

    partition_supervisor("copies", copies, right)
    partition_supervisor("copies", copies, wrong)  # error: reportArgumentType
    copies.via(1.5)  # error: reportArgumentType

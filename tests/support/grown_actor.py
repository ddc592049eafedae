"""One actor under a root supervisor that restarts it as often as a test kills it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from supervisors.events import ChildStarted
from supervisors.process import Process
from supervisors.snapshot import find
from supervisors.spec import Budget, ChildSpec
from supervisors.supervisor import supervisor
from tests.support.tree import Tree, grown


class GrownActor:
    """The living generation of the actor `name`."""

    def __init__(self, tree: Tree, name: str) -> None:
        self.tree = tree
        self.name = name

    @property
    def life(self) -> Process:
        """The present process."""
        process = find(self.tree.root, self.name)
        assert process is not None
        return process

    @property
    def generation(self) -> int:
        """How often it was started."""
        return self.life.generation

    async def kill(self) -> None:
        """Kill it and wait for the next generation."""
        generation = self.generation
        self.life.kill()
        await self.lives(generation + 1)

    async def lives(self, generation: int) -> None:
        """Wait until this generation has started."""
        await self.tree.reports.seen(ChildStarted, self.name, count=generation)


@asynccontextmanager
async def grown_actor(spec: ChildSpec) -> AsyncIterator[GrownActor]:
    """Run an actor; at the end it is stopped in order."""
    root = supervisor("root", [spec], budget=Budget(intensity=100))
    async with grown(root) as tree:
        yield GrownActor(tree, spec.id)

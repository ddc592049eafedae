"""OTP's simple_one_for_one: a dynamic supervisor whose children are all made from one template."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from supervisors.dynamic import DynamicSupervisor, dynamic_spec
from supervisors.errors import NotFoundError
from supervisors.exits import ExitReason
from supervisors.process import Process
from supervisors.spec import AutoShutdown, Budget, ChildSpec, Restart, Stop

Template = Callable[..., ChildSpec]


class TemplateSupervisor(DynamicSupervisor):
    """Children differ in the arguments of their start; significant ones are allowed, as in OTP."""

    def __init__(self, template: Template, budget: Budget, auto_shutdown: AutoShutdown) -> None:
        super().__init__(budget, auto_shutdown=auto_shutdown)
        self._template = template

    async def start_from_template(self, *arguments: object) -> Process | None:
        """As `start_child`, of what the template makes of the arguments."""
        return await self.start_child(lambda: self._template(*arguments))

    def __contains__(self, process: Process) -> bool:
        """Whether it could be a child: a living one must be known, an ended one may have been."""
        return process in self._known or not process.is_alive

    async def terminate_child(self, process: Process) -> None:
        """As above; a process that has ended already is no error."""
        try:
            await super().terminate_child(process)
        except NotFoundError:
            if process.is_alive:
                raise


def template_supervisor(
    child_id: Hashable,
    template: Template,
    *,
    budget: Budget | None = None,
    auto_shutdown: AutoShutdown = AutoShutdown.NEVER,
    restart: Restart = Restart.PERMANENT,
    shutdown: float | Stop | None = None,
) -> ChildSpec:
    """Child spec of a supervisor of many alike; its handle is a `TemplateSupervisor`."""
    flags = budget or Budget()

    async def body(process: Process) -> ExitReason:
        living = TemplateSupervisor(template, flags, auto_shutdown)
        return await living.run(process)

    return dynamic_spec(child_id, body, restart, shutdown)

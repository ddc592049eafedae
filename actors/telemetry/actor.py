"""`telemetry`: holds the handlers of events for as long as it lives.

Dies here: the lines and counts of events between two lives, and nothing else; the counters
themselves belong to the program.
"""

from __future__ import annotations

from collections.abc import Mapping

import trio

from actors.kernel.telemetry import Handler, Telemetry
from supervisors.process import Process
from supervisors.spec import ChildSpec


def telemetry_spec(telemetry: Telemetry, handlers: Mapping[str, Handler]) -> ChildSpec:
    """Child that attaches `handlers`, each under its name, and detaches them at its end."""

    async def body(process: Process) -> None:
        for name, handler in handlers.items():
            telemetry.attach(name, handler)
        try:
            process.started()
            await trio.sleep_forever()
        finally:
            for name in handlers:
                telemetry.detach(name)

    return ChildSpec(id="telemetry", start=body)

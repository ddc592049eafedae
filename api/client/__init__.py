"""The typed client of our own HTTP API: what the agent and the demo talk through.

Reading order: `shapes.py` (answers), `errors.py`, `transport.py` (one exchange), `retry.py`,
`body.py`, then the calls by role: `builds.py`, `workers.py`, `operators.py`.
"""

from __future__ import annotations

from api.client.builds import BuildCalls
from api.client.errors import ApiError, ControllerUnreachableError
from api.client.operators import OperatorCalls
from api.client.retry import Retry
from api.client.shapes import (
    Answer,
    BuildRow,
    BuildStatus,
    Grant,
    Job,
    LogEntry,
    Registered,
    Submitted,
    TreeNode,
)
from api.client.workers import WorkerCalls


class Client(BuildCalls, WorkerCalls, OperatorCalls):
    """Every call of the controller's API; use it as `async with Client(url, key) as client`.

    One exchange a call, no retries (`Retry` is for that). Raises `ApiError` for an error answer,
    `ControllerUnreachableError` when there was no answer that can be understood. Bodies are
    streamed from and to files and never held whole in memory. A cancelled call closes its
    connection; whether the controller did its work is then unknown.
    """


__all__ = [
    "Answer",
    "ApiError",
    "BuildRow",
    "BuildStatus",
    "Client",
    "ControllerUnreachableError",
    "Grant",
    "Job",
    "LogEntry",
    "Registered",
    "Retry",
    "Submitted",
    "TreeNode",
]

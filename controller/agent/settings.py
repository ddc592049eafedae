"""What an agent is told before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from api.client import Retry


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """All times in seconds."""

    name: str
    folder: Path
    capabilities: Mapping[str, object] = field(
        default_factory=lambda: {"platforms": ["ios", "android"], "simulated": True}
    )
    poll_wait: float = 20.0
    """How long the controller may hold a poll."""
    idle_pause: float = 1.0
    """Wait between polls when the controller answers "nothing" at once."""
    heartbeat_every: float = 5.0
    log_every: float = 1.0
    """Log lines are gathered this long and sent together."""
    patience: float = 300.0
    """How long a download or a report is tried again before the build is dropped."""
    goodbye: float = 5.0

    def patiently(self) -> Retry:
        """Return how the work on a build is retried."""
        return Retry(within=self.patience)

"""What a route may touch: refs to command, the database to read, the store of bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from actors.kernel.ref import Ref
from actors.queue_manager.messages import QueueManager
from actors.recorder.messages import Recorder
from actors.storage.base import Storage
from actors.store.database import Database
from actors.watchdog.pulse import Pulse
from api.debug.window import Window
from api.limits import Limits, Places
from api.wire.health import Stats
from supervisors.dynamic import Door
from supervisors.process import Process


@dataclass(slots=True)
class Condition:
    """What changes while the program runs and no row says; one for all lives of the endpoint."""

    draining: bool = False
    stats: Stats | None = None
    stats_until: float = 0.0
    uploads: Places = field(default_factory=Places)
    held_polls: Places = field(default_factory=Places)


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Made once by the composition root and handed to every route."""

    api_key: str = field(repr=False)
    base_image_id: str
    node: str
    poll_hold_seconds: float
    db: Database
    store: Storage
    uploads: Door
    queue_manager: Ref[QueueManager]
    recorder: Ref[Recorder]
    emit: Callable[[object], None]
    metrics_page: Callable[[], bytes]
    condition: Condition
    limits: Limits = field(default_factory=Limits)
    root: Callable[[], Process | None]
    window: Window
    pulse: Pulse

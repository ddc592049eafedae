"""What outlives every restart: names, doors, files, sockets; made once, before the tree."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from actors.domain.ids import new_id
from actors.kernel.ref import Ref
from actors.kernel.telemetry import Handler, Telemetry
from actors.pubsub.messages import Announce, PubSub, Topic
from actors.queue_manager.messages import QueueManager, WorkMayWait
from actors.recorder.messages import Recorder
from actors.storage.base import Storage
from actors.storage.place import open_storage
from actors.store.database import Database
from actors.store.nodes import Identity
from actors.telemetry.lines import write_line
from actors.telemetry.metrics import Metrics
from actors.watchdog.notify import Notifier
from actors.watchdog.pulse import Pulse
from api.app import make_app
from api.debug.window import Window
from api.server.limits import ServerLimits
from api.server.serve import ASGIApp
from api.services import Condition, Services
from controller.host import Control
from controller.settings import Settings
from controller.version import program_version
from supervisors.dynamic import Door

FAREWELL_BESIDE_OTHERS = 1.0
"""Seconds that clients of a node which stops have to be told, while its neighbours serve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything the tree hangs its children on."""

    settings: Settings
    api_key: str = field(repr=False)
    sockets: Sequence[socket.socket]
    telemetry: Telemetry
    metrics: Metrics
    db: Database
    store: Storage
    uploads: Door = field(default_factory=Door)
    queue_manager: Ref[QueueManager] = field(
        default_factory=lambda: Ref[QueueManager]("queue_manager")
    )
    recorder: Ref[Recorder] = field(default_factory=lambda: Ref[Recorder]("recorder"))
    pubsub: Ref[PubSub] = field(default_factory=lambda: Ref[PubSub]("pubsub"))
    condition: Condition = field(default_factory=Condition)
    control: Control = field(default_factory=Control)
    beside_others: bool = False
    window: Window = field(default_factory=Window)
    pulse: Pulse = field(default_factory=Pulse)
    notifier: Notifier = field(default_factory=Notifier)
    node: str = field(default_factory=lambda: new_id()[:8])

    @classmethod
    def of(
        cls,
        settings: Settings,
        api_key: str,
        sockets: Sequence[socket.socket],
        notifier: Notifier | None = None,
    ) -> Parts:
        """Make the parts of one program."""
        telemetry = Telemetry()
        return cls(
            settings=settings,
            api_key=api_key,
            sockets=sockets,
            telemetry=telemetry,
            metrics=Metrics(),
            db=Database(telemetry.emit),
            store=open_storage(settings.storage, settings.storage_reserve_mb),
            window=Window(actions=settings.debug_actions),
            notifier=notifier or Notifier(),
        )

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """What becomes of events."""
        return {
            "lines": write_line,
            "metrics": self.metrics.count,
            "window": self.window.note,
        }

    @property
    def limits(self) -> ServerLimits:
        """What the HTTP server allows."""
        limits = self.settings.of_server(self.settings.stop_seconds)
        if self.beside_others:
            return replace(limits, farewell_seconds=FAREWELL_BESIDE_OTHERS)
        return limits

    def emit(self, event: object) -> None:
        """Tell whoever is attached."""
        self.telemetry.emit(event)

    @property
    def subscribers(self) -> Mapping[Topic, Callable[[], object]]:
        """Who looks when another controller announces something."""
        return {Topic.WORK: lambda: self.queue_manager.cast(WorkMayWait(heard=True))}

    @property
    def identity(self) -> Identity:
        """Who this node is, to the others."""
        return Identity(
            id=self.node, host=socket.gethostname(), pid=os.getpid(), version=program_version()
        )

    def announce_work(self) -> None:
        """Tell the other controllers that builds came into the queue."""
        self.pubsub.cast(Announce(Topic.WORK))

    def note_draining(self, draining: bool) -> None:  # noqa: FBT001 - the one fact it takes
        """Have readiness say whether new work is wanted."""
        self.condition.draining = draining
        if draining:
            self.window.close()
        else:
            self.window.open()

    def app(self) -> ASGIApp:
        """Make the HTTP application; a fresh one for every life of the endpoint."""
        self.window.open()
        return make_app(
            Services(
                api_key=self.api_key,
                node=self.node,
                base_image_id=self.settings.base_image_id,
                poll_hold_seconds=self.settings.poll_hold_seconds,
                db=self.db,
                store=self.store,
                uploads=self.uploads,
                queue_manager=self.queue_manager,
                recorder=self.recorder,
                emit=self.emit,
                metrics_page=self.metrics.page,
                condition=self.condition,
                limits=self.settings.of_app(),
                root=lambda: self.control.root,
                window=self.window,
                pulse=self.pulse,
            )
        )

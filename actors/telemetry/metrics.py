"""Events as metrics, in a registry that outlives every restart of the child that feeds it."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from actors.domain import events
from actors.telemetry.lines import name_of
from supervisors import events as tree

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)
_WAITS = (0.005, 0.05, 0.5, 1, 5, 15, 30, 60, 300, 900, 3600)


class Metrics:
    """Counters of one program; no label holds an id of a build, a worker or a request."""

    def __init__(self) -> None:
        disable_created_metrics()  # one more line a counter, of use to nobody here
        self._registry = CollectorRegistry()
        into = self._registry
        self._kinds: dict[type[object], Counter] = {}
        self._routes: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._events = Counter("expo_events", "Events by name.", ["event"], registry=into)
        self._restarts = Counter(
            "expo_child_starts", "Starts of children of the tree.", ["path"], registry=into
        )
        self._requests = Counter(
            "expo_http_requests",
            "Requests by route and status.",
            ["route", "status"],
            registry=into,
        )
        self._request_seconds = Histogram(
            "expo_http_request_seconds",
            "Time from head to answer.",
            ["route"],
            buckets=_FAST,
            registry=into,
        )
        self._claim_seconds = Histogram(
            "expo_claim_seconds", "Time of one claim statement.", buckets=_FAST, registry=into
        )
        self._wait_seconds = Histogram(
            "expo_build_wait_seconds", "From submission to worker.", buckets=_WAITS, registry=into
        )
        self._upload_bytes = Counter(
            "expo_upload_bytes", "Stored bytes by kind.", ["kind"], registry=into
        )

    def count(self, event: object) -> None:
        """Take one event."""
        self._count_kind(type(event), event)
        match event:
            case events.RequestServed(route=route, status=status, seconds=seconds):
                self._count_request(route, status, seconds)
            case events.ClaimRan(seconds=seconds):
                self._claim_seconds.observe(seconds)
            case events.BuildAssigned(waited=waited):
                self._wait_seconds.observe(waited)
            case events.UploadStored(kind=kind, size=size):
                self._upload_bytes.labels(kind).inc(size)
            case tree.ChildStarted(path=path) if not path.startswith("uploads/"):
                self._restarts.labels(path).inc()
            case _:
                pass

    def _count_kind(self, kind: type[object], event: object) -> None:
        counter = self._kinds.get(kind)
        if counter is None:
            counter = self._kinds[kind] = self._events.labels(name_of(event))
        counter.inc()

    def _count_request(self, route: str, status: int, seconds: float) -> None:
        known = self._routes.get((route, status))
        if known is None:
            counter = self._requests.labels(route, str(status))
            known = self._routes[route, status] = (counter, self._request_seconds.labels(route))
        known[0].inc()
        known[1].observe(seconds)

    def page(self) -> bytes:
        """Return all metrics as Prometheus reads them."""
        return generate_latest(self._registry)

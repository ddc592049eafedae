"""Invented data for `/?demo=true`, plainly marked as such; the same every time."""

from __future__ import annotations

from api.dashboard.presenters import BuildRow, WorkerRow

_STATES = ("pending", "pending", "building", "building", "assigned", "completed", "failed")
_NAMES = ("mac-mini-1", "mac-mini-2", "studio", "laptop-lena")
_PLATFORMS = ("ios", "android")


def demo_page() -> dict[str, object]:
    """Return what the template takes."""
    return {
        "demo": True,
        "counters": {"Waiting": 2, "Building": 3, "Workers online": 4, "Finished": 128},
        "builds": [_build(i) for i in range(21)],
        "workers": [_worker(i) for i in range(len(_NAMES))],
    }


def _build(i: int) -> BuildRow:
    status = _STATES[min(i, len(_STATES) - 1) if i < len(_STATES) else 5]
    waiting = status == "pending"
    return BuildRow(
        id=f"demo-{i:04d}",
        short_id=f"demo-{i:04d}"[:8],
        platform=_PLATFORMS[i % 2],
        status=status,
        worker="" if waiting else _NAMES[i % len(_NAMES)],
        submitted="invented",
        duration="" if waiting else f"{4 + i % 9}m {i * 7 % 60}s",
        finished=False,
    )


def _worker(i: int) -> WorkerRow:
    return WorkerRow(
        id=f"demo-{i}",
        name=_NAMES[i],
        status="building" if i < 3 else "idle",  # noqa: PLR2004 - as many as are building above
        capabilities="ios, android",
        completed=30 + 11 * i,
        failed=i,
        last_seen="invented",
    )

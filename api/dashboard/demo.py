"""Invented data for `/?demo=true`, plainly marked as such; the same every time."""

from __future__ import annotations

from dataclasses import dataclass

from api.dashboard.presenters import BuildRow, WorkerRow

_STATES = ("pending", "pending", "building", "building", "assigned", "completed", "failed")
_NAMES = ("mac-mini-1", "mac-mini-2", "studio", "laptop-lena")
_PLATFORMS = ("ios", "android")
_WIDTH, _HEIGHT = 280, 60
_A_DAY = (9, 12, 7, 15, 18, 4, 3, 11, 14, 16, 13, 19, 6, 5)
_WAITED = (4, 6, 5, 9, 14, 22, 17, 12, 8, 7, 11, 6, 5, 4)


@dataclass(frozen=True, slots=True)
class Chart:
    """A row of bars: what they say, and each as x, y, width and height."""

    title: str
    most: str
    bars: tuple[tuple[int, int, int, int], ...]
    width: int = _WIDTH
    height: int = _HEIGHT


def demo_page() -> dict[str, object]:
    """Return what the template takes."""
    return {
        "demo": True,
        "opened": False,
        "counters": {"Waiting": 2, "Building": 3, "Workers online": 4, "Finished": 128},
        "charts": [
            _chart("Builds a day, two weeks", _A_DAY, ""),
            _chart("Seconds in the queue, two weeks", _WAITED, " s"),
        ],
        "builds": [_build(i) for i in range(21)],
        "workers": [_worker(i) for i in range(len(_NAMES))],
    }


def _chart(title: str, figures: tuple[int, ...], unit: str) -> Chart:
    most = max(figures)
    step = _WIDTH // len(figures)
    sizes = [round(figure * _HEIGHT / most) for figure in figures]
    bars = tuple((i * step, _HEIGHT - size, step - 3, size) for i, size in enumerate(sizes))
    return Chart(title, f"{most}{unit}", bars)


def _build(i: int) -> BuildRow:
    status = _STATES[i] if i < len(_STATES) else "completed"
    waiting = status == "pending"
    return BuildRow(
        id=f"demo-{i:03d}",
        short_id=f"demo-{i:03d}",
        platform=_PLATFORMS[i % 2],
        status=status,
        worker="" if waiting else _NAMES[i % len(_NAMES)],
        submitted="invented",
        duration="" if waiting else f"{4 + i % 9}m {i * 7 % 60}s",
        finished=False,
    )


def _worker(i: int) -> WorkerRow:
    return WorkerRow(
        id=f"demo-w-{i}",
        name=_NAMES[i],
        status="building" if i < 3 else "idle",  # noqa: PLR2004 - as many as are building above
        capabilities="ios, android",
        completed=30 + 11 * i,
        failed=i,
        last_seen="invented",
    )

"""One setting: name, variable, default, meaning; and readers of the plain kinds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting; `read` turns text into its value or raises `ValueError` with the reason."""

    name: str
    variable: str
    default: object
    read: Callable[[str], object]
    means: str


def count(text: str) -> int:
    """Read a whole number above 0."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValueError("must be a whole number above 0")
    return int(text)


def whole(text: str) -> int:
    """Read a whole number, 0 included."""
    if not (text.isascii() and text.isdigit() and int(text) < 1 << 40):
        raise ValueError("must be a whole number, 0 or more")
    return int(text)


def seconds(text: str) -> float:
    """Read a time."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9:  # noqa: PLR2004 - some thirty years
        raise ValueError("must be a number of seconds, 0 or more")
    return value


def interval(text: str) -> float:
    """Read a time that is not none."""
    value = seconds(text)
    if value < 0.01:  # noqa: PLR2004 - anything less is a busy loop
        raise ValueError("must be 0.01 seconds or more")
    return value

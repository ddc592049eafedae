"""Which version of the program is installed."""

from __future__ import annotations

from importlib.metadata import version


def program_version() -> str:
    """Return it as the package says."""
    return version("expo-free-agent-controller")

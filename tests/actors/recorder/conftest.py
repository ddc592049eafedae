"""Fixtures of these tests."""

from __future__ import annotations

from tests.support.watched_database import outlet

__all__ = ["outlet"]

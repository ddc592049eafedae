"""Fixtures of these tests."""

from __future__ import annotations

from tests.actors.queue_manager.office import look_again, office
from tests.support.watched_database import outlet

__all__ = ["look_again", "office", "outlet"]

"""Noise fails a test: an ERROR line that it did not ask for."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog

LOUD = ("error", "critical", "exception")


class _Loud(logging.Handler):
    """Keeps what libraries log as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record."""
        self.texts.append(f"{record.name}: {self.format(record)}")


@pytest.fixture(autouse=True)
def logged(request: pytest.FixtureRequest) -> Iterator[list[dict[str, object]]]:
    """Collect structlog's lines; fail on an ERROR unless the test asks for `expect_errors`."""
    handler = _Loud()
    logging.getLogger().addHandler(handler)
    try:
        with structlog.testing.capture_logs() as lines:
            yield lines  # type: ignore[misc]
    finally:
        logging.getLogger().removeHandler(handler)
    if "expect_errors" not in request.fixturenames:
        loud = [line for line in lines if line["log_level"] in LOUD]
        assert not loud, f"unexpected errors in the log: {loud}"
        assert not handler.texts, f"unexpected errors in the log: {handler.texts}"


@pytest.fixture
def expect_errors() -> None:
    """Allow ERROR lines in a test that provokes them."""

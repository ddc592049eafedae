"""Log lines: for people, for machines, and without secrets or harm."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from controller.logs import set_up

SECRET = "s3cr3t-value"  # noqa: S105 - looked for in tracebacks


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Put back what `set_up` changes for the whole process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def crash() -> None:
    """Fail with a secret in a variable."""
    token = SECRET
    raise ValueError(f"of {len(token)} characters")


def log_crash() -> None:
    """Log an error with its traceback."""
    try:
        crash()
    except ValueError:
        structlog.get_logger().exception("it.crashed", place="here")


def test_machines_get_one_json_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Ours and those of libraries, tracebacks included, nothing on stdout."""
    set_up(level="info", form="json")
    structlog.get_logger().info("build.submitted", build_id="b1", odd=object())
    logging.getLogger("library").warning("it %s", "happened")
    log_crash()
    out, err = capsys.readouterr()
    ours, foreign, crashed = [json.loads(line) for line in err.splitlines()]
    assert out == ""
    assert (ours["event"], ours["level"], ours["build_id"]) == ("build.submitted", "info", "b1")
    assert ours["timestamp"].endswith("Z")
    assert (foreign["event"], foreign["level"]) == ("it happened", "warning")
    assert "ValueError: of 12 characters" in crashed["exception"]
    assert SECRET not in err


def test_people_get_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Readable, and without the values of variables in tracebacks."""
    set_up(level="info", form="console")
    log_crash()
    err = capsys.readouterr().err
    assert "it.crashed" in err
    assert "ValueError: of 12 characters" in err
    assert SECRET not in err


def test_auto_means_json_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    """Stderr that is no terminal is read by a machine."""
    set_up(level="info", form="auto")
    structlog.get_logger().info("one")
    assert json.loads(capsys.readouterr().err)["event"] == "one"


@pytest.mark.parametrize(
    ("level", "lines"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)]
)
def test_the_level_leaves_out_what_is_less(
    capsys: pytest.CaptureFixture[str], level: str, lines: int
) -> None:
    """Each level shows itself and what is worse."""
    set_up(level=level, form="json")
    log = structlog.get_logger()
    for name in ("debug", "info", "warning", "error"):
        getattr(log, name)(name)
    assert len(capsys.readouterr().err.splitlines()) == lines


class Broken(io.StringIO):
    """A log file on a full disk."""

    def write(self, _text: str) -> int:
        """Refuse."""
        raise OSError(28, "No space left on device")


def test_a_log_that_cannot_be_written_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line is lost, and whoever logged goes on."""
    monkeypatch.setattr(sys, "stderr", Broken())
    set_up(level="info", form="json")
    structlog.get_logger().info("lost")
    logging.getLogger("library").warning("lost")
    log_crash()

"""One living controller a data folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from actors.postgres.errors import FolderInUseError, PostgresSetupError
from actors.postgres.lock import data_lock

HOLD = """
import sys, time
from pathlib import Path
from actors.postgres.lock import data_lock
with data_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_controller_is_refused_until_the_first_is_dead(tmp_path: Path) -> None:
    """The refusal names the holder; a kill -9 of the holder frees the folder at once."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(FolderInUseError, match=rf"process {holder.pid}\) works on {tmp_path}"),
            data_lock(tmp_path),
        ):
            pytest.fail("two hold it")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with data_lock(tmp_path):
        pass


def test_the_folder_is_made_and_can_be_held_again(tmp_path: Path) -> None:
    """A missing folder is made; leaving the block frees it."""
    folder = tmp_path / "some" / "where"
    for _ in range(2):
        with data_lock(folder):
            text = (folder / "controller.lock").read_text(encoding="ascii")
            assert text == f"{os.getpid()}\n"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file in the way is told in a sentence."""
    (tmp_path / "file").touch()
    with (
        pytest.raises(PostgresSetupError, match=r"data folder .*/file/data cannot be written"),
        data_lock(tmp_path / "file" / "data"),
    ):
        pytest.fail("held")

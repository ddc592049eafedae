"""The curl lines of the README, run as they stand, against a controller as a newcomer starts it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.printed import DOCS
from tests.support.program import running_controller

README = DOCS.parent / "README.md"
_SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)


def _script() -> str:
    """Return the shell lines, less those that call make."""
    blocks = _SHELL.findall(README.read_text(encoding="utf-8"))
    return "\n".join(block for block in blocks if "make" not in block)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_first_build_by_hand_works_as_written(tmp_path: Path) -> None:
    """A newcomer who copies the lines sees a build travel, and the app arrive."""
    shutil.copytree(DOCS / "sample-app", tmp_path / "docs" / "sample-app")
    with running_controller(tmp_path / "data") as controller:
        script = _script().replace("http://localhost:3000", controller.url)
        script = script.replace("/tmp/", f"{tmp_path}/")  # noqa: S108 - the newcomer's, not ours
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 0, done.stderr
    assert '"status":"completed"' in done.stdout, done.stdout
    assert '"killed":"orchestration/queue_manager"' in done.stdout
    assert (tmp_path / "app.ipa").read_bytes() == (tmp_path / "sample-app.zip").read_bytes()

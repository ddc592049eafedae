"""The curl lines of docs/api.md, run as they stand; together they call every route."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from api.app import description
from tests.docs.printed import DOCS
from tests.support.program import Program, running_controller

PAGE = DOCS / "api.md"
ASSETS = {"GET /debug", "GET /debug/page.js", "GET /debug/page.css"}
"""Parts of a page for browsers."""
_SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
_SERVED = re.compile(r'requests_total\{route="([^"]+)",status="(\d+)"\}')


def _served(controller: Program) -> dict[str, set[int]]:
    """Return the routes that were called, with the statuses they answered."""
    page = httpx.get(f"{controller.url}/metrics", headers={"X-API-Key": controller.api_key}).text
    found: dict[str, set[int]] = {}
    for route, status in _SERVED.findall(page):
        found.setdefault(route, set()).add(int(status))
    return found


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_every_route_has_a_curl_line_that_works(tmp_path: Path) -> None:
    """Whoever copies them in order is answered 200 by every route there is."""
    shutil.copytree(DOCS / "sample-app", tmp_path / "docs" / "sample-app")
    script = "\n".join(_SHELL.findall(PAGE.read_text(encoding="utf-8")))
    with running_controller(tmp_path / "data") as controller:
        script = script.replace("http://localhost:3000", controller.url)
        script = script.replace("/tmp/", f"{tmp_path}/")  # noqa: S108 - the reader's, not ours
        script = script.replace("(cd /tmp ", f"(cd {tmp_path} ")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr
        served = _served(controller)
    wanted = {route.name for route in description().routes} - ASSETS
    assert wanted - set(served) == set()
    assert {name: statuses for name, statuses in served.items() if max(statuses) >= 400} == {}
    assert (tmp_path / "app.ipa").read_bytes() == (tmp_path / "app.zip").read_bytes()
    assert (tmp_path / "app.part").read_bytes() == (tmp_path / "app.zip").read_bytes()[:100]

"""`pytest tests/contract --url URL --key KEY [--old]`: the contract, held against any controller.

Without `--url` our own program is started. `--old` leaves out what is ours: the decisions of
section 0 and what the first controller is known to get wrong. Needs a controller without
unfinished builds; what the tests make stays there, finished.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import httpx
import pytest

from tests.contract.client import SECONDS, Controller
from tests.support.program import running_controller

KEY = "CONTROLLER_API_KEY"
UNFINISHED = {"pending", "assigned", "building"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take where the controller is."""
    group = parser.getgroup("contract")
    group.addoption("--url", help="address of the controller; our own program by default")
    group.addoption("--key", help="its API key; CONTROLLER_API_KEY by default")
    group.addoption("--old", action="store_true", help="leave out what is marked `ours`")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "ours: a decision of ours, or a mistake that we mend")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is ours with `--old`."""
    if not config.getoption("old", default=False):
        return
    ours = [item for item in items if item.get_closest_marker("ours")]
    config.hook.pytest_deselected(items=ours)
    items[:] = [item for item in items if item not in ours]


@pytest.fixture(scope="session")
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Controller]:
    """Connect to the controller of the command line, or start one."""
    url = request.config.getoption("url", default=None)
    if url:
        key = request.config.getoption("key", default=None) or os.environ.get(KEY, "")
        yield from _connected(url, key)
        return
    with running_controller(tmp_path_factory.mktemp("contract") / "data") as program:
        yield from _connected(program.url, program.api_key)


def _connected(url: str, key: str) -> Iterator[Controller]:
    with httpx.Client(base_url=url.rstrip("/"), timeout=SECONDS) as http:
        controller = Controller(url.rstrip("/"), key, http)
        answer = controller.get("/api/builds")
        if answer.status_code != httpx.codes.OK:
            pytest.exit(f"{url} answers {answer.status_code}: {answer.text}", returncode=3)
        if any(build["status"] in UNFINISHED for build in answer.json()):
            pytest.exit(f"{url} has unfinished builds: these tests would take them", returncode=3)
        yield controller


@pytest.fixture
def it(running: Controller) -> Iterator[Controller]:
    """Give the controller to a test; the queue is empty before and after it."""
    yield running
    running.tidy()

"""Several nodes on one machine: one dies or is replaced, and nobody notices."""

from __future__ import annotations

import http.client
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.program import Program, running_controller

LIMIT = 40.0


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Run two nodes behind one port."""
    folder = tmp_path_factory.mktemp("nodes")
    with running_controller(folder / "data", "--nodes", "2") as program:
        yield program


def _nodes(program: Program) -> list[int]:
    """Return the process ids of the living nodes."""
    front = psutil.Process(program.process.pid)
    return sorted(child.pid for child in front.children() if _is_node(child))


def _is_node(process: psutil.Process) -> bool:
    try:
        return "node" in process.cmdline()
    except psutil.NoSuchProcess:  # a zombie is one, too
        return False


def _wait(fulfilled: Callable[[], bool]) -> None:
    """Ask, through a request that takes its time anyway, until it is so."""
    done = threading.Event()
    end = threading.Timer(LIMIT, done.set)
    end.start()
    try:
        while not fulfilled():
            assert not done.wait(0.02), "it did not come to be in time"
    finally:
        end.cancel()


def _listed(program: Program) -> list[int]:
    """Return the process ids of the nodes that the controllers themselves know of."""
    answer = httpx.get(f"{program.url}/debug/nodes", headers={"X-API-Key": program.api_key})
    return sorted(node["pid"] for node in answer.raise_for_status().json()["nodes"])


class Caller(threading.Thread):
    """Asks for health on one connection, again and again, and counts what goes wrong."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self._port = int(program.url.rsplit(":", 1)[1])
        self._over = threading.Event()
        self.answers = 0
        self.failures: list[str] = []

    def run(self) -> None:
        """Call until told otherwise; a connection that the answer closes is opened again."""
        line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=LIMIT)
        while not self._over.is_set():
            try:
                status = self._ask(line)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                line.close()
            else:
                self.answers += 1
                if status != http.client.OK:
                    self.failures.append(str(status))
        line.close()

    def _ask(self, line: http.client.HTTPConnection) -> int:
        """Ask once; a connection that is closed before any answer is opened again, as all do."""
        for last in (False, True):
            try:
                line.request("GET", "/health")
                answer = line.getresponse()
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                line.close()
                if last:
                    raise
            else:
                answer.read()
                return answer.status
        raise AssertionError("unreachable")

    def stop(self) -> None:
        """End the calls."""
        self._over.set()
        self.join(LIMIT)


def test_both_nodes_are_there(two: Program) -> None:
    """Each is a process, and each has said so in the list of nodes."""
    _wait(lambda: _listed(two) == _nodes(two))
    assert len(_nodes(two)) == 2


def test_a_killed_node_comes_back_while_the_other_serves(two: Program) -> None:
    """New connections are accepted by whoever lives."""
    before = _nodes(two)
    os.kill(before[0], signal.SIGKILL)
    _wait(lambda: len(_nodes(two)) == 2 and before[0] not in _nodes(two))
    assert before[1] in _nodes(two)
    assert httpx.get(f"{two.url}/health").status_code == httpx.codes.OK


def test_a_rolling_restart_loses_no_request(two: Program) -> None:
    """SIGHUP replaces one node after the other under callers that keep their connections."""
    before = _nodes(two)
    callers = [Caller(two) for _ in range(4)]
    for caller in callers:
        caller.start()
    try:
        two.process.send_signal(signal.SIGHUP)
        _wait(lambda: len(_nodes(two)) == 2 and not set(before) & set(_nodes(two)))
        _wait(lambda: _listed(two) == _nodes(two))
    finally:
        for caller in callers:
            caller.stop()
    assert [failure for caller in callers for failure in caller.failures] == []
    assert all(caller.answers for caller in callers)


def test_nodes_end_when_their_front_is_killed(tmp_path: Path) -> None:
    """Nobody is left behind, holding the port."""
    with running_controller(tmp_path / "data", "--nodes", "2") as program:
        nodes = [psutil.Process(pid) for pid in _nodes(program)]
        program.process.kill()
        program.process.wait()
        gone, alive = psutil.wait_procs(nodes, timeout=LIMIT)
    assert (len(gone), alive) == (2, [])


def test_a_node_that_cannot_start_says_why_in_one_sentence(tmp_path: Path) -> None:
    """The front passes on the sentence of its node."""
    away = {"DATABASE_URL": "postgresql://nobody:secret@127.0.0.1:1/none"}
    with (
        pytest.raises(AssertionError, match="did not start"),
        running_controller(tmp_path / "data", "--nodes", "2", env=away),
    ):
        pass
    log = (tmp_path / "controller.log").read_text(encoding="utf-8")
    assert "no database answers at 127.0.0.1:1" in log
    assert "Traceback" not in log
    assert "secret" not in log

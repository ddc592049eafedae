"""What a killed controller leaves is seen to by the next one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest
import trio

from actors.postgres import orphan
from actors.postgres.account import server_account
from actors.postgres.cluster import Cluster, prepare
from actors.postgres.errors import PostgresSetupError
from actors.postgres.orphan import PID_FILE, end_orphan
from actors.postgres.server import Server
from tests.support.postgres import start_server, stop_server

CONTROLLER = """
import sys, time
from pathlib import Path
from actors.postgres.cluster import Cluster
from tests.support.postgres import start_server
server = start_server(Cluster(folder=Path(sys.argv[1]), settings={"fsync": "off"}))
print(server.pid, flush=True)
time.sleep(600)
"""


def without_parent_death_signal(cluster: Cluster) -> Server:
    """Start a server as systems do that cannot bind it to its parent."""
    servers: list[Server] = []
    thread = threading.Thread(target=lambda: servers.append(start_server(cluster)))
    thread.start()
    thread.join()
    return servers[0]


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
async def test_the_server_does_not_outlive_a_killed_controller(spare_cluster: Cluster) -> None:
    """Kill -9 of the controller: the kernel tells the server, which stops in order."""
    with subprocess.Popen(  # noqa: ASYNC220 - nobody waits for us
        [sys.executable, "-c", CONTROLLER, str(spare_cluster.folder)],
        stdout=subprocess.PIPE,
        text=True,
    ) as controller:
        assert controller.stdout is not None
        fd = os.pidfd_open(int(controller.stdout.readline()))
        controller.send_signal(signal.SIGKILL)
    with trio.fail_after(30):
        await trio.lowlevel.wait_readable(fd)
    os.close(fd)


def test_a_server_that_was_left_is_ended_and_ours_started(spare_cluster: Cluster) -> None:
    """The next start ends the old server in order and runs one of its own."""
    left = without_parent_death_signal(spare_cluster)
    ours = start_server(spare_cluster)
    assert left.wait(0) == 0
    assert ours.pid != left.pid
    left.close()
    stop_server(ours)


def test_backends_of_a_killed_server_are_no_obstacle(spare_cluster: Cluster) -> None:
    """Kill -9 of the server alone: its pid file and its helpers are left; ours starts."""
    left = without_parent_death_signal(spare_cluster)
    left.signal(signal.SIGKILL)
    left.wait(10)
    left.close()
    assert (spare_cluster.data / PID_FILE).exists()
    stop_server(start_server(spare_cluster))


def test_a_pid_that_now_is_another_program_is_no_obstacle(spare_cluster: Cluster) -> None:
    """In a container pids repeat: a stale file may name a living process, which is left alone."""
    left = start_server(spare_cluster)
    content = (spare_cluster.data / PID_FILE).read_text(encoding="ascii")
    stop_server(left)
    account = server_account(spare_cluster.data, ())
    with subprocess.Popen(["sleep", "600"], user=account.uid, group=account.gid) as bystander:
        stale = content.replace(str(left.pid), str(bystander.pid), 1)
        (spare_cluster.data / PID_FILE).write_text(stale, encoding="ascii")
        os.chown(spare_cluster.data / PID_FILE, account.uid, account.gid)
        stop_server(start_server(spare_cluster))
        assert bystander.poll() is None
        bystander.kill()


def test_a_server_that_does_not_end_is_named(
    spare_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When even SIGKILL does not help in time, the operator hears of the process."""
    left = without_parent_death_signal(spare_cluster)
    monkeypatch.setattr(orphan, "_gone", lambda pid, seconds: pid < 0 < seconds)
    monkeypatch.setattr(orphan, "_STEPS", ((signal.SIGURG, 0.1),))
    with pytest.raises(PostgresSetupError, match=rf"process {left.pid}\) does not end"):
        end_orphan(spare_cluster.data)
    stop_server(left)


def test_without_a_server_there_is_nothing_to_do(spare_cluster: Cluster) -> None:
    """No file, and a file that makes no sense, are both no server."""
    prepare(spare_cluster)
    (spare_cluster.data / PID_FILE).write_text("nonsense\n", encoding="ascii")
    end_orphan(spare_cluster.data)
    (spare_cluster.data / PID_FILE).unlink()
    end_orphan(spare_cluster.data)

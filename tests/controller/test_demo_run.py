"""The demonstration as a program, with a real controller under it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import trio

DEMO = [sys.executable, "-m", "controller", "demo", "--build-seconds", "0.1", "--patience", "60"]


async def test_a_run_under_fire_loses_nothing() -> None:
    """Builds go through a real controller that is being shot at; its log holds no secret."""
    with trio.fail_after(120):
        ran = await trio.run_process(
            [*DEMO, "--builds", "40", "--workers", "2", "--kill-something", "--json"],
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
    told = ran.stderr.decode()
    assert ran.returncode == 0, told
    figures = json.loads(ran.stdout)
    assert figures["ok"] is True
    assert figures["builds"] == 40
    assert figures["kills"] >= 1
    assert (figures["lost"], figures["assigned_twice"], figures["failures"]) == (0, 0, 0)
    assert (figures["secrets_in_the_log"], figures["controller_exit"]) == (0, 0)


async def test_a_signal_ends_the_farm_and_its_controller() -> None:
    """SIGTERM in the middle of a run: exit 130, and nobody listens any more."""
    command = [*DEMO, "--builds", "1000"]
    with trio.fail_after(120):
        process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE)
        told = ""
        assert process.stdout is not None
        while "registered" not in told:
            told += (await process.stdout.receive_some()).decode()
        process.send_signal(signal.SIGTERM)
        async for more in process.stdout:
            told += more.decode()
        assert await process.wait() == 130
        await process.stdout.aclose()
    port = int(told.split("controller at http://127.0.0.1:")[1].split()[0])
    try:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
    except OSError:
        return
    await stream.aclose()
    raise AssertionError("the controller still listens")

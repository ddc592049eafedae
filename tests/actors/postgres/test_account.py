"""Stepping down from root, also where the data lies in a folder that only root may enter."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path

import pytest

from actors.postgres import account as account_module
from actors.postgres.account import Account, closed_folder, server_account
from actors.postgres.cluster import Cluster
from actors.postgres.errors import PostgresSetupError
from actors.store.bridge import on_asyncio
from tests.support.postgres import PostgresServer, start_server, stop_server

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to step down")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="capabilities are Linux's")
capable = pytest.mark.skipif(
    not account_module._capabilities() >> account_module._SETPCAP & 1,
    reason="this container may not hand on capabilities",
)


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """Make a folder as /root is: only its owner may enter."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    return folder


def status(pid: int) -> dict[str, str]:
    """Read what the kernel says of a process."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


@as_root
@capable
async def test_a_database_below_a_closed_folder_works(closed: Path, asyncio_loop: None) -> None:
    """Made, reached through its socket, restarted; the closed folder is as closed as before."""
    del asyncio_loop
    cluster = Cluster(folder=closed / "data", settings={"fsync": "off"})
    first = start_server(cluster)
    facts = status(first.pid)
    stop_server(first)
    second = start_server(cluster)
    try:

        async def count() -> object:
            async with PostgresServer(cluster).link("expo") as link:
                await link.execute("create table t as select 1 as n; checkpoint")
                return await link.fetchval("select n from t")

        assert await on_asyncio(count)() == 1
    finally:
        stop_server(second)
        shutil.rmtree(cluster.socket_folder)
    assert "0" not in facts["Uid"].split()
    assert int(facts["CapEff"], 16) in {1 << 1, 1 << 2}
    assert facts["CapEff"] == facts["CapPrm"] == facts["CapBnd"]
    after = os.stat(closed)  # noqa: PTH116 - nobody waits for us
    assert (stat.S_IMODE(after.st_mode), after.st_uid) == (0o700, 0)


@as_root
@on_linux
def test_in_the_open_it_keeps_no_capability(spare_cluster: Cluster) -> None:
    """Where nothing is closed the server is an ordinary process of an ordinary user."""
    server = start_server(spare_cluster)
    try:
        facts = status(server.pid)
    finally:
        stop_server(server)
    assert int(facts["CapEff"], 16) == int(facts["CapPrm"], 16) == 0
    assert facts["Groups"] == ""
    assert "0" not in facts["Uid"].split()


@as_root
def test_without_the_means_the_closed_folder_is_named(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container without that capability the sentence says which folder is in the way."""
    monkeypatch.setattr(account_module, "_capabilities", lambda: 0)
    with pytest.raises(PostgresSetupError, match=r"user \w+ may not enter /.*: choose a DATA_DIR"):
        server_account(closed / "data", (closed / "data",))


@as_root
def test_the_owner_of_an_existing_folder_runs_its_server(tmp_path: Path) -> None:
    """A folder that an ordinary user's controller made stays that user's when root starts it."""
    os.chown(tmp_path, 12345, 54321)
    assert server_account(tmp_path, ()) == Account(12345, 54321)


def test_an_ordinary_user_runs_it_as_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing to step down from, nothing to hand over."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getegid", lambda: 100)
    account = server_account(tmp_path, (tmp_path,))
    assert account == Account(1000, 100)
    account.own(tmp_path)
    assert tmp_path.stat().st_uid == os.getuid()


def test_the_uppermost_closed_folder_is_found(tmp_path: Path) -> None:
    """Entering is judged as the kernel does: owner, else group, else others."""
    outer = tmp_path / "outer"
    inner = outer / "inner"
    inner.mkdir(parents=True)
    for folder in (tmp_path, *tmp_path.parents):
        if folder == Path(tempfile.gettempdir()):
            break
        folder.chmod(0o711)
    outer.chmod(0o710)
    inner.chmod(0o700)
    assert closed_folder(inner / "x" / "y", 12345, 12345) == outer
    assert closed_folder(inner / "x", 12345, outer.stat().st_gid) == inner
    assert closed_folder(inner / "x", os.geteuid(), 12345) is None
    (tmp_path / "link").symlink_to(inner)
    assert closed_folder(tmp_path / "link" / "x", 12345, 12345) == outer
    outer.chmod(0o711)
    assert closed_folder(outer / "missing" / "x", 12345, 12345) is None

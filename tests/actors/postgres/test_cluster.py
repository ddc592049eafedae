"""The database's folder: made whole or not at all, and never taken for what it is not."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from actors.postgres.cluster import Cluster, prepare, server_arguments, server_environment
from actors.postgres.errors import PostgresSetupError


def fake_programs(folder: Path, initdb: str) -> Path:
    """Make programs that call themselves PostgreSQL 18."""
    folder.mkdir()
    for name, body in (("postgres", "echo 'postgres (PostgreSQL) 18.0'"), ("initdb", initdb)):
        (folder / name).write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder


def test_a_failed_initdb_is_told_by_its_last_words(tmp_path: Path) -> None:
    """What initdb said is in the sentence, and nothing is left that looks like a database."""
    programs = fake_programs(tmp_path / "bin", "echo 'initdb: error: no room' >&2; exit 1")
    cluster = Cluster(folder=tmp_path / "data", binaries=programs)
    with pytest.raises(PostgresSetupError, match=r"initdb failed in .*: initdb: error: no room"):
        prepare(cluster)
    assert not cluster.data.exists()


def test_what_a_crash_left_half_made_is_removed(tmp_path: Path) -> None:
    """The next try starts from nothing."""
    left = tmp_path / "data" / "postgres.new-abc"
    left.mkdir(parents=True)
    programs = fake_programs(tmp_path / "bin", "exit 1")
    with pytest.raises(PostgresSetupError):
        prepare(Cluster(folder=tmp_path / "data", binaries=programs))
    assert not left.exists()


def test_a_folder_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    """Whatever somebody keeps under that name is not ours to overwrite."""
    precious = tmp_path / "postgres" / "precious"
    precious.parent.mkdir()
    precious.touch()
    with pytest.raises(PostgresSetupError, match="is not a PostgreSQL data folder"):
        prepare(Cluster(folder=tmp_path))
    assert precious.exists()


def test_a_folder_of_another_version_is_refused(tmp_path: Path) -> None:
    """Starting a newer server on it would fail in a less readable way."""
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9.6\n", encoding="ascii")
    with pytest.raises(PostgresSetupError, match="made by PostgreSQL 9, "):
        prepare(Cluster(folder=tmp_path))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file in the place of DATA_DIR."""
    (tmp_path / "file").touch()
    with pytest.raises(PostgresSetupError, match="file cannot be set up: "):
        prepare(Cluster(folder=tmp_path / "file"))


def test_a_made_database_is_private(spare_cluster: Cluster) -> None:
    """Data and socket are for the server's user only; nothing half-made is left."""
    for folder in (spare_cluster.data, spare_cluster.socket_folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not list(spare_cluster.folder.glob("postgres.new-*"))
    assert prepare(spare_cluster).account.uid == spare_cluster.data.stat().st_uid != 0


def test_a_socket_path_stays_below_the_limit_of_the_system(tmp_path: Path) -> None:
    """A deep DATA_DIR has its socket under the temporary folder, always the same one."""
    deep = Cluster(folder=tmp_path / ("d" * 100))
    assert len(os.fsencode(deep.socket_folder / ".s.PGSQL.5432")) <= 100
    assert deep.socket_folder == Cluster(folder=tmp_path / ("d" * 100)).socket_folder
    assert deep.socket_folder != Cluster(folder=tmp_path / ("e" * 100)).socket_folder
    near = Cluster(folder=Path("/srv/farm"))
    assert near.socket_folder == Path("/srv/farm/postgres.sock")


def test_a_socket_folder_that_somebody_else_laid_out_is_refused(spare_cluster: Cluster) -> None:
    """Where the folder lies under /tmp anybody could have made it first, as a link for example."""
    folder = spare_cluster.socket_folder
    aside = folder.with_name("aside")
    folder.rename(aside)
    try:
        folder.symlink_to("/")
        os.chown(folder, 12345, 12345, follow_symlinks=False) if os.geteuid() == 0 else None
        with pytest.raises(PostgresSetupError, match="belongs to somebody else"):
            prepare(spare_cluster)
    finally:
        folder.unlink()
        aside.rename(folder)


def test_a_log_that_has_grown_is_put_aside(spare_cluster: Cluster) -> None:
    """The log of a server that runs for years does not fill the disk."""
    with spare_cluster.log.open("ab") as log:
        log.truncate(17 * 1024 * 1024)
    prepare(spare_cluster)
    assert not spare_cluster.log.exists()
    spare_cluster.log.with_suffix(".log.1").unlink()


def test_durability_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """No argument touches fsync or synchronous commits; variables of the operator do not pass."""
    monkeypatch.setenv("PGPORT", "1")
    arguments = server_arguments(Cluster(folder=Path("/srv/farm")))
    assert not [one for one in arguments if "fsync" in one or "synchronous" in one]
    assert "--listen_addresses=" in arguments
    assert not [name for name in server_environment() if name.startswith("PG")]


def test_connecting_needs_no_password() -> None:
    """The arguments name the socket's folder and no secret."""
    cluster = Cluster(folder=Path("/srv/farm"))
    assert cluster.connect_arguments() == {
        "host": "/srv/farm/postgres.sock",
        "port": 5432,
        "user": "expo",
        "database": "expo",
    }

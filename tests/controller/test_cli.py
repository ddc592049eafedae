"""Commands and their refusals: each setup error is one sentence and exit code 1."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner

from controller.cli import program as commands
from tests.support.installed import free_port, refusal, run
from tests.support.postgres import LOCKED_USER, PASSWORD, PostgresServer

WRONG = "not the password"


def refused(folder: Path, *arguments: str, **environment: str) -> str:
    """Start a controller that cannot start; returns what it says."""
    port = () if "--port" in arguments or "PORT" in environment else ("--port", str(free_port()))
    return refusal(run(folder, "start", *arguments, *port, environment=environment))


def address(postgres: PostgresServer, database: str, user: str, password: str = "x") -> str:  # noqa: S107
    """Return how a server of its own is named in DATABASE_URL."""
    host = postgres.cluster.connect_arguments()["host"]
    return f"postgresql://{user}:{password.replace(' ', '%20')}@/{database}?host={host}"


def test_settings_that_cannot_be_used(tmp_path: Path) -> None:
    """Flag, variable and file: the place is named, the value is not, and nothing is made."""
    (tmp_path / "c.toml").write_text("prot = 3000\n", encoding="utf-8")
    assert refused(tmp_path, "--api-key", "tooshort").startswith("--api-key: ")
    assert refused(tmp_path, PORT="99999").startswith("PORT: ")
    assert "unknown setting 'prot'" in refused(tmp_path, CONTROLLER_CONFIG="c.toml")
    assert not (tmp_path / "data").exists()


def test_a_file_in_the_place_of_the_data_folder(tmp_path: Path) -> None:
    """With a server of its own the folder of the key is as needed."""
    (tmp_path / "data").write_bytes(b"")
    assert "data cannot be written" in refused(tmp_path)
    assert "cannot be used" in refused(tmp_path, DATABASE_URL="postgresql://h/d")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """Not even by root."""
    assert "the data folder /proc/data cannot be written" in refused(
        tmp_path, "--data-dir", "/proc/data"
    )
    said = refused(tmp_path, "--storage", "/proc/storage")
    assert said.startswith("the storage folder /proc/storage cannot be written")


def test_a_key_file_that_holds_no_key(tmp_path: Path) -> None:
    """The operator is told which file, and what to do."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "api-key").write_text("short\n", encoding="ascii")
    assert "delete it to have a new one" in refused(tmp_path)


def test_a_foreign_folder_in_the_place_of_the_database(tmp_path: Path) -> None:
    """It is left as it is."""
    foreign = tmp_path / "data" / "postgres"
    foreign.mkdir(parents=True)
    (foreign / "thesis.txt").write_text("mine", encoding="utf-8")
    assert "is not a PostgreSQL data folder" in refused(tmp_path)
    assert (foreign / "thesis.txt").read_text(encoding="utf-8") == "mine"


def test_a_database_that_does_not_answer(tmp_path: Path) -> None:
    """The place is named."""
    url = f"postgresql://u:{WRONG.replace(' ', '%20')}@127.0.0.1:{free_port()}/expo"
    said = refused(tmp_path, DATABASE_URL=url)
    assert said.startswith("no database answers at 127.0.0.1:")
    assert "password" not in said


def test_a_database_that_refuses_us(tmp_path: Path, postgres: PostgresServer) -> None:
    """Wrong password and unknown database; the password is never shown."""
    url = address(postgres, "postgres", LOCKED_USER, WRONG)
    said = refused(tmp_path, DATABASE_URL=url)
    assert said.startswith("the database refuses the user or password in DATABASE_URL")
    assert WRONG not in said
    url = address(postgres, "no_such_database", LOCKED_USER, PASSWORD)
    said = refused(tmp_path, DATABASE_URL=url)
    assert said.startswith("the database named in DATABASE_URL does not exist")
    assert PASSWORD not in said
    assert "must begin with postgresql://" in refused(tmp_path, DATABASE_URL="localhost")


COMMANDS = ("start", "demo", "tree", "db", "version")


def test_help_tells_what_each_command_does() -> None:
    """Every command is listed with a line of its own."""
    listed = CliRunner().invoke(commands, ["--help"])
    assert listed.exit_code == 0
    for name in COMMANDS:
        line = next(li for li in listed.output.splitlines() if li.split()[:1] == [name])
        assert len(line.split()) > 4


@pytest.mark.parametrize("command", [*COMMANDS, "db status", "db migrate", "db check"])
def test_help_of_a_command(command: str) -> None:
    """Says what it does, and explains every option."""
    done = CliRunner().invoke(commands, [*command.split(), "--help"])
    assert done.exit_code == 0
    assert len(done.output.splitlines()) > 5
    for line in done.output.splitlines():
        if line.strip().startswith("--") and "--help" not in line:
            assert len(line.split()) > 2, line


def test_the_version_as_text_and_as_json(tmp_path: Path) -> None:
    """The same facts, for people and for programs."""
    facts = json.loads(run(tmp_path, "version", "--json").stdout)
    assert facts["version"] == version("expo-free-agent-controller")
    assert facts["schema"] >= 1
    text = CliRunner().invoke(commands, ["version"]).output
    assert text.startswith(f"expo-controller {facts['version']} ")


def test_an_unknown_word_is_refused(tmp_path: Path) -> None:
    """Usage errors end with 2, as everywhere; options without a command are those of `start`."""
    done = CliRunner().invoke(commands, ["strat"])
    assert done.exit_code == 2
    assert "No such command 'strat'" in done.output
    for near in ("nope", "nod", "nodes"):
        assert "'node'" not in CliRunner().invoke(commands, [near]).output
    assert " node " not in CliRunner().invoke(commands, ["--help"]).output
    done = run(tmp_path, "--prot", "3000")
    assert done.returncode == 2
    assert "expo-controller start" in done.stderr
    assert "--prot" in done.stderr

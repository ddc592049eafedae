"""Finding the programs: the setting, the wheel, the system; and never another version's folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from actors.postgres.binaries import Binaries, find_binaries
from actors.postgres.errors import PostgresSetupError

IMPORTED = """
import sys
from actors.postgres.binaries import find_binaries
print(find_binaries().folder)
print([name for name in sys.modules if name.startswith("pixeltable")])
"""


def test_the_wheel_is_found_and_none_of_its_code_is_run() -> None:
    """The programs come from the wheel's folder; its modules stay unimported."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True
    )
    folder, imported = done.stdout.splitlines()
    assert (Path(folder) / "postgres").exists()
    assert imported == "[]"


def test_the_newest_is_taken_for_a_new_folder() -> None:
    """Without a data folder to suit, the first choice is the newest of the wheel."""
    found = find_binaries()
    assert found.major >= 18
    assert found.version.startswith(f"{found.major}.")


def test_an_existing_folder_gets_the_programs_of_its_version() -> None:
    """The wheel carries an older version too, for the folders that it made."""
    assert find_binaries(major=16).major == 16


def test_a_version_that_is_nowhere_is_named_with_those_that_are() -> None:
    """The sentence tells both versions."""
    with pytest.raises(PostgresSetupError, match=r"made by PostgreSQL 9, but .* only .*18"):
        find_binaries(major=9)


def test_a_setting_is_the_only_place_looked_at(tmp_path: Path) -> None:
    """A folder that the operator names and that has no programs is an error, not a hint."""
    with pytest.raises(PostgresSetupError, match=f"no initdb and postgres .*{tmp_path}"):
        find_binaries(tmp_path)
    found = find_binaries()
    assert find_binaries(found.folder) == found


def test_programs_too_old_are_not_taken(tmp_path: Path) -> None:
    """A server older than our SQL needs is as good as none."""
    for name in ("postgres", "initdb"):
        script = tmp_path / name
        script.write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 9.6.24'\n", encoding="utf-8")
        script.chmod(0o755)
    with pytest.raises(PostgresSetupError, match="14 or newer"):
        find_binaries(tmp_path)


@pytest.mark.parametrize(("text", "major"), [("18.4", 18), ("19beta1", 19), ("14.1", 14)])
def test_the_major_version_is_the_leading_number(text: str, major: int) -> None:
    """Releases and betas alike."""
    assert Binaries(Path("/"), text).major == major

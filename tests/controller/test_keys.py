"""The API key: configured, or made once and kept."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from controller.keys import KEY_FILE, ApiKey, api_key
from controller.settings import SettingError


def test_a_configured_key_touches_no_file(tmp_path: Path) -> None:
    """It is used as it is."""
    found = api_key("a configured key", tmp_path / "data")
    assert (found.value, found.file) == ("a configured key", None)
    assert not (tmp_path / "data").exists()


def test_a_key_is_made_once(tmp_path: Path) -> None:
    """The second start finds the first one's; only the owner can read it, nothing else is left."""
    first = api_key(None, tmp_path / "data")
    assert api_key(None, tmp_path / "data") == first
    assert first.file == tmp_path / "data" / KEY_FILE
    assert stat.S_IMODE(first.file.stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == [KEY_FILE]
    assert len(first.value) >= 40
    assert first.value.isascii()
    assert api_key(None, tmp_path / "other").value != first.value


def test_of_starts_at_once_all_have_the_same_key(tmp_path: Path) -> None:
    """Nobody prints or uses a key that is not the one in the file."""
    found: list[ApiKey] = []
    gate = threading.Barrier(8)

    def start() -> None:
        gate.wait()
        found.append(api_key(None, tmp_path))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert {key.value for key in found} == {(tmp_path / KEY_FILE).read_text().strip()}
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"short", b"\xff" * 40, b"sixteen and\na second line", b"sixteen and \0 more"],
)
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    """The sentence names the file and not what stands in it; the file is left alone."""
    (tmp_path / KEY_FILE).write_bytes(content)
    with pytest.raises(SettingError) as caught:
        api_key(None, tmp_path)
    assert str(tmp_path / KEY_FILE) in str(caught.value)
    assert "sixteen" not in str(caught.value)
    assert (tmp_path / KEY_FILE).read_bytes() == content


def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    """A file in the place of the data folder, a folder in the place of the file."""
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "data" / KEY_FILE).mkdir(parents=True)
    for folder in (tmp_path / "file", tmp_path / "data"):
        with pytest.raises(SettingError, match="cannot be used"):
            api_key(None, folder)


def test_a_key_can_be_printed_by_accident(tmp_path: Path) -> None:
    """Its picture does not show it."""
    key = api_key(None, tmp_path)
    assert key.value not in repr(key)

"""The API key: the configured one, or one made at the first start and kept with the data."""

from __future__ import annotations

import os
import secrets
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from controller.settings import SHORTEST_KEY, SettingError

KEY_FILE = "api-key"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """The key, and the file that holds it (None when it was configured)."""

    value: str = field(repr=False)
    file: Path | None


def api_key(configured: str | None, data_dir: Path) -> ApiKey:
    """Return the key; raises `SettingError` when its file cannot be used."""
    if configured is not None:
        return ApiKey(configured, None)
    file = data_dir / KEY_FILE
    try:
        try:
            found = file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            found = _make(file)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"the API key file {file} cannot be used: {error}") from None
    if len(found) < SHORTEST_KEY or not found.isprintable():
        raise SettingError(f"the API key file {file} holds no key: delete it to have a new one")
    return ApiKey(found, file)


def _make(file: Path) -> str:
    """Write a new key whole or not at all; of two starts at once, the first one's stays."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fd, new = tempfile.mkstemp(prefix=f"{file.name}.", dir=file.parent)  # mode 0600
    with os.fdopen(fd, "w", encoding="ascii") as opened:
        opened.write(secrets.token_urlsafe(32) + "\n")
        opened.flush()
        os.fsync(fd)
    try:
        os.link(new, file)
    except FileExistsError:
        pass
    finally:
        Path(new).unlink()
    return file.read_text(encoding="ascii").strip()

"""Asking a running controller, for commands: where it is, with which key."""

from __future__ import annotations

from collections.abc import Mapping

import click
import httpx

from controller.keys import KEY_FILE
from controller.settings import Settings, read_settings

TIMEOUT = 10.0


def ask(url: str | None, path: str, query: Mapping[str, str]) -> httpx.Response:
    """GET `path` of the controller at `url` (the local one if None); `ClickException` if it fails.

    The key is `CONTROLLER_API_KEY`, or the one kept in the data folder.
    """
    settings = read_settings({})
    base = url or f"http://localhost:{settings.port}"
    try:
        answer = httpx.get(
            base + path, params=dict(query), headers={"X-API-Key": _key(settings)}, timeout=TIMEOUT
        )
    except httpx.TransportError as error:
        raise click.ClickException(f"no controller answers at {base} ({error})") from None
    if not answer.is_success:
        raise click.ClickException(f"{base} answers {answer.status_code}: {answer.text.strip()}")
    return answer


def _key(settings: Settings) -> str:
    if settings.api_key is not None:
        return settings.api_key
    file = settings.data_dir / KEY_FILE
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError:
        raise click.ClickException(
            f"no API key: set CONTROLLER_API_KEY, or DATA_DIR to the folder that holds {KEY_FILE}"
        ) from None

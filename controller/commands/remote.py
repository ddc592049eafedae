"""Asking a running controller, for commands: where it is, with which key."""

from __future__ import annotations

import getpass
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import click
import httpx

from controller.keys import KEY_FILE
from controller.settings import Settings, read_settings

TIMEOUT = 10.0
_SILENCE = 30.0
"""A stream says something more often than this."""


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event; `data` is JSON."""

    name: str
    data: str


def ask(url: str | None, path: str, query: Mapping[str, str]) -> httpx.Response:
    """GET `path` of the controller at `url` (the local one if None); `ClickException` if it fails.

    The key is `CONTROLLER_API_KEY`, or the one kept in the data folder.
    """
    with _connected(url) as client:
        return _good(client.get(path, params=dict(query)))


def act(url: str | None, word: str, fields: Mapping[str, object]) -> httpx.Response:
    """POST an act of `/debug`, in the name of whoever runs the command."""
    with _connected(url) as client:
        return _good(client.post(f"/debug/{word}", json=dict(fields)))


@contextmanager
def streamed(
    url: str | None, path: str, fields: Mapping[str, object] | None = None
) -> Generator[Iterator[Event]]:
    """Yield the events of a stream: a GET, or with `fields` a POST."""
    body = None if fields is None else dict(fields)
    with (
        _connected(url) as client,
        client.stream(
            "GET" if body is None else "POST",
            path,
            json=body,
            headers={"Accept": "text/event-stream"},
            timeout=_SILENCE,
        ) as answer,
    ):
        if not answer.is_success:
            answer.read()
        _good(answer)
        yield _events(answer.iter_lines())


def _events(lines: Iterator[str]) -> Iterator[Event]:
    name = ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield Event(name, value)


@contextmanager
def _connected(url: str | None) -> Generator[httpx.Client]:
    settings = read_settings({})
    base = url or f"http://localhost:{settings.port}"
    headers = {"X-API-Key": _key(settings), "X-Operator": _operator()}
    with httpx.Client(base_url=base, headers=headers, timeout=TIMEOUT) as client:
        try:
            yield client
        except httpx.TransportError as error:
            raise click.ClickException(f"no controller answers at {base} ({error})") from None


def _good(answer: httpx.Response) -> httpx.Response:
    if not answer.is_success:
        base = str(answer.url).removesuffix(answer.url.raw_path.decode())
        raise click.ClickException(f"{base} answers {answer.status_code}: {answer.text.strip()}")
    return answer


def _operator() -> str:
    try:
        return getpass.getuser().encode("ascii", "replace").decode()
    except (OSError, KeyError):
        return ""


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

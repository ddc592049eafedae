"""One exchange with the controller: sent, answered, decoded; every failure as one of two errors."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Self, TypeVar

import httpx
import msgspec
import trio

from api.client.body import Body
from api.client.errors import ApiError, ControllerUnreachableError

T = TypeVar("T")

TIMEOUT_SECONDS = 30.0
_PIECE = 1 << 20
_ERROR_BYTES = 64 * 1024
_FIRST_ERROR = 400


class _Refusal(msgspec.Struct, frozen=True):
    """The body of an error answer."""

    error: str
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked; `body` is JSON unless it is a `Body`. `timeout` bounds each single wait."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    body: object = None
    timeout: float | None = None


class Transport:
    """The connections to one controller."""

    def __init__(self, base_url: str, api_key: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self.base_url = base_url.rstrip("/")
        self._timeout = timeout
        self._http = httpx.AsyncClient(
            headers={"X-API-Key": api_key, "Accept-Encoding": "identity"},
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
            # Loading the certificates takes longer than a simulated build.
            verify=self.base_url.startswith("https:"),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        with trio.CancelScope(shield=True):  # closing takes no waiting, but for a last look round
            await self._http.aclose()

    async def _call(self, request: Request, shape: type[T]) -> T:
        """Send `request` and decode the answer as `shape`."""
        async with self._exchange(request) as response:
            data = await response.aread()
        try:
            return msgspec.json.decode(data, type=shape)
        except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
            raise ControllerUnreachableError(f"{request.path}: unreadable: {error}") from error

    async def _fetch(self, request: Request, to: Path) -> str:
        """Write the answer's body to the file `to`; returns its SHA-256 in hex.

        After an error or a cancel the file holds a part of it, or nothing.
        """
        digest = hashlib.sha256()
        with to.open("wb") as file:
            async with self._exchange(request) as response:
                async for data in response.aiter_raw(_PIECE):
                    # Shielded: httpx's generators can only be left while they wait, not between.
                    with trio.CancelScope(shield=True):
                        await trio.to_thread.run_sync(_keep, file, digest.update, data)
        return digest.hexdigest()

    @asynccontextmanager
    async def _exchange(self, request: Request) -> AsyncGenerator[httpx.Response, None]:
        """Yield a successful response whose body is yet to be read."""
        body = _body(request)
        try:
            response = await self._http.send(self._build(request, body), stream=True)
            try:
                if response.status_code >= _FIRST_ERROR:
                    raise await _error(response)
                yield response
            finally:
                await response.aclose()
        except httpx.TransportError as error:
            why = str(error) or type(error).__name__
            raise ControllerUnreachableError(f"{request.path}: {why}") from error
        finally:
            body.close()

    def _build(self, request: Request, body: Body) -> httpx.Request:
        headers = dict(request.headers)
        if request.body is not None:
            headers |= body.headers()
        built = self._http.build_request(
            request.method,
            self.base_url + request.path,
            params=dict(request.params) or None,
            headers=headers,
            timeout=request.timeout or self._timeout,
        )
        built.stream = body  # httpx's own streams are generators, see `Body`
        return built


def _body(request: Request) -> Body:
    if isinstance(request.body, Body):
        return request.body
    if request.body is None:
        return Body()
    return Body("application/json", [msgspec.json.encode(request.body)])


async def _error(response: httpx.Response) -> ApiError:
    body = b""
    async for data in response.aiter_raw():
        body += data[: _ERROR_BYTES - len(body)]
    retry_after = response.headers.get("Retry-After", "")
    after = float(retry_after) if retry_after.isdecimal() else None
    try:
        refusal = msgspec.json.decode(body, type=_Refusal)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
        refusal = _Refusal(response.reason_phrase)
    return ApiError(response.status_code, refusal.error, after, cancelled=refusal.cancelled)


def _keep(file: BinaryIO, update: Callable[[bytes], None], data: bytes) -> None:
    update(data)
    file.write(data)

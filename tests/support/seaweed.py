"""A real S3-compatible object store: SeaweedFS on loopback, one process a test session."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.support.program import free_port

START_SECONDS = 60.0
KEY, SECRET = "tester", "a secret of the tests"
BUCKET = "artifacts"
REGION = "us-east-1"


@dataclass(frozen=True)
class Seaweed:
    """A store that answers at `url`."""

    url: str

    def environment(self) -> dict[str, str]:
        """Return the variables by which an S3 client finds it."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": REGION,
        }

    def ask(self, method: str, path: str, query: str = "") -> httpx.Response:
        """Send a signed request without a body."""
        host = self.url.removeprefix("http://")
        headers = _signed(method, host, path, query)
        return httpx.request(method, f"{self.url}{path}?{query}", headers=headers, timeout=20)

    def unfinished(self) -> list[str]:
        """Return the ids of multipart uploads that were neither completed nor aborted."""
        answer = self.ask("GET", f"/{BUCKET}", "uploads=").raise_for_status()
        return re.findall(r"<UploadId>([^<]+)</UploadId>", answer.text)


def _free_port() -> int:
    """Return a port that is free, as is the one 10,000 above, which is taken for gRPC."""
    while True:
        port = free_port()
        if port > 55_000:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
        return port


@contextmanager
def running_seaweed(folder: Path, volume_mb: int = 64, volumes: int = 60) -> Iterator[Seaweed]:
    """Run a store that keeps its data in `folder`; the bucket is there."""
    config = folder / "s3.json"
    identity = {
        "name": KEY,
        "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    config.write_text(json.dumps({"identities": [identity]}), encoding="ascii")
    data = folder / "data"
    data.mkdir()
    ports = {name: _free_port() for name in ("master", "volume", "filer", "s3")}
    options = {
        "dir": str(data),
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "filer": "true",
        "s3": "true",
        "s3.config": str(config),
        "filer.localSocket": str(folder / "filer.sock"),
        "s3.localSocket": str(folder / "s3.sock"),
        "s3.port.iceberg": "0",
        "s3.port.lance": "0",
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": str(volume_mb),
        "volume.max": str(volumes),
    }
    for name, port in ports.items():
        options[f"{name}.port"] = str(port)
        options[f"{name}.port.grpc"] = str(port + 10_000)
    command = [str(Path(sys.executable).parent / "weed"), "server"]
    command += [f"-{name}={value}" for name, value in options.items()]
    with (folder / "weed.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={"PATH": os.defpath, "HOME": str(folder), "GOMEMLIMIT": "400MiB"},
        )
    try:
        store = Seaweed(f"http://127.0.0.1:{ports['s3']}")
        _make_bucket(store, process, folder / "weed.log")
        yield store
    finally:
        process.kill()
        process.wait()
        for name, port in ports.items():  # made by it wherever we say its files are to be
            Path(f"/tmp/seaweedfs-{name}-grpc-{port + 10_000}.sock").unlink(missing_ok=True)  # noqa: S108


def _make_bucket(store: Seaweed, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the store takes the bucket: it tells nobody when it is up."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(encoding="utf-8", errors="replace")
        with suppress(httpx.TransportError):
            if store.ask("PUT", f"/{BUCKET}").status_code == 200:
                return
        time.sleep(0.1)  # there is nothing to wait on for a foreign process
    raise AssertionError(log.read_text(encoding="utf-8", errors="replace")[-3000:])


def _signed(method: str, host: str, path: str, query: str) -> dict[str, str]:
    """Return the headers of a request without a body, signed as AWS wants it (version 4)."""
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    day, scope = now[:8], f"{now[:8]}/{REGION}/s3/aws4_request"
    empty = hashlib.sha256(b"").hexdigest()
    headers = {"host": host, "x-amz-content-sha256": empty, "x-amz-date": now}
    lines = [f"{name}:{value}" for name, value in headers.items()]
    request = "\n".join([method, path, query, *lines, "", ";".join(headers), empty])
    digest = hashlib.sha256(request.encode()).hexdigest()
    key = f"AWS4{SECRET}".encode()
    for step in (day, REGION, "s3", "aws4_request"):
        key = hmac.digest(key, step.encode(), "sha256")
    to_sign = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}"
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders={';'.join(headers)}, "
        f"Signature={signature}"
    )
    return headers


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """Run one object store for all tests of the session."""
    with running_seaweed(tmp_path_factory.mktemp("seaweed")) as running:
        yield running


@pytest.fixture
def surroundings(seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch) -> Seaweed:
    """Have the environment of an operator who uses the object store."""
    for name, value in seaweed.environment().items():
        monkeypatch.setenv(name, value)
    return seaweed

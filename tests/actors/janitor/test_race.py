"""A sweeper without any patience beside many uploads: no file goes that somebody needs.

`SWEEP_RACES=20` has twenty times as many.
"""

from __future__ import annotations

import os
import random
from hashlib import sha256
from pathlib import Path

import pytest
import trio

from actors.domain.events import StraysRemoved
from actors.janitor import actor as module
from actors.storage.filesystem import FileStore
from actors.store.database import ConnectOptions
from tests.support.farm import Farm, farming, good
from tests.support.form import MULTIPART, Part, body_of, file

UPLOADERS = 6
ROUNDS = 4 * int(os.environ.get("SWEEP_RACES", "1"))


async def upload(farm: Farm, seed: int, wanted: dict[str, bytes]) -> None:
    """Submit, in pieces, with the second file long after the first; or be refused at the end."""
    chance = random.Random(seed)
    source, certs = chance.randbytes(chance.randint(0, 3_000_000)), chance.randbytes(1000)
    platform = chance.choice(["ios", "android", "refused"])
    body = body_of(file("certs", certs), file("source", source), Part("platform", platform))

    async def pieces() -> object:
        step = max(1, len(body) // 7)
        for at in range(0, len(body), step):
            yield body[at : at + step]
            await trio.sleep(chance.random() / 50)

    answer = await farm.ask(
        "POST", "/api/builds/submit", {"Content-Type": MULTIPART}, content=pieces()
    )
    if platform == "refused":
        assert answer.status_code == 400
    else:
        wanted[good(answer)["id"]] = sha256(source).digest()


async def test_a_hasty_sweep_takes_nothing_that_is_needed(
    database_options: ConnectOptions,
    tmp_path: Path,
    logged: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sweeping all the time, files of any age: every build has its bytes, every stray is gone."""
    del logged
    monkeypatch.setattr(module, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(module, "STRAY_SECONDS", -1.0)
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    wanted: dict[str, bytes] = {}
    async with farming(database_options, tmp_path) as farm:
        store = farm.parts.store
        assert isinstance(store, FileStore)
        strays: list[Path] = []

        async def uploader(number: int) -> None:
            for turn in range(ROUNDS):
                await upload(farm, seed + number * ROUNDS + turn, wanted)
                strays.append(store.root / f"source/aa/stray-{number}-{turn}")
                strays[-1].parent.mkdir(exist_ok=True)
                strays[-1].write_bytes(b"nobody's")

        async with trio.open_nursery() as nursery:
            for number in range(UPLOADERS):
                nursery.start_soon(uploader, number)
        await farm.events.first(StraysRemoved)
        while any(path.exists() for path in strays):
            await trio.testing.wait_all_tasks_blocked(0.001)
        for build_id, digest in wanted.items():
            answer = await farm.get(f"/api/builds/{build_id}/source", x_worker_id="w")
            assert answer.status_code == 200
            assert sha256(answer.content).digest() == digest
        assert len(farm.files()) == 2 * len(wanted)
        assert not store.held

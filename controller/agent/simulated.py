"""A builder that builds nothing: it takes time, tells about it, and makes predictable bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import trio

from controller.agent.builder import Journal, Task

_BLOCK = 64 * 1024
_STAGES = ("Installing dependencies", "Bundling", "Compiling", "Signing")


@dataclass(frozen=True, slots=True)
class SimulatedBuilder:
    """Takes `seconds`; results are `size` bytes that follow from the source and the build id."""

    size: int = 256 * 1024
    seconds: float = 1.0

    async def build(self, task: Task, journal: Journal) -> Path:
        """Go through the stages, then write the result."""
        for number, stage in enumerate(_STAGES, 1):
            journal.log("info", f"{stage} ({task.platform})")
            await trio.sleep(self.seconds / len(_STAGES))
            journal.progress(100 * number // len(_STAGES))
        result = task.folder / "result"
        await trio.to_thread.run_sync(self._write, result, task)
        return result

    def result_sha256(self, source_sha256: str, build_id: str) -> str:
        """Return the digest that the result of this build must have, in hex."""
        digest = hashlib.sha256()
        for block in self._blocks(source_sha256, build_id):
            digest.update(block)
        return digest.hexdigest()

    def _write(self, path: Path, task: Task) -> None:
        with path.open("wb") as file:
            for block in self._blocks(task.source_sha256, task.build_id):
                file.write(block)

    def _blocks(self, source_sha256: str, build_id: str) -> Iterator[bytes]:
        for start in range(0, self.size, _BLOCK):
            seed = f"{source_sha256} {build_id} {start}".encode()
            yield hashlib.shake_256(seed).digest(min(_BLOCK, self.size - start))

"""What the application allows a client, in bytes, lines and places; the server has limits, too."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from api.errors import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Each is a setting; `docs/limits.md` tells what is answered beyond it."""

    max_json_bytes: int = 1024 * 1024
    max_open_json_bytes: int = 16 * 1024
    max_json_depth: int = 64
    max_log_line: int = 64 * 1024
    max_log_batch: int = 5000
    max_form_parts: int = 64
    max_field_bytes: int = 64 * 1024
    max_uploads: int = 256
    max_held_polls: int = 2000


class Places:
    """Counts what goes on at once; lives as long as the program."""

    def __init__(self) -> None:
        self.taken = 0

    @contextmanager
    def one(self, most: int, refusal: str) -> Generator[None]:
        """Hold a place for the block; 429 with `refusal` when `most` are taken."""
        if self.taken >= most:
            raise Refusal(429, refusal)
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

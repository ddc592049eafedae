"""What a worker can build, read from the capabilities it declares."""

from __future__ import annotations

from enum import StrEnum
from typing import cast

from actors.domain.build import Platform


class Serves(StrEnum):
    """Which builds a worker may get."""

    ANY = "any"
    IOS = "ios"
    ANDROID = "android"
    NONE = "none"


def serves(capabilities: object) -> Serves:
    """Read `platforms` out of declared capabilities; a worker that lists none gets any build."""
    if not isinstance(capabilities, dict):
        return Serves.ANY
    listed = cast("dict[str, object]", capabilities).get("platforms")
    if not isinstance(listed, list) or not listed:
        return Serves.ANY
    known = {str(name).lower() for name in cast("list[object]", listed)} & set(Platform)
    if len(known) == len(Platform):
        return Serves.ANY
    return Serves(known.pop()) if known else Serves.NONE

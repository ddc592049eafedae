"""Text from strangers, made storable: PostgreSQL takes no NUL and no lone surrogate."""

from __future__ import annotations

from typing import cast


def storable(text: str) -> str:
    """Return the text with what cannot be stored replaced by U+FFFD."""
    clean = text.encode("utf-8", "replace").decode("utf-8")
    return clean.replace("\0", "\N{REPLACEMENT CHARACTER}")


def cut(text: str, most: int) -> str:
    """Return the text, or its first `most` characters and how many are missing."""
    return text if len(text) <= most else f"{text[:most]} [{len(text) - most} characters cut]"


def storable_json(value: object) -> object:
    """Do the same for every string and key inside a JSON value."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [storable_json(item) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return {storable(key): storable_json(item) for key, item in items}
    return value

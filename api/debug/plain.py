"""Values of a living program as JSON: bounded in size and depth, secrets masked by their names."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import TypeAlias, cast

Plain: TypeAlias = "str | int | float | bool | list[Plain] | dict[str, Plain] | None"

MASK = "***"
DEPTH = 5
ITEMS = 20
LETTERS = 1000
_SECRET = re.compile(r"key|token|secret|passw|otp|dsn|cert|credential|authorization", re.IGNORECASE)
_ADDRESS = re.compile(r"(://[^/\s:@]*):[^/\s@]*@")
"""A password inside of an address."""


def plain(value: object, depth: int = DEPTH) -> Plain:
    """Return what JSON can hold of `value`; what lies too deep is shown as a short text."""
    if value is None or isinstance(value, bool | int | float):
        return _number(value)
    if isinstance(value, Enum):
        return plain(value.value, depth)
    text = _as_text(value)
    if text is not None:
        return text
    return _inner(value, depth) if depth else _class_of(value)


def _as_text(value: object) -> str | None:
    """Return the text of what is best told in words; None for what has parts."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bytes | bytearray):
        return f"<{len(value)} bytes>"
    if isinstance(value, BaseException):
        return _text(f"{type(value).__name__}: {value}")
    return _text(str(value)) if type(value).__module__ == "supervisors.exits" else None


def is_secret(name: str) -> bool:
    """Whether something of this name is masked."""
    return _SECRET.search(name) is not None


def _inner(value: object, depth: int) -> Plain:
    if isinstance(value, Mapping):
        return _fields(cast("Mapping[object, object]", value).items(), depth)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        shown = [field.name for field in dataclasses.fields(value) if field.repr]
        return _fields([(name, getattr(value, name, None)) for name in shown], depth)
    if isinstance(value, Sequence | AbstractSet):
        return _items(cast("Iterable[object]", value), len(cast("Sequence[object]", value)), depth)
    if type(value).__module__.endswith(".state"):
        return _fields(_own_fields(value), depth)  # pure values of ours: all there is to see
    return _class_of(value)


def _own_fields(value: object) -> list[tuple[object, object]]:
    slots = cast("Iterable[str]", getattr(type(value), "__slots__", ()))
    names = [*getattr(value, "__dict__", ()), *slots]
    return [
        (name, getattr(value, name)) for name in names if name[:2] != "__" and hasattr(value, name)
    ]


def _fields(pairs: Iterable[tuple[object, object]], depth: int) -> Plain:
    found: dict[str, Plain] = {}
    for name, value in pairs:
        text = _text(str(name))
        if len(found) == ITEMS:
            found["..."] = "and more"
            break
        found[text] = MASK if is_secret(text) and value else plain(value, depth - 1)
    return found


def _items(values: Iterable[object], count: int, depth: int) -> Plain:
    found: list[Plain] = []
    for value in values:
        if len(found) == ITEMS:
            found.append(f"... and {count - ITEMS} more")
            break
        found.append(plain(value, depth - 1))
    return found


def _number(value: float | None) -> Plain:
    if value is None or isinstance(value, bool | int):
        return value
    return round(value, 6) if math.isfinite(value) else str(value)


def _text(text: str) -> str:
    masked = _ADDRESS.sub(rf"\1:{MASK}@", text)
    return masked if len(masked) <= LETTERS else f"{masked[:LETTERS]}..."


def _class_of(value: object) -> str:
    """Name an object by its class: its own text may tell what it must not."""
    return f"<{type(value).__qualname__}>"

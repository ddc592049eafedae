"""JSON values as Erlang's external terms: maps, lists, binaries, integers, three atoms."""

from __future__ import annotations

import struct

from tests.otp.live.shape import Value

_VERSION = b"\x83"
_WORDS: dict[object, str] = {None: "null", True: "true", False: "false"}
_ATOMS: dict[str, bool | None] = {"null": None, "true": True, "false": False}


def pack(value: Value) -> bytes:
    """Return the bytes `binary_to_term` reads."""
    out = bytearray(_VERSION)
    _write(value, out)
    return bytes(out)


def _write(value: Value, out: bytearray) -> None:
    match value:
        case None | bool():
            word = _WORDS[value].encode()
            out += struct.pack(">BB", 119, len(word)) + word
        case int():
            size = max(1, (abs(value).bit_length() + 7) // 8)
            out += struct.pack(">BBB", 110, size, value < 0) + abs(value).to_bytes(size, "little")
        case str():
            text = value.encode()
            out += struct.pack(">BI", 109, len(text)) + text
        case list():
            _write_list(value, out)
        case dict():
            out += struct.pack(">BI", 116, len(value))
            for key, item in value.items():
                _write(key, out)
                _write(item, out)
        case _:
            raise TypeError(f"no Erlang term for {value!r}")


def _write_list(items: list[Value], out: bytearray) -> None:
    if items:
        out += struct.pack(">BI", 108, len(items))
        for item in items:
            _write(item, out)
    out.append(106)


def unpack(packed: bytes) -> Value:
    """Return the value of what `term_to_binary` wrote; atoms other than ours become words."""
    if packed[:1] != _VERSION:
        raise ValueError("not an external term")
    value, end = _read(packed, 1)
    if end != len(packed):
        raise ValueError(f"{len(packed) - end} bytes after the term")
    return value


def _read(packed: bytes, at: int) -> tuple[Value, int]:
    tag, at = packed[at], at + 1
    match tag:
        case 97 | 98 | 110:
            return _read_integer(tag, packed, at)
        case 100 | 107 | 119 | 109:
            return _read_word(tag, packed, at)
        case 106:
            return [], at
        case 108:
            return _read_list(packed, at)
        case 116:
            return _read_map(packed, at)
        case _:
            raise ValueError(f"tag {tag} at {at}")


def _read_integer(tag: int, packed: bytes, at: int) -> tuple[int, int]:
    if tag == 97:
        return packed[at], at + 1
    if tag == 98:
        return struct.unpack_from(">i", packed, at)[0], at + 4
    size, negative = packed[at], packed[at + 1]
    value = int.from_bytes(packed[at + 2 : at + 2 + size], "little")
    return -value if negative else value, at + 2 + size


def _read_word(tag: int, packed: bytes, at: int) -> tuple[Value, int]:
    shape = {119: ">B", 100: ">H", 107: ">H", 109: ">I"}[tag]
    size, at = struct.unpack_from(shape, packed, at)[0], at + struct.calcsize(shape)
    raw = packed[at : at + size]
    if tag == 107:  # a list of small integers
        return list(raw), at + size
    text = raw.decode()
    return text if tag == 109 else _ATOMS.get(text, text), at + size


def _read_list(packed: bytes, at: int) -> tuple[list[Value], int]:
    size, at = struct.unpack_from(">I", packed, at)[0], at + 4
    items: list[Value] = []
    for _ in range(size):
        item, at = _read(packed, at)
        items.append(item)
    return items, at + 1  # the empty list that ends a proper one


def _read_map(packed: bytes, at: int) -> tuple[dict[Value, Value], int]:
    size, at = struct.unpack_from(">I", packed, at)[0], at + 4
    found: dict[Value, Value] = {}
    for _ in range(size):
        key, at = _read(packed, at)
        found[key], at = _read(packed, at)
    return found, at

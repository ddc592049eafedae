"""The codec between JSON values and Erlang's external terms."""

from __future__ import annotations

import pytest

from tests.otp.live.terms import pack, unpack


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        255,
        -1,
        -(2**40),
        2**70,
        "",
        "grüß",
        [],
        [1, ["a", None], {}],
        {"a": {"b": [True, -7]}, "c": ""},
    ],
)
def test_a_packed_value_comes_back(value: object) -> None:
    """Reading what was written gives the same value."""
    assert unpack(pack(value)) == value


def test_small_integers_of_erlang_lists_are_read() -> None:
    """Erlang packs a list of bytes as a string, integers of one byte and of four by themselves."""
    assert unpack(b"\x83k\x00\x02\x01\x02") == [1, 2]
    assert unpack(b"\x83a\x07") == 7
    assert unpack(b"\x83b\xff\xff\xff\xfe") == -2


def test_an_atom_that_is_no_json_word_is_read_as_text() -> None:
    """Both spellings of an atom are known."""
    assert unpack(b"\x83w\x02ok") == "ok"
    assert unpack(b"\x83d\x00\x04true") is True


def test_bytes_that_are_no_term_are_refused() -> None:
    """A cut or continued term is an error, not a guess."""
    with pytest.raises(ValueError, match="not an external term"):
        unpack(b"x")
    with pytest.raises(ValueError, match="after the term"):
        unpack(pack(1) + b"x")
    with pytest.raises(TypeError, match="no Erlang term"):
        pack(1.5)

"""What is shown of a value: bounded, as JSON, without secrets."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from enum import Enum

import pytest

from actors.queue_manager.state import WaitingRoom
from api.debug.plain import MASK, is_secret, plain
from supervisors.exits import KILLED


class Colour(Enum):
    """A value with a name."""

    RED = "red"


@dataclass
class Grant:
    """Holds a secret by name and one by declaration."""

    build_id: str
    access_token: str
    hidden: str = field(default="not shown", repr=False)


class Opaque:
    """An object whose fields nobody has looked at."""

    def __init__(self) -> None:
        self.password = "hunter2"  # noqa: S105 - to be hidden

    def __str__(self) -> str:
        return self.password


@pytest.mark.parametrize(
    "name",
    [
        "api_key",
        "X-API-Key",
        "token",
        "accessToken",
        "PASSWORD",
        "otp",
        "dsn",
        "certs",
        "secret_id",
    ],
)
def test_what_is_named_like_a_secret_is_masked(name: str) -> None:
    """In mappings at any depth; an empty one is shown as empty."""
    assert is_secret(name)
    assert plain({"a": [{name: "hunter2"}]}) == {"a": [{name: MASK}]}
    assert plain({name: ""}) == {name: ""}


def test_dataclasses_show_their_fields_but_secret_and_hidden_ones() -> None:
    """`repr=False` is respected."""
    assert plain(Grant("b", "hunter2")) == {"build_id": "b", "access_token": MASK}


def test_other_objects_show_their_class_only() -> None:
    """Their own text may tell what it must not; exits and exceptions speak."""
    assert plain(Opaque()) == "<Opaque>"
    assert plain(KILLED) == "killed"
    assert plain(ValueError("why")) == "ValueError: why"
    assert plain(Colour.RED) == "red"


def test_pure_state_shows_its_fields() -> None:
    """What stands in a `state.py` has nothing to hide but its secrets."""
    room = WaitingRoom[object]()
    room.enter("mac", 5.0, object())
    shown = plain(room)
    assert isinstance(shown, dict)
    assert shown["work_may_wait"] is True
    assert "mac" in json.dumps(shown["_polls"])


def test_passwords_in_addresses_are_masked() -> None:
    """Wherever the text came from."""
    shown = plain("postgresql://me:hunter2@db/x and s3://k:hunter2@y")
    assert shown == f"postgresql://me:{MASK}@db/x and s3://k:{MASK}@y"


def test_size_and_depth_are_bounded_and_numbers_are_json() -> None:
    """A million items, a circle, a long text, bytes, not-a-number."""
    circle: list[object] = []
    circle.append(circle)
    values = [range(10**6), circle, "x" * 10**6, b"x" * 10**6, float("nan"), float("inf")]
    values.append({str(n): n for n in range(1000)})
    for value in values:
        assert len(json.dumps(plain(value), allow_nan=False)) < 5000
    assert plain(list(range(25)))[-1] == "... and 5 more"  # type: ignore[index]
    assert plain(b"abc") == "<3 bytes>"


def test_anything_can_be_shown() -> None:
    """Random nests of everything."""
    seed = random.SystemRandom().randrange(2**32)
    dice = random.Random(seed)

    def some(depth: int) -> object:
        leaves = [
            1,
            2.5,
            None,
            True,
            "t",
            b"b",
            Colour.RED,
            Opaque(),
            KILLED,
            Grant("a", "b"),
            object,
        ]
        if depth == 0 or dice.random() < 0.3:
            return dice.choice(leaves)
        inner = [some(depth - 1) for _ in range(dice.randrange(5))]
        return dice.choice(
            [inner, tuple(inner), dict(enumerate(inner)), {"token": inner}, {"token": "hunter2"}]
        )

    for _ in range(200):
        assert "hunter2" not in json.dumps(plain(some(7)), allow_nan=False), seed

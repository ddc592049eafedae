"""Ids, states, capabilities, artifacts: laws of the values."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.artifact import Kind, location_of
from actors.domain.build import ACTIVE, FINISHED, TRANSITIONS, Platform, Status, Step
from actors.domain.ids import is_build_id, is_worker_id, new_id, new_token, token_hash
from actors.domain.worker import Serves, serves

ALPHABET = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def test_new_ids_fit_builds_and_workers_and_differ() -> None:
    """All characters of the alphabet occur, nothing else, and no id comes twice."""
    ids = [new_id() for _ in range(5000)]
    assert len(set(ids)) == len(ids)
    assert all(is_build_id(one) and is_worker_id(one) for one in ids)
    assert set("".join(ids)) == ALPHABET


def test_tokens_are_long_and_kept_as_hashes() -> None:
    """43 characters of base64url; the hash has 32 bytes and does not contain them."""
    tokens = [new_token() for _ in range(1000)]
    assert len(set(tokens)) == len(tokens)
    assert {len(token) for token in tokens} == {43}
    assert all(set(token) <= ALPHABET for token in tokens)
    assert {len(token_hash(token)) for token in tokens} == {32}


@given(st.text(max_size=140))
def test_an_id_is_nothing_but_its_alphabet(text: str) -> None:
    """Other characters, lengths and line ends are no ids."""
    assert is_worker_id(text) == (1 <= len(text) <= 128 and set(text) <= ALPHABET)
    assert is_build_id(text) == (len(text) == 21 and set(text) <= ALPHABET)


@pytest.mark.parametrize("text", ["a" * 21 + "\n", "a" * 20 + "é", "../" + "a" * 18, "a" * 22])
def test_what_looks_like_an_id_is_none(text: str) -> None:
    """A trailing line end in particular."""
    assert not is_build_id(text)


def test_finished_builds_stay_finished() -> None:
    """No step leaves a final state, and every final state has no step."""
    assert {state for state, _ in TRANSITIONS} == set(Status) - FINISHED
    assert not ACTIVE & FINISHED
    assert ACTIVE | FINISHED | {Status.PENDING} == set(Status)


def test_every_state_is_reached_from_the_queue_and_can_end() -> None:
    """No state is dead, none is a trap."""
    reached, todo = {Status.PENDING}, deque([Status.PENDING])
    while todo:
        here = todo.popleft()
        for (state, _), to in TRANSITIONS.items():
            if state is here and to not in reached:
                reached.add(to)
                todo.append(to)
    assert reached == set(Status)
    for state in set(Status) - FINISHED:
        assert {to for (here, _), to in TRANSITIONS.items() if here is state} & FINISHED


def test_only_active_builds_are_lost_and_only_waiting_ones_claimed() -> None:
    """The steps of the controller itself fit the states they are about."""
    froms = {step: {s for s, one in TRANSITIONS if one is step} for step in Step}
    assert froms[Step.CLAIM] == {Status.PENDING}
    assert froms[Step.LOSE] == froms[Step.GIVE_UP] == froms[Step.SIGN_OF_LIFE] == set(ACTIVE)
    everything = set(Status) - FINISHED
    for step in (Step.COMPLETE, Step.FAIL, Step.CANCEL):
        assert froms[step] == everything
    for (_, step), to in TRANSITIONS.items():
        assert (to is Status.COMPLETED) == (step is Step.COMPLETE)


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({}, Serves.ANY),
        (None, Serves.ANY),
        ([], Serves.ANY),
        ({"platforms": []}, Serves.ANY),
        ({"platforms": "ios"}, Serves.ANY),
        ({"platforms": ["ios"]}, Serves.IOS),
        ({"platforms": ["iOS", "ios"]}, Serves.IOS),
        ({"platforms": ["android", "windows"]}, Serves.ANDROID),
        ({"platforms": ["android", "ios"]}, Serves.ANY),
        ({"platforms": ["windows"]}, Serves.NONE),
        ({"platforms": [None, 3, {}]}, Serves.NONE),
    ],
)
def test_what_a_worker_serves_is_read_from_its_platforms(
    capabilities: object, expected: Serves
) -> None:
    """None listed means any; unknown ones are ignored."""
    assert serves(capabilities) is expected


@given(JSON, st.lists(st.sampled_from(["ios", "android", "IOS", "tv"])))
def test_any_capabilities_can_be_read(capabilities: object, platforms: list[str]) -> None:
    """Whatever JSON a worker sends, the answer is one of four; order does not matter."""
    assert serves(capabilities) in set(Serves)
    forwards, backwards = platforms, platforms[::-1]
    assert serves({"platforms": forwards}) is serves({"platforms": backwards})


@given(st.sampled_from(Kind), st.builds(new_id))
def test_a_location_stays_below_its_kind(kind: Kind, artifact_id: str) -> None:
    """Three parts, none of which leaves the folder."""
    parts = location_of(kind, artifact_id).split("/")
    assert parts == [kind.value, artifact_id[:2].lower(), artifact_id]


def test_results_are_named_by_their_platform() -> None:
    """What a browser saves."""
    assert {platform: platform.extension for platform in Platform} == {
        Platform.IOS: "ipa",
        Platform.ANDROID: "apk",
    }

"""Specs and flags: defaults, and bad values that are refused before anything starts."""

from __future__ import annotations

import math
from typing import Any

import pytest

from supervisors.dynamic import dynamic_supervisor
from supervisors.errors import SpecError
from supervisors.process import Process
from supervisors.spec import (
    BRUTAL_KILL,
    INFINITY,
    Budget,
    ChildKind,
    ChildSpec,
    Restart,
    check_child_specs,
)
from supervisors.supervisor import supervisor


async def body(process: Process) -> None:
    """Do nothing."""
    process.started()


def test_otp_002_defaults_of_an_actor_are_permanent_and_five_seconds() -> None:
    """As in OTP."""
    spec = ChildSpec(id="a", start=body)
    assert (spec.restart, spec.kind, spec.stop_limit) == (Restart.PERMANENT, ChildKind.ACTOR, 5.0)


def test_otp_002_default_limit_of_a_supervisor_is_infinity_by_its_declared_kind() -> None:
    """What counts is the kind in the spec."""
    assert supervisor("s", []).stop_limit == INFINITY
    assert dynamic_supervisor("d").stop_limit == INFINITY
    assert ChildSpec(id="a", start=body, kind=ChildKind.SUPERVISOR).stop_limit == INFINITY
    assert supervisor("s", [], shutdown=2.0).stop_limit == 2.0


def test_default_budget_is_one_restart_in_five_seconds() -> None:
    """As in OTP."""
    assert (Budget().intensity, Budget().period) == (1, 5.0)


@pytest.mark.parametrize("shutdown", [0, 0.5, 3600, INFINITY, BRUTAL_KILL])
def test_good_shutdown_is_kept(shutdown: Any) -> None:
    """Zero, seconds, infinity and brutal kill."""
    assert ChildSpec(id="a", start=body, shutdown=shutdown).stop_limit == shutdown


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("id", value) for value in ("", "a/b", None, [])],
        *[("start", value) for value in (None, "body")],
        *[("restart", value) for value in ("permanent", None)],
        *[("kind", value) for value in ("actor", None)],
        *[("shutdown", value) for value in (-1, -0.1, math.nan, "5", True, -math.inf)],
    ],
)
def test_otp_004_bad_child_spec_names_the_field(field: str, value: object) -> None:
    """And the value."""
    good: dict[str, Any] = {"id": "a", "start": body}
    with pytest.raises(SpecError) as caught:
        ChildSpec(**{**good, field: value})
    assert caught.value.field == field
    assert caught.value.value is value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("intensity", value) for value in (-1, 1.5, True, "1", math.inf)],
        *[("period", value) for value in (0, -1, math.inf, math.nan)],
    ],
)
def test_otp_003_bad_budget_names_the_field(field: str, value: object) -> None:
    """Whole intensity of 0 or more, positive and finite period."""
    with pytest.raises(SpecError) as caught:
        Budget(**{field: value})  # type: ignore[arg-type]
    assert caught.value.field == field


@pytest.mark.parametrize("bad", [{"id": "a"}, {"start": body}, {"id": "a", "start": body, "x": 1}])
def test_otp_005_008_missing_and_unknown_fields_raise(bad: dict[str, Any]) -> None:
    """Typed specs do not guess."""
    with pytest.raises(TypeError):
        ChildSpec(**bad)


def test_two_children_with_one_id_are_refused_where_the_tree_is_written() -> None:
    """Nothing has been started by then; the error carries the id."""
    twins = [ChildSpec(id="a", start=body), ChildSpec(id="a", start=body)]
    for refuse in (lambda: supervisor("s", twins), lambda: check_child_specs(twins)):
        with pytest.raises(SpecError) as caught:
            refuse()
        assert (caught.value.field, caught.value.value) == ("id", "a")


def test_otp_007_same_id_under_two_supervisors_is_fine() -> None:
    """Ids are unique per supervisor."""
    child = ChildSpec(id="a", start=body)
    supervisor("root", [supervisor("s", [child]), supervisor("t", [child])])


def test_bad_strategy_and_bad_bound_are_refused() -> None:
    """Also where the tree is written."""
    with pytest.raises(SpecError, match="strategy"):
        supervisor("s", [], strategy="one_for_one")  # type: ignore[arg-type]
    for bound in (-1, math.nan):
        with pytest.raises(SpecError, match="max_children"):
            dynamic_supervisor("d", max_children=bound)

"""The table of mutants keeps up with the code."""

from __future__ import annotations

import ast
from collections import Counter

import pytest

from tests.mutation.run import ROOT
from tests.mutation.table import MUTANTS, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_changes_one_place_and_still_is_python(mutant: Mutant) -> None:
    """What it replaces stands there once, and what comes out can be compiled."""
    text = (ROOT / mutant.file).read_text(encoding="utf-8")
    assert text.count(mutant.old) == 1
    ast.parse(text.replace(mutant.old, mutant.new))


def test_mutants_have_names_of_their_own() -> None:
    """So that one can be run alone."""
    assert max(Counter(mutant.name for mutant in MUTANTS).values()) == 1
    assert len(MUTANTS) >= 60

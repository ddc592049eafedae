"""The table tells what is covered, failing, left out and missing, and is not fooled."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.otp import table
from tests.otp.statements import GROUPS, LEFT_OUT, STATEMENTS
from tests.otp.table import Outcomes, lines_of, named_tests, numbers_of, rows, strangers, verdict

HERE = Path(__file__).parent


def test_the_statements_are_all_there_once_and_in_order() -> None:
    """287: 175 that must hold, 92 that should, 20 that may."""
    assert list(STATEMENTS) == list(range(1, 288))
    levels = [statement.level for statement in STATEMENTS.values()]
    assert [levels.count(level) for level in ("M", "S", "O")] == [175, 92, 20]
    assert {statement.group for statement in STATEMENTS.values()} == set(GROUPS)


def test_nothing_that_must_hold_is_left_out_and_every_reason_is_written() -> None:
    """A reason is a sentence."""
    assert all(STATEMENTS[number].level != "M" for number in LEFT_OUT)
    assert all(len(reason.split()) > 3 for reason in LEFT_OUT.values())


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("test_otp_041_one", [41]),
        ("test_otp_041_042_two", [41, 42]),
        ("test_otp_041", []),
        ("test_otp_41_short", []),
        ("test_other_041_name", []),
    ],
)
def test_a_test_shows_the_numbers_in_its_name(name: str, numbers: list[int]) -> None:
    """One or several, of three digits."""
    assert numbers_of(name) == numbers


def test_tests_are_found_by_name_in_the_source(tmp_path: Path) -> None:
    """Async or not; files without any are not listed."""
    (tmp_path / "test_a.py").write_text(
        "def test_otp_001_x(): ...\nasync def test_otp_999_y(): ...\ndef test_z(): ...\n"
    )
    (tmp_path / "test_b.py").write_text("def test_z(): ...\n")
    found = named_tests(sorted(tmp_path.glob("*.py")))
    assert found == {tmp_path / "test_a.py": ["test_otp_001_x", "test_otp_999_y"]}
    assert strangers(found) == ["test_otp_999_y"]


def test_a_statement_fails_with_any_of_its_tests_and_a_skipped_one_shows_nothing() -> None:
    """An optional one that is missing is not bad; one that must hold is."""
    file = HERE / "test_x.py"
    names = ["test_otp_001_a", "test_otp_001_b", "test_otp_002_c", "test_otp_003_d"]
    outcomes = Outcomes()
    for name, ended in zip(names, ["passed", "failed", "passed", "skipped"], strict=True):
        outcomes.by_name["tests/otp/test_x.py", name] = ended
    found = rows({file: names}, outcomes)
    states = {number: found[number].state for number in (1, 2, 3, 14, 186)}
    assert states == {1: "failing", 2: "covered", 3: "missing", 14: "optional", 186: "left out"}
    assert [found[number].is_bad for number in (1, 2, 3, 14, 186)] == [
        True,
        False,
        True,
        False,
        False,
    ]
    assert found[1].failing == ["tests/otp/test_x.py::test_otp_001_b"]
    text = "\n".join(lines_of("A", found, full=False))
    assert "1 of 14   failing: 001M   missing: 003M" in text
    assert verdict(found).startswith("otp: M 1 of 175, S 0 of 92, O 0 of 20; ")


def test_the_tests_are_run_and_their_worst_case_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A failing case of many, and a file that cannot be read."""
    tests = tmp_path / "tests"
    tests.mkdir()
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    (tests / "test_good.py").write_text(
        "import pytest\n"
        "def test_otp_001_good(): ...\n"
        "@pytest.mark.parametrize('x', [1, 2])\n"
        "def test_otp_002_half(x): assert x == 1\n"
        "def test_other(): raise AssertionError\n"
    )
    (tests / "test_broken.py").write_text("import nothing_like_it\ndef test_otp_003_x(): ...\n")
    monkeypatch.setattr(table, "TESTS", tests)
    monkeypatch.chdir(tmp_path)
    assert table.main(["A"]) == 1
    said = capsys.readouterr().out
    assert "1 of 14   failing: 002M" in said
    assert "fails: tests/test_good.py::test_otp_002_half" in said
    assert "cannot be run: tests/test_broken.py" in said
    assert "test_other" not in said

"""Where settings come from, and what is said of those that cannot be used."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.run import make_plan, where_is_the_database
from controller.settings import SETTINGS, SettingError, Settings, read_settings

SECRET = "s3cr3t"  # noqa: S105 - looked for in errors
BAD = {
    "port": ("0", "65536", "-1", "80a", "٣", "8" * 5000),
    "api_key": ("short", "x" * 15, "sixteen umlauts äöü", "sixteen\nand more lines"),
    "pool_size": ("0", "-1", "1.5", "many", "²"),
    "max_attempts": ("0", "x"),
    "silent_seconds": ("-1", "nan", "inf", "soon", "1e10"),
    "first_sign_seconds": ("-1",),
    "sweep_seconds": ("0", "0.001", "-1", "nan"),
    "poll_hold_seconds": ("61", "-1", "nan"),
    "stop_seconds": ("-0.1", "1s"),
    "log_format": ("xml",),
    "log_level": ("loud", "INFO"),
    "storage_url": ("s3://key:secret@bucket", "file:", "file://host/folder", "http://[", "ftp:x"),
}


def file_of(folder: Path, text: str) -> dict[str, str]:
    """Write a file of settings; returns the environment that names it."""
    path = folder / "controller.toml"
    path.write_text(text, encoding="utf-8")
    return {"CONTROLLER_CONFIG": str(path)}


def sentence(flags: dict[str, str | None], environment: dict[str, str]) -> str:
    """Return what is said of settings that cannot be used."""
    with pytest.raises(SettingError) as caught:
        read_settings(flags, environment)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_every_row_has_a_field_and_every_field_a_row() -> None:
    """The table and the class tell the same settings, in the same order, each once."""
    fields = [field.name for field in dataclasses.fields(Settings)]
    assert [setting.name for setting in SETTINGS] == fields
    variables = [setting.variable for setting in SETTINGS]
    assert len(set(variables)) == len(variables)
    assert all(setting.means.endswith(".") for setting in SETTINGS)


def test_defaults_are_what_the_table_says() -> None:
    """Nothing set: every value is its row's default, and that fits the field's type."""
    settings = read_settings({}, {})
    for setting in SETTINGS:
        assert getattr(settings, setting.name) == setting.default
    assert settings.storage_dir == Path("data/storage")


def test_a_flag_beats_the_environment_which_beats_the_file(tmp_path: Path) -> None:
    """For the same setting the nearest place counts."""
    around = file_of(tmp_path, "port = 1001\n")
    assert read_settings({}, around).port == 1001
    around["PORT"] = "1002"
    assert read_settings({"port": None}, around).port == 1002
    assert read_settings({"port": "1003"}, around).port == 1003


def test_an_empty_variable_is_an_unset_one(tmp_path: Path) -> None:
    """`PORT= expo-controller` means the file's or the default."""
    assert read_settings({}, {"PORT": "", "CONTROLLER_CONFIG": ""}).port == 3000
    assert read_settings({}, {**file_of(tmp_path, "port = 1"), "PORT": ""}).port == 1


def test_a_file_holds_every_setting(tmp_path: Path) -> None:
    """Numbers and texts of TOML are read as their variables would be."""
    text = """
        port = 4000
        host = "127.0.0.1"
        data_dir = "/srv/expo"
        api_key = "sixteen characters"
        silent_seconds = 1.5
        log_level = "debug"
    """
    settings = read_settings({}, file_of(tmp_path, text))
    assert (settings.port, settings.host, settings.silent_seconds) == (4000, "127.0.0.1", 1.5)
    assert settings.storage_dir == Path("/srv/expo/storage")
    assert settings.log_level == "debug"


@pytest.mark.parametrize(
    ("name", "text"), [(n, text) for n, texts in BAD.items() for text in texts]
)
def test_a_value_that_cannot_be_used_is_one_sentence(name: str, text: str, tmp_path: Path) -> None:
    """It names the place and the rule, and never repeats the value."""
    setting = next(setting for setting in SETTINGS if setting.name == name)
    flag = f"--{name.replace('_', '-')}"
    said = sentence({name: text}, {})
    assert said.startswith(f"{flag}: ")
    assert sentence({}, {setting.variable: text}).startswith(f"{setting.variable}: ")
    if text.isprintable():
        around = file_of(tmp_path, f"{name} = '{text}'\n")
        assert sentence({}, around).startswith(f"{name} in {around['CONTROLLER_CONFIG']}: ")
    if len(text) > len("ftp:x"):
        assert text not in said


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("prot = 3000\n", "unknown setting 'prot'"),
        ("[server]\nport = 3000\n", "unknown setting 'server'"),
        (f"api_key = '{SECRET}\n", "is not TOML"),
        ("port = \xff\n".encode("latin-1").decode("latin-1"), "is not TOML"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(tmp_path: Path, text: str, why: str) -> None:
    """It names the file and what is wrong with it."""
    around = file_of(tmp_path, text)
    said = sentence({}, around)
    assert why in said
    assert around["CONTROLLER_CONFIG"] in said
    assert SECRET not in said


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    """Whoever names a file wants it to be read."""
    said = sentence({}, {"CONTROLLER_CONFIG": str(tmp_path / "no")})
    assert said.endswith("cannot be read: No such file or directory")
    assert "cannot be read" in sentence({}, {"CONTROLLER_CONFIG": str(tmp_path)})


@pytest.mark.parametrize(
    ("storage", "expected"),
    [
        ({"STORAGE_PATH": "/a b"}, "/a b"),
        ({"STORAGE_URL": "file:/a%20b"}, "/a b"),
        ({"STORAGE_URL": "file:///c"}, "/c"),
        ({"STORAGE_URL": "file:relative/d"}, "relative/d"),
        ({"STORAGE_URL": "/plain"}, "/plain"),
        ({"STORAGE_URL": "file:/one", "STORAGE_PATH": "/two"}, "/two"),
    ],
)
def test_the_storage_can_be_named_in_several_ways(storage: dict[str, str], expected: str) -> None:
    """As an address or as a folder."""
    assert read_settings({}, storage).storage_dir == Path(expected)


def test_settings_can_be_printed() -> None:
    """No secret is in their picture."""
    around = {
        "CONTROLLER_API_KEY": f"{SECRET} and some more",
        "DATABASE_URL": f"postgresql://u:{SECRET}@h/d",
    }
    settings = read_settings({}, around)
    assert SECRET not in repr(settings)
    assert SECRET not in repr(make_plan(settings))


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://u:{SECRET}@h/d",
        SECRET,
        f"postgresql://u:{SECRET}@h:port/d",
        f"postgresql://u:{SECRET}#1@h/d",
        f"postgresql://u:1/{SECRET}@h/d",
        f"postgresql://[u:{SECRET}@h/d",
    ],
)
def test_an_address_that_is_none_is_refused_without_its_password(url: str) -> None:
    """Also when the password has characters that cut the address in two."""
    with pytest.raises(SettingError) as caught:
        where_is_the_database(read_settings({}, {"DATABASE_URL": url}))
    assert str(caught.value).startswith("DATABASE_URL: ")
    assert SECRET not in str(caught.value)


def test_people_are_told_where_the_database_is_but_not_the_password() -> None:
    """Host, port and name; a local socket is called one."""
    around = {"DATABASE_URL": f"postgres://u:{SECRET}%40@db.example:5433/expo?sslmode=require"}
    cluster, options = where_is_the_database(read_settings({}, around))
    assert cluster is None
    assert options.where == "db.example:5433/expo"
    assert SECRET not in repr(options)
    _, options = where_is_the_database(read_settings({}, {"DATABASE_URL": "postgresql:///expo"}))
    assert options.where == "local socket/expo"


@given(st.dictionaries(st.sampled_from([s.name for s in SETTINGS]), st.text(max_size=30)))
def test_whatever_is_set_is_used_or_refused(flags: dict[str, str]) -> None:
    """No text at all brings another error than the one for operators."""
    try:
        settings = read_settings(dict(flags), {})
        where_is_the_database(settings)
    except SettingError:
        pass

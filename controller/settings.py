"""Every setting, a row each: name, variable, default, meaning; `docs/settings.md` prints them.

A flag beats the environment, which beats the file named by `CONTROLLER_CONFIG` (TOML, keys as
below). Nothing else of the program reads the environment.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from actors.watchdog.notify import Notifier
from controller.limits import LIMITS, LimitSettings
from controller.setting import Setting, count, interval, seconds, whole

CONFIG_VARIABLE = "CONTROLLER_CONFIG"
SHORTEST_KEY = 16
HIGHEST_PORT = 65535
OBJECT_STORES = frozenset({"s3", "gs", "az"})
DEFAULT_BASE_IMAGE = "ghcr.io/sethwebster/expo-free-agent-base:0.1.23"


class SettingError(Exception):
    """A setting cannot be used; the text is a sentence for the operator."""


def _text(text: str) -> str:
    return text


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdigit() else -1
    if not 1 <= port <= HIGHEST_PORT:
        raise ValueError(f"a port is a number from 1 to {HIGHEST_PORT}")
    return port


def _key(text: str) -> str:
    if len(text) < SHORTEST_KEY:
        raise ValueError(f"an API key has at least {SHORTEST_KEY} characters")
    if not (text.isascii() and text.isprintable()):
        raise ValueError("an API key is made of printable ASCII characters")
    return text


def _hold(text: str) -> float:
    value = seconds(text)
    if value > 60:  # noqa: PLR2004 - as for `wait` on the wire
        raise ValueError("must be 60 seconds at most")
    return value


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return text

    return read


def _storage(text: str) -> Path | str:
    try:
        parts = urlsplit(text)
    except ValueError:  # may quote the text
        raise ValueError("it is not an address") from None
    if parts.scheme in OBJECT_STORES:
        if "@" in text or "?" in text or "#" in text or not parts.netloc:
            raise ValueError("must be SCHEME://BUCKET/PREFIX; credentials have other variables")
        return text.rstrip("/")
    if parts.scheme not in {"file", ""} or parts.netloc not in {"", "localhost"} or not parts.path:
        raise ValueError("must be file:FOLDER, s3://BUCKET, gs://BUCKET or az://CONTAINER")
    return Path(unquote(parts.path))


def _folder(text: str) -> Path:
    if "://" in text:
        raise ValueError("is a folder; an address goes into STORAGE_URL")
    return Path(text)


SETTINGS: tuple[Setting, ...] = (
    *LIMITS,
    Setting("port", "PORT", 3000, _port, "Port that HTTP listens on."),
    Setting("host", "HOST", "", _text, "Address to listen on; empty is all interfaces."),
    Setting(
        "data_dir", "DATA_DIR", Path("data"), Path, "Folder of the database, artifacts and API key."
    ),
    Setting(
        "database_url",
        "DATABASE_URL",
        None,
        _text,
        "PostgreSQL 14 or newer, as `postgresql://user:password@host/name`. "
        "Unset: an embedded server under the data folder.",
    ),
    Setting(
        "storage_url",
        "STORAGE_URL",
        None,
        _storage,
        "Where artifacts lie: `file:FOLDER`, or an object store as `s3://BUCKET/PREFIX`, `gs://…` "
        "or `az://…`, see [artifacts](artifacts.md). Unset: `storage` in the data folder.",
    ),
    Setting("storage_path", "STORAGE_PATH", None, _folder, "The same as a plain folder."),
    Setting(
        "storage_reserve_mb",
        "STORAGE_RESERVE_MB",
        256,
        whole,
        "Mebibytes that uploads leave free on the disk of the artifacts; others get 507.",
    ),
    Setting(
        "api_key",
        "CONTROLLER_API_KEY",
        None,
        _key,
        "Key of CLIs and workers, 16 characters or more. Unset: made at the first start and kept "
        "in `api-key` in the data folder.",
    ),
    Setting(
        "base_image_id", "BASE_IMAGE_ID", DEFAULT_BASE_IMAGE, _text, "Image that workers build in."
    ),
    Setting("nodes", "NODES", 1, count, "Processes that serve the port together."),
    Setting("pool_size", "POOL_SIZE", 4, count, "Connections to the database."),
    Setting("max_attempts", "MAX_ATTEMPTS", 3, count, "How often a lost build is tried in all."),
    Setting(
        "silent_seconds",
        "BUILD_SILENT_SECONDS",
        120.0,
        seconds,
        "A build without a sign of life for so long is lost.",
    ),
    Setting(
        "first_sign_seconds",
        "BUILD_FIRST_SIGN_SECONDS",
        600.0,
        seconds,
        "How long an assigned build may take until its first sign of work.",
    ),
    Setting(
        "sweep_seconds", "SWEEP_SECONDS", 10.0, interval, "How often lost builds are looked for."
    ),
    Setting(
        "poll_hold_seconds",
        "POLL_HOLD_SECONDS",
        0.0,
        _hold,
        "How long a poll without `wait` is held when there is no work, 60 at most.",
    ),
    Setting(
        "stop_seconds",
        "STOP_SECONDS",
        10.0,
        seconds,
        "How long requests in hand may take when the controller stops.",
    ),
    Setting(
        "debug_actions",
        "DEBUG_ACTIONS",
        "local",
        _one_of("on", "local", "off"),
        "Who may kill, restart, suspend and trace under `/debug`, the API key given: everybody "
        "(`on`), this machine only (`local`), nobody (`off`).",
    ),
    Setting(
        "postgres_bin",
        "POSTGRES_BIN",
        None,
        Path,
        "Folder of `postgres` and `initdb` for the embedded server. Unset: the packaged ones.",
    ),
    Setting(
        "log_format",
        "LOG_FORMAT",
        "auto",
        _one_of("auto", "console", "json"),
        "`console` for people, `json` for machines; `auto` looks whether stderr is a terminal.",
    ),
    Setting(
        "log_level",
        "LOG_LEVEL",
        "info",
        _one_of("debug", "info", "warning", "error"),
        "Least important line that is logged.",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(LimitSettings):
    """All settings, checked; a field for every row of `SETTINGS`."""

    port: int
    host: str
    data_dir: Path
    database_url: str | None = field(repr=False)
    storage_url: Path | str | None
    storage_path: Path | None
    storage_reserve_mb: int
    api_key: str | None = field(repr=False)
    base_image_id: str
    nodes: int
    pool_size: int
    max_attempts: int
    silent_seconds: float
    first_sign_seconds: float
    sweep_seconds: float
    poll_hold_seconds: float
    stop_seconds: float
    debug_actions: str
    postgres_bin: Path | None
    log_format: str
    log_level: str

    @property
    def storage(self) -> Path | str:
        """Where the artifacts lie: a folder, or the address of an object store."""
        return self.storage_path or self.storage_url or self.data_dir / "storage"

    @property
    def storage_dir(self) -> Path:
        """The folder of the artifacts; `SettingError` when they are in an object store."""
        if isinstance(self.storage, str):
            raise SettingError("STORAGE_URL: this only works with artifacts in a folder")
        return self.storage


def read_settings(
    flags: Mapping[str, str | None], environment: Mapping[str, str] | None = None
) -> Settings:
    """Merge flags, environment and file; `SettingError` names the setting and where it stood."""
    around = os.environ if environment is None else environment
    filed = _read_file(around.get(CONFIG_VARIABLE))
    values: dict[str, object] = {}
    for setting in SETTINGS:
        places = (
            (f"--{setting.name.replace('_', '-')}", flags.get(setting.name)),
            (setting.variable, around.get(setting.variable) or None),
            (f"{setting.name} in {around.get(CONFIG_VARIABLE)}", filed.get(setting.name)),
        )
        values[setting.name] = setting.default
        for where, text in places:
            if text is not None:
                values[setting.name] = _read(setting, where, text)
                break
    return Settings(**values)  # pyright: ignore[reportArgumentType] - the table is the proof


def as_environment(settings: Settings, api_key: str) -> dict[str, str]:
    """Return the environment in which another process of this program reads the same settings."""
    told = {
        setting.variable: str(value)
        for setting in SETTINGS
        if (value := getattr(settings, setting.name)) is not None and value != ""
    }
    kept = {name: value for name, value in os.environ.items() if name != CONFIG_VARIABLE}
    return {**kept, **told, "CONTROLLER_API_KEY": api_key, "NODES": "1"}


def take_notifier() -> Notifier:
    """Read where the service manager listens, and take it away from programs that we start."""
    address = os.environ.pop("NOTIFY_SOCKET", "")
    micros = os.environ.pop("WATCHDOG_USEC", "")
    watched = os.environ.pop("WATCHDOG_PID", "") in {"", str(os.getpid())}
    seconds = int(micros) / 1e6 if micros.isdecimal() and watched else 0.0
    return Notifier(address, seconds)


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a node has from the front process: descriptors of its line and the sockets, its life."""

    line: int
    sockets: tuple[int, ...]
    life: int


def read_inherited(line_variable: str, sockets_variable: str, life_variable: str) -> Inherited:
    """Read what `actors.node` put into the environment; `SettingError` when it is not there."""
    try:
        fds = os.environ[sockets_variable].split(",")
        life = int(os.environ[life_variable])
        return Inherited(int(os.environ[line_variable]), tuple(int(fd) for fd in fds), life)
    except (KeyError, ValueError):
        raise SettingError("a node is started by `start`, never by hand") from None


def _read(setting: Setting, where: str, text: str) -> object:
    try:
        return setting.read(text)
    except ValueError as error:
        raise SettingError(f"{where}: {error}") from None  # never the value: it may be a secret


def _read_file(name: str | None) -> Mapping[str, str]:
    if not name:
        return {}
    try:
        with Path(name).open("rb") as file:
            found = tomllib.load(file)
    except OSError as error:
        raise SettingError(f"{CONFIG_VARIABLE}: {name} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{CONFIG_VARIABLE}: {name} is not TOML: {error}") from None
    known = {setting.name for setting in SETTINGS}
    for key in found:
        if key not in known:
            raise SettingError(f"{CONFIG_VARIABLE}: {name} has an unknown setting {key!r}")
    return {key: str(value) for key, value in found.items()}

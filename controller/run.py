"""From settings to a running tree and its exit code; signals are handled here and nowhere else."""

from __future__ import annotations

import resource
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, suppress
from enum import IntEnum
from urllib.parse import urlsplit

import structlog
import trio

from actors.heartbeat_monitor.state import Rules
from actors.postgres.cluster import Cluster
from actors.postgres.lock import data_lock
from actors.store.database import ConnectOptions
from api.server.listen import bind
from controller.host import SETUP_ERRORS, host
from controller.keys import ApiKey, api_key
from controller.parts import Parts
from controller.settings import SettingError, Settings
from controller.tree import Plan, tree
from supervisors.errors import StartError
from supervisors.exits import ExitReason
from supervisors.process import Process, Runtime

log = structlog.get_logger()


class Exit(IntEnum):
    """Exit codes of the program."""

    STOPPED = 0
    NOT_STARTED = 1
    GAVE_UP = 3


class SetupError(Exception):
    """The controller cannot start; the text is a sentence for the operator."""


def run_controller(settings: Settings, on_up: Callable[[Parts, ApiKey, Plan], None]) -> Exit:
    """Run until a signal or until the tree gives up; `on_up` is called when all is up.

    Raises `SetupError` when it could not start.
    """
    try:
        with ExitStack() as held:
            return _run(settings, on_up, held)
    except SETUP_ERRORS as error:
        raise SetupError(str(error)) from error
    except StartError as error:
        log.error("controller.start_failed", path=error.path, exc_info=error)  # noqa: TRY400 - a bug
        raise SetupError(f"{error}; this is a bug, the log above has its trace") from error


def _allow_connections() -> None:
    """Raise the limit of open descriptors to what the system allows us: each client takes one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):  # macOS names no limit, and then refuses it
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _run(settings: Settings, on_up: Callable[[Parts, ApiKey, Plan], None], held: ExitStack) -> Exit:
    _allow_connections()
    if settings.database_url is None:
        held.enter_context(data_lock(settings.data_dir))
    sockets = bind(settings.host, settings.port)
    for listening in sockets:
        held.callback(listening.close)
    key = api_key(settings.api_key, settings.data_dir)
    plan = make_plan(settings)
    parts = Parts.of(settings, key.value, sockets)
    reason = trio.run(_main, parts, plan, lambda: on_up(parts, key, plan))
    if parts.condition.stop_asked:
        log.info("controller.stopped", reason=str(reason))
        return Exit.STOPPED
    log.error("controller.gave_up", reason=str(reason))
    return Exit.GAVE_UP


def make_plan(settings: Settings) -> Plan:
    """Decide which database it is, and how lost builds are judged."""
    rules = Rules(
        silent=settings.silent_seconds,
        first_sign=settings.first_sign_seconds,
        max_attempts=settings.max_attempts,
        sweep=settings.sweep_seconds,
    )
    cluster, connect = where_is_the_database(settings)
    return Plan(cluster=cluster, connect=connect, connections=settings.pool_size, rules=rules)


def where_is_the_database(settings: Settings) -> tuple[Cluster | None, ConnectOptions]:
    """Return the embedded cluster (None when there is a server of its own) and how to connect."""
    if settings.database_url is None:
        cluster = Cluster(folder=settings.data_dir, binaries=settings.postgres_bin)
        where = f"embedded PostgreSQL in {cluster.data}"
        return cluster, ConnectOptions(where=where, arguments=cluster.connect_arguments())
    try:
        parts = urlsplit(settings.database_url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise SettingError("DATABASE_URL: it is not an address") from None
    if parts.scheme not in {"postgres", "postgresql"}:
        raise SettingError("DATABASE_URL: must begin with postgresql://")
    if parts.fragment or "@" in parts.path:  # what is left of a password with such characters
        raise SettingError("DATABASE_URL: write # / ? @ in user or password as %23 %2F %3F %40")
    where = f"{parts.hostname or 'local socket'}{port}{parts.path}"
    return None, ConnectOptions(where=where, arguments={"dsn": settings.database_url})


async def _main(parts: Parts, plan: Plan, on_up: Callable[[], None]) -> ExitReason:
    def up(root: Process) -> None:
        parts.condition.root = root
        on_up()

    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:

        async def watch(scope: trio.CancelScope) -> None:
            await _stop_on_signal(parts, signals, scope)

        return await host(tree(parts, plan), Runtime(parts.emit), up, watch)


async def _stop_on_signal(
    parts: Parts, signals: AsyncIterator[int], scope: trio.CancelScope
) -> None:
    """Begin an ordered stop at the first signal; the second one waits for nothing."""
    async for number in signals:
        root = parts.condition.root
        again = parts.condition.stop_asked
        parts.condition.stop_asked = True
        log.info("controller.stopping", signal=signal.Signals(number).name, at_once=again)
        if root is None:
            scope.cancel()
        elif again:
            root.kill()
        else:
            root.shutdown()

"""From settings to a running tree and its exit code; signals are handled here and nowhere else."""

from __future__ import annotations

import gc
import resource
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from enum import IntEnum
from urllib.parse import urlsplit

import structlog
import trio

from actors.heartbeat_monitor.state import Rules
from actors.node.lifeline import say_no, say_up, wait_for_end
from actors.postgres.cluster import Cluster
from actors.postgres.lock import data_lock
from actors.store.database import ConnectOptions
from actors.watchdog.notify import READY, STOPPING
from api.server.listen import bind
from controller.front import Front
from controller.host import SETUP_ERRORS, Beside, Control, host
from controller.keys import ApiKey, api_key
from controller.parts import Parts
from controller.rolling import roll
from controller.settings import Inherited, SettingError, Settings, take_notifier
from controller.tree import Plan, tree
from supervisors.errors import StartError
from supervisors.exits import ExitReason
from supervisors.farewell import explain_shutdown
from supervisors.process import Process, Runtime
from supervisors.spec import ChildSpec

log = structlog.get_logger()


OnUp = Callable[[Settings, ApiKey, str], None]
"""Told when all is up, with where the database is."""


RECOVERY_SECONDS = 60.0
"""How long a start waits for a database that is known to be ours and may be recovering."""


class Exit(IntEnum):
    """Exit codes of the program."""

    STOPPED = 0
    NOT_STARTED = 1
    GAVE_UP = 3


class SetupError(Exception):
    """The controller cannot start; the text is a sentence for the operator."""


def run_controller(settings: Settings, on_up: OnUp) -> Exit:
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


def _calm_the_collector() -> None:
    """Look for garbage less often: what a request leaves behind is freed by its counts."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _allow_connections() -> None:
    """Raise the limit of open descriptors to what the system allows us: each client takes one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):  # macOS names no limit, and then refuses it
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _run(settings: Settings, on_up: OnUp, held: ExitStack) -> Exit:
    _allow_connections()
    if settings.database_url is None:
        held.enter_context(data_lock(settings.data_dir))
    sockets = bind(settings.host, settings.port)
    for listening in sockets:
        held.callback(listening.close)
    key = api_key(settings.api_key, settings.data_dir)
    plan = make_plan(settings)
    notifier = take_notifier()

    def up() -> None:
        on_up(settings, key, plan.connect.where)
        notifier.tell(READY)

    if settings.nodes > 1:
        front = Front.of(settings, key.value, sockets, plan.cluster, notifier)
        return _end(front.control, trio.run(_main, front.tree(), front, up))
    parts = Parts.of(settings, key.value, sockets, notifier)
    return _end(parts.control, trio.run(_main, tree(parts, plan), parts, up))


def run_node(settings: Settings, inherited: Inherited) -> Exit:
    """Run as one of several nodes, until told to stop or until the front process is gone."""
    line = socket.socket(fileno=inherited.line)
    try:
        return _run_node(settings, inherited, line)
    except SETUP_ERRORS as error:
        say_no(line, str(error))
        return Exit.NOT_STARTED


def _run_node(settings: Settings, inherited: Inherited, line: socket.socket) -> Exit:
    _allow_connections()
    sockets = [socket.socket(fileno=fd) for fd in inherited.sockets]
    key = api_key(settings.api_key, settings.data_dir)
    patience = RECOVERY_SECONDS if inherited.life > 1 else make_plan(settings).patience
    plan = replace(make_plan(settings), cluster=None, patience=patience)
    parts = replace(Parts.of(settings, key.value, sockets), beside_others=True)

    async def until_alone(scope: trio.CancelScope) -> None:
        await wait_for_end(line)
        parts.control.stop("the front process is gone", scope)

    spec = tree(parts, plan)
    return _end(parts.control, trio.run(_main, spec, parts, lambda: say_up(line), until_alone))


def _end(control: Control, reason: ExitReason) -> Exit:
    if control.stop_asked:
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
    patience = 0.0 if cluster is None else RECOVERY_SECONDS
    return Plan(
        cluster=cluster,
        connect=connect,
        connections=settings.pool_size,
        rules=rules,
        patience=patience,
    )


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


async def _main(
    spec: ChildSpec, parts: Parts | Front, on_up: Callable[[], None], more: Beside | None = None
) -> ExitReason:
    def up(root: Process) -> None:
        parts.control.root = root
        _calm_the_collector()
        on_up()

    async def beside(scope: trio.CancelScope) -> None:
        async with trio.open_nursery() as nursery:
            if more is not None:
                nursery.start_soon(more, scope)
            async for number in signals:
                root = parts.control.root
                if number == signal.SIGHUP and root is not None and isinstance(parts, Front):
                    nursery.start_soon(roll, root)
                    continue
                parts.notifier.tell(STOPPING)
                parts.control.stop(signal.Signals(number).name, scope)

    with trio.open_signal_receiver(*_signals()) as signals:
        reason = await host(spec, Runtime(parts.emit, detect_deadlocks=True), up, beside)
    for line in explain_shutdown(parts.control.root) if parts.control.root else ():
        log.debug("controller.shutdown", child=line)
    return reason


def _signals() -> list[signal.Signals]:
    """Return what is listened to; a hang-up is not where it is ignored, as under nohup."""
    hang_up = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    return [signal.SIGINT, signal.SIGTERM, *hang_up]

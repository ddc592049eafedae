"""Who the server runs as: PostgreSQL refuses to be root, so a controller that is root steps down.

Often the data folder or the programs then lie below a folder that this other user may not enter,
such as a checkout in `/root`. Nothing of ours may loosen that folder. Linux has the means: the
server keeps the one capability to pass through folders, and no other (`launch.py`).
"""

from __future__ import annotations

import os
import pwd
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from actors.postgres.errors import PostgresSetupError

_USERS = ("postgres", "nobody")
_DAC_OVERRIDE, _DAC_READ_SEARCH, _SETPCAP = 1, 2, 8


@dataclass(frozen=True, slots=True)
class Account:
    """User and group of the server; `capability` is one it keeps, as Linux numbers them."""

    uid: int
    gid: int
    capability: int | None = None

    def own(self, path: Path) -> None:
        """Give `path`, which we have just made, to the server."""
        if (self.uid, self.gid) != (os.geteuid(), os.getegid()):
            os.chown(path, self.uid, self.gid)


def server_account(data: Path, needed: Iterable[Path]) -> Account:
    """Choose who runs the server on `data`; it must be able to reach all of `needed`.

    An ordinary user runs it as itself. Root runs it as the owner of an existing folder, else as
    `postgres` or `nobody`. Raises `PostgresSetupError` when a closed folder is in the way.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    uid, gid = _owner(data) or _unprivileged()
    for path in needed:
        closed = closed_folder(path, uid, gid)
        if closed is not None:
            return Account(uid, gid, _pass_through(closed, pwd.getpwuid(uid).pw_name))
    return Account(uid, gid)


def closed_folder(path: Path, uid: int, gid: int) -> Path | None:
    """Return the uppermost folder above `path` that this user may not enter, or None.

    Both ways count, the one that is written and the one that links lead to.
    """
    for folder in (*reversed(path.resolve().parents), *reversed(path.absolute().parents)):
        try:
            facts = folder.stat()
        except FileNotFoundError:
            continue
        if facts.st_uid == uid:
            bit = stat.S_IXUSR
        elif facts.st_gid == gid:
            bit = stat.S_IXGRP
        else:
            bit = stat.S_IXOTH
        if not facts.st_mode & bit:
            return folder
    return None


def _owner(data: Path) -> tuple[int, int] | None:
    try:
        facts = data.stat()
    except FileNotFoundError:
        return None
    return (facts.st_uid, facts.st_gid) if facts.st_uid != 0 else None


def _unprivileged() -> tuple[int, int]:
    for name in _USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise PostgresSetupError(
        "PostgreSQL does not run as root, and there is no user postgres or nobody: "
        "start the controller as an ordinary user"
    )


def _pass_through(closed: Path, user: str) -> int:
    held = _capabilities()
    if held >> _SETPCAP & 1:
        for capability in (_DAC_READ_SEARCH, _DAC_OVERRIDE):  # the lesser one first
            if held >> capability & 1:
                return capability
    raise PostgresSetupError(
        f"PostgreSQL does not run as root, and its user {user} may not enter {closed}: "
        "choose a DATA_DIR (and a checkout) elsewhere, or start the controller as an ordinary user"
    )


def _capabilities() -> int:
    """Return what this process may do, as a bit mask; 0 where there is no such thing."""
    if sys.platform != "linux":
        return 0
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("CapPrm:"):
            return int(line.split()[1], 16)
    return 0

"""A script of its own: step down, bind our life to the parent's, and become the given program.

The pid stays, so the program is a direct child of the controller. In front of the program, and
not in a `preexec_fn`, because the controller has threads and Python between fork and exec may
then wait for ever on a lock that nobody holds any more.

Arguments: pid of the parent, signal when it dies, uid, gid, capability to keep or -1, program,
its arguments. Imports nothing of ours: it runs isolated, without the site folders.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PDEATHSIG, _CAPBSET_DROP, _SET_SECUREBITS, _CAP_AMBIENT = 1, 24, 28, 47
_AMBIENT_RAISE = 2
_NO_SETUID_FIXUP = 1 << 2
_CAPABILITY_VERSION = 0x20080522
_LAST_CAPABILITY = 63


def _linux() -> ctypes.CDLL | None:
    return ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _prctl(libc: ctypes.CDLL, *arguments: int) -> None:
    if libc.prctl(*(ctypes.c_ulong(a) for a in (*arguments, 0, 0, 0, 0)[:5])) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl {arguments[0]}: {os.strerror(code)}")


def _keep_all(libc: ctypes.CDLL) -> None:
    """Have the change of user leave capabilities alone, and access(2) respect them afterwards."""
    _prctl(libc, _SET_SECUREBITS, _NO_SETUID_FIXUP)


def _keep_only(libc: ctypes.CDLL, capability: int) -> None:
    for other in range(_LAST_CAPABILITY + 1):
        if other != capability:
            libc.prctl(_CAPBSET_DROP, ctypes.c_ulong(other), 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    mask = 1 << capability
    sets = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)  # low words, then high words
    if libc.capset(header, sets) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"capset: {os.strerror(code)}")
    _prctl(libc, _CAP_AMBIENT, _AMBIENT_RAISE, capability)


def _step_down(libc: ctypes.CDLL | None, uid: int, gid: int, capability: int) -> None:
    if os.geteuid() != 0:
        return
    if libc is not None and capability >= 0:
        _keep_all(libc)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if libc is not None and capability >= 0:
        _keep_only(libc, capability)


def main() -> None:
    """Never returns: exits with 127 and a line on stderr when a step fails."""
    parent, number, uid, gid, capability = map(int, sys.argv[1:6])
    libc = _linux()
    try:
        _step_down(libc, uid, gid, capability)
        if libc is not None and number:
            _prctl(libc, _PDEATHSIG, number)  # after the change of user, which clears it
            if os.getppid() != parent:
                sys.exit("the controller is gone")
        os.execv(sys.argv[6], sys.argv[6:])  # noqa: S606 - the very purpose
    except OSError as error:
        sys.stderr.write(f"{sys.argv[6]} cannot be started: {error}\n")
        sys.exit(127)


if __name__ == "__main__":
    main()

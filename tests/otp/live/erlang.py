"""One run of a real Erlang node: scenarios in, what they recorded out."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.otp.live.terms import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.otp.live.shape import Json

_SOURCES = Path(__file__).parent / "erl"
# One scheduler: priorities are then strict, and whoever asks for rest runs last.
_NODE = ("+S", "1:1", "-noshell", "-noinput", "-start_epmd", "false", "-boot", "no_dot_erlang")
_NO_DUMP = {"ERL_CRASH_DUMP_SECONDS": "0"}


def installed() -> bool:
    """Whether this machine has Erlang with its compiler."""
    return bool(shutil.which("erl") and shutil.which("erlc"))


@dataclass(frozen=True, slots=True)
class Erlang:
    """Compiled players in a folder of their own."""

    folder: Path
    slots: int = 24

    def release(self) -> str:
        """Name the release, as recordings state it."""
        ask = (
            "{ok,V}=file:read_file(filename:join(code:lib_dir(stdlib),'ebin/stdlib.app')),"
            "{ok,T,_}=erl_scan:string(binary_to_list(V)),{ok,{_,_,L}}=erl_parse:parse_term(T),"
            'io:format("OTP ~s (stdlib ~s, erts ~s)",[erlang:system_info(otp_release),'
            "proplists:get_value(vsn,L),erlang:system_info(version)]),halt(0)."
        )
        done = subprocess.run(["erl", *_NODE, "-eval", ask], check=True, capture_output=True)
        return done.stdout.decode()

    def play(self, runs: list[tuple[Json, bool]], limit: float = 1200) -> list[Json]:
        """Play each scenario, shaken or not; in place of a failed run stands {"failed": why}."""
        asked, told = self.folder / "asked", self.folder / "told"
        asked.write_bytes(pack([{"scenario": one, "shaken": shaken} for one, shaken in runs]))
        args = ["-pa", str(self.folder), "-s", "live_batch", "main"]
        extra = ["-extra", str(asked), str(told), str(self.slots)]
        node = ["erl", *_NODE, *args, *extra]
        subprocess.run(node, check=True, timeout=limit, env=os.environ | _NO_DUMP)
        recorded: list[Json] = unpack(told.read_bytes())
        return recorded


@contextmanager
def compiled() -> Iterator[Erlang]:
    """Compile the Erlang sources into a temporary folder, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="otp-live-") as folder:
        sources = sorted(str(path) for path in _SOURCES.glob("*.erl"))
        subprocess.run(["erlc", "-Wall", "-Werror", "-o", folder, *sources], check=True)
        yield Erlang(Path(folder))

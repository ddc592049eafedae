"""Play mutants in copies of the code: apply one edit, run the tests that must notice, undo."""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.table import Mutant

ROOT = Path(__file__).parents[2]
COPIED = ("supervisors", "actors", "api", "controller", "tests", "pyproject.toml", "schema.sql")
TESTS = (
    "tests/supervisors",
    "tests/beyond_otp",
    "tests/otp/supervisor",
    "tests/otp/process",
    "tests/actors/kernel",
)
SECONDS = 400.0
"""One that takes longer hangs: that is noticed, too."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a mutant; `by` names the test that failed."""

    mutant: Mutant
    killed: bool
    by: str
    seconds: float


class Copy:
    """A folder with the code, in which one mutant at a time is alive."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, folder / name)

    def play(self, mutant: Mutant) -> Fate:
        """Run the tests against one mutant."""
        file = self._folder / mutant.file
        right = file.read_text(encoding="utf-8")
        file.write_text(right.replace(mutant.old, mutant.new, 1), encoding="utf-8")
        began = time.perf_counter()
        try:
            noticed = self.failure(kernel_first="kernel" in mutant.file)
        finally:
            file.write_text(right, encoding="utf-8")
        seconds = time.perf_counter() - began
        return Fate(mutant, noticed is not None, noticed or "", seconds)

    def failure(self, *, kernel_first: bool = False) -> str | None:
        """Run the tests up to the first failure; None when there is none."""
        order = reversed(TESTS) if kernel_first else TESTS
        command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "--no-header", "--noconftest"]
        tests = [name for name in order if (self._folder / name).exists()]
        options = ["-p", "no:cacheprovider", "--hypothesis-seed=1", "--tb=no"]
        environment = {**os.environ, "EXPO_MODEL_EXAMPLES": "120"}
        try:
            done = subprocess.run(
                [*command, *options, *tests],
                cwd=self._folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return "hangs"
        return None if done.returncode == 0 else _first_failure(done.stdout + done.stderr)


def _first_failure(output: str) -> str:
    lines = [line for line in output.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return lines[0].split(" - ")[0] if lines else output.strip()[-200:]


def play_all(
    mutants: Iterable[Mutant], folders: list[Path], told: Callable[[Fate], None]
) -> list[Fate]:
    """Play mutants, as many at once as there are folders."""
    todo: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
    for mutant in mutants:
        todo.put(mutant)
    fates: list[Fate] = []

    def work(folder: Path) -> None:
        copy = Copy(folder)
        while not todo.empty():
            try:
                mutant = todo.get_nowait()
            except queue.Empty:
                return
            fates.append(copy.play(mutant))
            told(fates[-1])

    threads = [threading.Thread(target=work, args=(folder,)) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return fates

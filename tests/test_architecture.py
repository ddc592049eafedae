"""The shape of the code, read from its source: who imports whom, and how long things are."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ["supervisors", "actors", "api", "controller"]  # each imports only those before it
SHARED = ["domain", "kernel"]
STORES = ["store", "storage"]
PURE = {"trio", "asyncpg", "structlog"}  # what pure code must do without
HANDED_ON = {  # these make the environment of a program we start out of ours; no setting is read
    "actors/postgres/cluster.py",
    "controller/demo/own_controller.py",
}

FILE_LINES = 400
FUNCTION_LINES = 40


@dataclass(frozen=True)
class Source:
    """One file: its place, text and syntax tree."""

    path: str
    text: str
    tree: ast.Module

    @property
    def parts(self) -> tuple[str, ...]:
        """The folders and the stem: ("actors", "store", "queue")."""
        return Path(self.path).with_suffix("").parts

    def imports(self) -> Iterator[tuple[int, str]]:
        """Yield (line, full module name) of every import, also inside functions."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = self.parts[: -node.level] if node.level else ()
                module = ".".join([*base, *([node.module] if node.module else [])])
                yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def read(text: str, path: str) -> Source:
    """Parse one file."""
    return Source(path, text, ast.parse(text))


def sources(*folders: str) -> list[Source]:
    """Read all Python files below the folders."""
    paths = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return [read(path.read_text(), path.relative_to(ROOT).as_posix()) for path in paths]


def wrong_package_arrows(source: Source) -> Iterator[str]:
    """Check supervisors <- actors <- api <- controller, nothing backwards."""
    own = PACKAGES.index(source.parts[0])
    for line, module in source.imports():
        target = module.split(".")[0]
        if target in PACKAGES and PACKAGES.index(target) > own:
            yield f"{source.path}:{line}: {source.parts[0]} must not import {target}."
        if target in {"tests", "bench"}:
            yield f"{source.path}:{line}: a package must not import {target}."


def wrong_actor_arrows(source: Source) -> Iterator[str]:
    """Check, inside actors: domain, kernel <- store, storage <- actor folders."""
    if source.parts[0] != "actors" or len(source.parts) < 3:
        return
    own = source.parts[1]
    for line, module in source.imports():
        target = [*module.split("."), ""][1] if module.startswith("actors.") else ""
        if own in SHARED and target not in {"", *SHARED}:
            yield f"{source.path}:{line}: actors/{own} must not import actors/{target}."
        if own in STORES and target not in {"", *SHARED, *STORES}:
            yield f"{source.path}:{line}: actors/{own} must not import actors/{target}."
        if own == "domain" and target == "kernel":
            yield f"{source.path}:{line}: the domain must not know the kernel."


def impure_imports(source: Source) -> Iterator[str]:
    """Keep the domain and every state.py pure."""
    in_domain = source.parts[:2] == ("actors", "domain")
    if not in_domain and source.parts[-1] != "state":
        return
    for line, module in source.imports():
        if module.split(".")[0] in PURE:
            yield f"{source.path}:{line}: pure code must not import {module.split('.')[0]}."


def misplaced_libraries(source: Source) -> Iterator[str]:
    """Keep asyncpg for the store, trio_asyncio for its bridge and the composition root."""
    for line, module in source.imports():
        library = module.split(".")[0]
        if library == "asyncpg" and source.parts[:2] != ("actors", "store"):
            yield f"{source.path}:{line}: only actors/store may import asyncpg."
        at_bridge = source.path == "actors/store/bridge.py" or source.parts[0] == "controller"
        if library == "trio_asyncio" and not at_bridge:
            yield f"{source.path}:{line}: only the bridge and controller import trio_asyncio."


def environment_reads(source: Source) -> Iterator[str]:
    """Let only the settings read the environment."""
    if source.path in {"controller/settings.py", *HANDED_ON}:
        return
    sentence = "only controller/settings.py may read the environment."
    names = {"environ", "environb", "getenv"}
    for node in ast.walk(source.tree):
        if (
            isinstance(node, ast.Attribute)
            and node.attr in names
            and isinstance(node.value, ast.Name)
            and node.value.id == "os"
        ):
            yield f"{source.path}:{node.lineno}: {sentence}"
    for line, module in source.imports():
        if module in {f"os.{name}" for name in names}:
            yield f"{source.path}:{line}: {sentence}"


def long_files(source: Source) -> Iterator[str]:
    """Find files of more than 400 lines."""
    count = len(source.text.splitlines())
    if count > FILE_LINES:
        yield f"{source.path}: {count} lines, at most {FILE_LINES} are allowed."


def long_functions(source: Source) -> Iterator[str]:
    """Find functions of more than 40 lines, docstring and decorators not counted."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        end = node.end_lineno or node.lineno
        count = end - node.lineno + 1
        if ast.get_docstring(node) is not None:
            first = node.body[0]
            count -= (first.end_lineno or first.lineno) - first.lineno + 1
        if count > FUNCTION_LINES:
            yield f"{source.path}:{node.lineno}: {node.name} has {count} lines, too many."


RULES = {
    rule.__name__: rule
    for rule in (
        wrong_package_arrows,
        wrong_actor_arrows,
        impure_imports,
        misplaced_libraries,
        environment_reads,
        long_files,
        long_functions,
    )
}


@pytest.mark.parametrize("rule", RULES)
def test_packages_keep_the_rule(rule: str) -> None:
    """Every violation is told in one sentence."""
    found = [sentence for source in sources(*PACKAGES) for sentence in RULES[rule](source)]
    assert not found, "\n" + "\n".join(found)


def test_tests_are_not_too_long_either() -> None:
    """400 lines a file."""
    found = [sentence for source in sources("tests") for sentence in long_files(source)]
    assert not found, "\n" + "\n".join(found)


LONG = "\n".join(["def f():", '    """Say."""', *["    pass"] * 40])


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        ("wrong_package_arrows", "supervisors/x.py", "from actors.kernel import ref"),
        ("wrong_package_arrows", "api/x.py", "def f():\n    import controller.tree"),
        ("wrong_package_arrows", "api/x.py", "import tests.support.tree"),
        ("wrong_actor_arrows", "actors/kernel/x.py", "from actors.store import queue"),
        ("wrong_actor_arrows", "actors/kernel/x.py", "from actors import store"),
        ("wrong_actor_arrows", "actors/kernel/x.py", "from ..store import queue"),
        ("wrong_actor_arrows", "actors/domain/x.py", "import actors.storage.filesystem"),
        ("wrong_actor_arrows", "actors/domain/x.py", "from actors.kernel.ref import Ref"),
        ("wrong_actor_arrows", "actors/store/x.py", "from actors.queue_manager.state import Poll"),
        ("impure_imports", "actors/domain/x.py", "import trio"),
        ("impure_imports", "actors/recorder/state.py", "from structlog import get_logger"),
        ("misplaced_libraries", "actors/queue_manager/x.py", "import asyncpg.exceptions"),
        ("misplaced_libraries", "actors/store/queue.py", "import trio_asyncio"),
        ("environment_reads", "controller/tree.py", "import os\nx = os.environ['A']"),
        ("environment_reads", "api/x.py", "from os import getenv"),
        ("long_files", "api/x.py", "x = 1\n" * 401),
        ("long_functions", "api/x.py", LONG),
    ],
)
def test_rule_finds_what_it_forbids(rule: str, path: str, text: str) -> None:
    """One sentence, with the place."""
    (sentence,) = RULES[rule](read(text, path))
    assert sentence.startswith(path)
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        ("wrong_package_arrows", "controller/x.py", "import supervisors.spec, actors, api.app"),
        ("wrong_actor_arrows", "actors/recorder/actor.py", "from actors.store import logs"),
        ("wrong_actor_arrows", "actors/store/x.py", "from actors.kernel.ref import Ref"),
        ("impure_imports", "actors/recorder/actor.py", "import trio, structlog"),
        ("misplaced_libraries", "actors/store/bridge.py", "import trio_asyncio, asyncpg"),
        ("environment_reads", "controller/settings.py", "import os\nx = os.environ['A']"),
        ("long_files", "api/x.py", "x = 1\n" * 400),
        ("long_functions", "api/x.py", LONG.removesuffix("\n    pass")),
    ],
)
def test_rule_allows_the_rest(rule: str, path: str, text: str) -> None:
    """No sentence."""
    assert not list(RULES[rule](read(text, path)))

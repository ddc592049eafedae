"""The specs of a tree as text: what a review sees when the way it fails is changed."""

from __future__ import annotations

from collections.abc import Iterator

from supervisors.spec import ChildKind, ChildSpec, Stop


def freeze(spec: ChildSpec) -> str:
    """Return one line for each child that is known before the start, in its order."""
    return "\n".join(_lines(spec, "")) + "\n"


def _lines(spec: ChildSpec, indent: str) -> Iterator[str]:
    yield f"{indent}{spec.name}  {', '.join(_facts(spec))}"
    for child in spec.below.children if spec.below is not None else ():
        yield from _lines(child, indent + "  ")


def _facts(spec: ChildSpec) -> Iterator[str]:
    flags, limit = spec.below, spec.stop_limit
    if flags is not None:
        yield flags.strategy.value
        yield f"{flags.budget.intensity} restarts in {flags.budget.period:g} s"
        yield f"auto_shutdown {flags.auto_shutdown.value}"
    elif spec.kind is ChildKind.SUPERVISOR:
        yield "children on demand"
    yield spec.restart.value
    yield f"stop {limit.value}" if isinstance(limit, Stop) else f"stop in {limit:g} s"
    if spec.significant:
        yield "significant"
    if spec.backoff is not None:
        yield f"backoff {spec.backoff.first:g} to {spec.backoff.longest:g} s"

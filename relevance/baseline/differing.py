"""What else differs between two snapshots of the same data: the change that is under test, a line each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from relevance.baseline.snapshot import Snapshot

__all__ = ["differences", "made_differently"]

_SHOWN = 48
_NOT_THERE = object()


def differences(before: Snapshot, after: Snapshot) -> tuple[str, ...]:
    """Engine, models, strategies that both have, and package versions: `hybrid: text.title 8 -> 4`."""
    strategies = [name for name in after.strategies if name in before.strategies]
    return (
        *made_differently(before, after, models=_models(before, after, strategies)),
        *(
            line
            for name in strategies
            for line in _lines(name, before.strategies[name].definition, after.strategies[name].definition)
        ),
        *_lines("package", *_in_both(before.versions, after.versions)),
    )


def _in_both(before: Mapping[str, str], after: Mapping[str, str]) -> list[Mapping[str, str]]:
    """A session without vectors names no package that makes some: nothing has changed."""
    return [{name: side[name] for name in before if name in after} for side in (before, after)]


def _engines(before: Mapping[str, object], after: Mapping[str, object]) -> list[Mapping[str, object]]:
    """Both engines; of two kinds of engine what each of them has: only one knows of shards."""
    if before.get("name") == after.get("name"):
        return [before, after]
    old, new = dict(_leaves(before)), dict(_leaves(after))
    return [{path: side[path] for path in old if path in new} for side in (old, new)]


def made_differently(before: Snapshot, after: Snapshot, *, models: Iterable[str]) -> tuple[str, ...]:
    """What differs in the engine and in these models."""
    lines = list(_lines("engine", *_engines(before.engine, after.engine)))
    for name in models:
        lines += _model_lines(f"model {name}", before.models.get(name, {}), after.models.get(name, {}))
    return tuple(lines)


def _model_lines(what: str, before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[str]:
    """Of a fine-tuned model whether it is another one, or the same made again: weights differ between machines."""
    unknown = {"recipe"} if not (before.get("recipe") and after.get("recipe")) else set()
    same_recipe = not unknown and before["recipe"] == after["recipe"]
    weights = before.get("sha256"), after.get("sha256")
    if same_recipe and weights[0] != weights[1]:
        yield f"{what}: retrained: same recipe, other weights (sha256 {_shown(weights[0])} -> {_shown(weights[1])})"
        unknown = {"sha256"}
    kept = [{key: value for key, value in side.items() if key not in unknown} for side in (before, after)]
    yield from _lines(what, *kept)


def _models(before: Snapshot, after: Snapshot, strategies: Iterable[str]) -> list[str]:
    """Those that these strategies use, on one side or the other."""
    used = {side.strategies[name].definition.get("model") for name in strategies for side in (before, after)}
    return [name for name in {**before.models, **after.models} if name in used]


def _lines(what: str, before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[str]:
    old, new = dict(_leaves(before)), dict(_leaves(after))
    for key in {**old, **new}:
        left, right = old.get(key, _NOT_THERE), new.get(key, _NOT_THERE)
        if left != right:
            yield f"{what}: {key} {_shown(left)} -> {_shown(right)}"


def _leaves(value: Mapping[str, object], head: str = "") -> Iterator[tuple[str, object]]:
    """Values by path (`text.title`)."""
    for key, one in value.items():
        path = f"{head}.{key}" if head else key
        if isinstance(one, Mapping) and one:
            yield from _leaves(one, path)
        elif not isinstance(one, Mapping):
            yield path, one


def _shown(value: object) -> str:
    """A value on one line, without control characters."""
    if value is _NOT_THERE:
        return "none"
    text = json.dumps(value, default=str)
    if isinstance(value, str) and len(value) == 64:  # noqa: PLR2004 - a hash in hex
        return value[:12]
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"

"""What a session measured, as a value: what two of them have in common, what differs, and what an update changes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeGuard

from relevance.baseline.acceptance import standing
from relevance.errors import InputError
from relevance.outside import SOURCE
from relevance.records import query_label
from relevance.text import plural, printable, shortened, some

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    import numpy as np
    import numpy.typing as npt

    from relevance.baseline.acceptance import Acceptance
    from relevance.baseline.seen import ProductsSeen
    from relevance.evaluation import Metric

KEPT = 20
"""So many hits of a query a baseline keeps: where products are gone, the first ten are refilled from the rest."""

SELECTED = "selected"
"""The key of what gates that names the selected strategies."""

DIGITS = 6
"""Decimals of a metric: beyond is the rounding of one machine's logarithms, so identical runs stay identical."""

_SHOWN = 48
_LONGEST_PATH = 200
_MOST_LINES = 20
_SHOWN_NAMES = 3
_ABSENT, _ADDED, _REMOVED = object(), object(), object()


@dataclass(frozen=True)
class DatasetIdentity:
    """The data that was measured on: SHA-256 of products, queries and judgments, and how many products there are."""

    name: str
    corpus: str
    queries: str
    judgments: str
    products: int


@dataclass(frozen=True, eq=False)
class Measurement:
    """One strategy.

    Attributes:
        definition: the strategy as a table of JSON values (text, vectors, combine, …, model).
        metrics: shape (judged queries,) each, float64 rounded to `DIGITS`, in the order of the snapshot's queries.
        hits: product ids of the first hits of each query, `Snapshot.kept` at most.
        scores_sha256: hash of the hits that are reported and their scores, so that identical runs are known.
        run_time_s: seconds for all queries, minimum of the rounds; None where no time was taken.
        rounds: how many rounds that is the minimum of.
        rebuilds: means of other builds of the same approximate index, by metric, and its `recall`; empty where there
            were none.
    """

    definition: Mapping[str, object]
    metrics: Mapping[Metric, npt.NDArray[np.float64]]
    hits: tuple[tuple[str, ...], ...]
    scores_sha256: str
    run_time_s: float | None
    rounds: int
    rebuilds: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def models(self) -> frozenset[str]:
        """The names of the models that its definition uses."""
        return frozenset(_models_in(self.definition))


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A session.

    Attributes:
        queries: ids of the judged queries, ascending as text; `texts` and `grades` (by product id) are theirs.
        params: their parameters by name; empty where no query has any.
        relevant_from: lowest grade that counts as relevant.
        engine: name, version and facts, JSON values.
        models: by name, as in `results.json`.
        versions: of the packages that decide results, by name.
        calibration_s: seconds of the fixed strategy on the fixed generated catalogue, on the same engine; None where
            no time was taken.
        kept: how many hits of a query there are at most.
        weights: how much each query counts, 0 or more; empty where all count alike.
        tags: of each query; empty where none has any.
        gate: what the session was gated by, JSON values: limits by name, and the selected strategies.
        products_seen: which products there were; None where a file does not say.
        log: what was accepted by hand, the oldest first.
    """

    dataset: DatasetIdentity
    queries: tuple[str, ...]
    texts: tuple[str, ...]
    grades: tuple[Mapping[str, float], ...]
    relevant_from: float
    strategies: Mapping[str, Measurement]
    engine: Mapping[str, object]
    models: Mapping[str, Mapping[str, object]]
    versions: Mapping[str, str]
    calibration_s: float | None
    params: tuple[Mapping[str, Any], ...] = ()
    kept: int = KEPT
    weights: tuple[float, ...] = ()
    tags: tuple[tuple[str, ...], ...] = ()
    gate: Mapping[str, Any] = field(default_factory=dict)
    products_seen: ProductsSeen | None = None
    log: tuple[Acceptance, ...] = ()

    @property
    def accepted(self) -> tuple[Acceptance, ...]:
        """What of the log is in force, the newest first."""
        return standing(self.log, self.strategies)

    @property
    def index_body(self) -> Mapping[str, Any] | None:
        """Settings and mappings of the products' index; None for the default fields, and where a file has none."""
        return self.facts.get("body")

    @property
    def facts(self) -> Mapping[str, Any]:
        """Of the engine."""
        facts = self.engine.get("facts")
        return facts if isinstance(facts, Mapping) else {}

    def judged(self) -> dict[str, tuple[str, Mapping[str, float], Mapping[str, Any]]]:
        """Text, grades and parameters by query id."""
        params: Sequence[Mapping[str, Any]] = self.params or [{}] * len(self.queries)
        return dict(zip(self.queries, zip(self.texts, self.grades, params, strict=True), strict=True))

    @property
    def labels(self) -> tuple[str, ...]:
        """The queries as people are shown them, see `query_label`."""
        return tuple(map(query_label, self.texts, self.params)) if self.params else self.texts


def lacks(snapshot: Snapshot) -> str:
    """What a file of an older release does not hold, for people; "" where it holds everything."""
    if snapshot.products_seen is not None:
        return ""
    missing = f"no hits beyond rank {snapshot.kept}, not which products there were, no limits"
    return f"written by an older release: {missing}; --update-baseline writes a new one"


def without_run_times(snapshot: Snapshot) -> Snapshot:
    """As if no time had been taken."""
    untimed = {name: replace(one, run_time_s=None, rounds=0) for name, one in snapshot.strategies.items()}
    return replace(snapshot, strategies=untimed)


# what differs


def data_changes(before: Snapshot, after: Snapshot) -> str:
    """What differs in corpus, queries and judgments, in numbers: `12 judgments changed, 3 queries new`; "" if nothing.

    Names of data sets and everything that was measured are left aside.
    """
    old, new = before.judged(), after.judged()
    both = [(old[query], new[query]) for query in old if query in new]
    graded = [(left[1], right[1]) for left, right in both]
    judgments = {
        "changed": sum(grade != right.get(product, grade) for left, right in graded for product, grade in left.items()),
        "new": sum(product not in left for left, right in graded for product in right),
        "gone": sum(product not in right for left, right in graded for product in left),
    }
    queries = {
        "new": len(new) - len(both),
        "gone": len(old) - len(both),
        "with another text": sum(left[0] != right[0] for left, right in both),
        "with other parameters": sum(left[2] != right[2] for left, right in both),
    }
    parts = [f"{plural(number, 'judgment')} {what}" for what, number in judgments.items() if number]
    parts += [f"{plural(number, 'query')} {what}" for what, number in queries.items() if number]
    if before.dataset.queries != after.dataset.queries and not any(queries.values()):
        parts.append("other queries without judgments")
    if before.dataset.corpus != after.dataset.corpus:
        was, now = before.dataset.products, after.dataset.products
        same = f"{was:,} products as before, with other content"
        parts.append(f"another corpus ({same if was == now else f'{was:,} products before, {now:,} now'})")
    if before.relevant_from != after.relevant_from:
        parts.append(f"relevant from grade {before.relevant_from} before, {after.relevant_from} now")
    return ", ".join(parts)


def _models_in(definition: Mapping[str, object]) -> Iterator[str]:
    if "model" in definition:
        yield str(definition["model"])
    lists = definition.get("lists")
    for one in lists.values() if isinstance(lists, Mapping) else ():
        yield from _models_in(one) if isinstance(one, Mapping) else ()


def differences(before: Snapshot, after: Snapshot) -> tuple[str, ...]:
    """Weights and tags of queries, what gates, engine, models, strategies that both have, and package versions.

    A line each: `hybrid: text.title 8 -> 4`, `gate: fail 0.02 -> 1.0`.
    """
    strategies = [name for name in after.strategies if name in before.strategies]
    used = {model for name in strategies for side in (before, after) for model in side.strategies[name].models}
    models = [name for name in {**before.models, **after.models} if name in used]
    lines = [*_query_changes(before, after), *_gate_changes(before, after)]
    lines += [*_engine_changes(before, after), *_model_changes(before, after, models)]
    for name in strategies:
        changes = _changes("", before.strategies[name].definition, after.strategies[name].definition)
        # files of older releases have no hash of a function's source
        changes = (one for one in changes if _ABSENT not in one[1:] or not one[0].endswith(SOURCE))
        lines += _lines(name, changes)
    # a session without vectors names no package that computes some: nothing has changed
    return (*lines, *_lines("package", _known_on_both_sides(_changes("", before.versions, after.versions))))


_Change = tuple[str, object, object]
"""Place (`text.title`, `fields[2]`), before and after of a value that differs."""


def _query_changes(before: Snapshot, after: Snapshot) -> Iterator[str]:
    """Of the queries that both have: how many have another weight, weigh nothing since, or have other tags."""
    rows = {query: row for row, query in enumerate(before.queries)}
    both = [(rows[query], row) for row, query in enumerate(after.queries) if query in rows]
    pairs = [
        (before.weights[old] if before.weights else 1, after.weights[new] if after.weights else 1) for old, new in both
    ]
    if other := sum(left != right for left, right in pairs):
        none = sum(left > 0 and right == 0 for left, right in pairs)
        more = f", {none:,} of them 0 now" if none else ""
        yield f"weights: {plural(other, 'query')} with another weight{more}"
    others = sum(
        (before.tags[old] if before.tags else ()) != (after.tags[new] if after.tags else ()) for old, new in both
    )
    if others:
        yield f"tags: {plural(others, 'query')} with other tags"


def _gate_changes(before: Snapshot, after: Snapshot) -> Iterator[str]:
    """What gates; a setting that only one release has is none that was changed. `gate` is the same list as `gated`."""
    for name in before.gate:
        if name not in after.gate or name == "gate":
            continue
        old, new = before.gate[name], after.gate[name]
        if not (_are_texts(old) and _are_texts(new)):
            yield from _lines("gate", _changes(name, old, new))
            continue
        signs = (("-", old, new), ("+", new, old))
        names = {sign: [f'"{one}"' for one in own if one not in other] for sign, own, other in signs}
        if parts := [f"{sign} {some(named, _SHOWN_NAMES)}" for sign, named in names.items() if named]:
            yield printable(f"gate: {name} {'; '.join(parts)}")
        elif [*old] != [*new]:
            yield f"gate: {name} in another order"


_BODIES = ("body", "laid_over")
"""Facts of an engine that say in full what its `mapping` is a hash of; older files have none."""


def _engine_changes(before: Snapshot, after: Snapshot) -> Iterator[str]:
    facts = [side.facts for side in (before, after)]
    bodies = [{name: one[name] for name in _BODIES if name in one} for one in facts]
    left_out = {*_BODIES, *(["mapping"] if all(bodies) and bodies[0] != bodies[1] else [])}
    if not all("release" in one for one in facts):  # a side has nothing that ranks by it
        left_out.add("release")
    kept = [{name: fact for name, fact in one.items() if name not in left_out} for one in facts]
    engines = [{**side.engine, "facts": one} for side, one in zip((before, after), kept, strict=True)]
    # two kinds of engine are told apart by what both have: only one knows of shards
    alike = before.engine.get("name") == after.engine.get("name")
    changes = _changes("", *engines)
    yield from _lines("engine", changes if alike else _known_on_both_sides(changes))
    if all(bodies):
        merged = [{**one.get("body", {}), **one.get("laid_over", {})} for one in bodies]
        yield from _lines("index", _changes("", *merged))


def _known_on_both_sides(changes: Iterable[_Change]) -> Iterator[_Change]:
    return (one for one in changes if _ABSENT not in one[1:])


def _model_changes(before: Snapshot, after: Snapshot, names: Iterable[str]) -> Iterator[str]:
    """Of a fine-tuned model whether it is another one, or the same made again: weights differ between machines."""
    for name in names:
        old, new = before.models.get(name, {}), after.models.get(name, {})
        ignored = None
        if not (old.get("recipe") and new.get("recipe")):
            ignored = "recipe"
        elif old["recipe"] == new["recipe"] and old.get("sha256") != new.get("sha256"):
            weights = _arrow(old.get("sha256"), new.get("sha256"))
            yield f"model {name}: retrained: same recipe, other weights (sha256 {weights})"
            ignored = "sha256"
        changes = (one for one in _changes("", old, new) if one[0] != ignored)
        # older files have no configuration
        known = (one for one in changes if one[0] != "configuration" or _ABSENT not in one[1:])
        yield from _lines(f"model {name}", known)


def _lines(what: str, changes: Iterator[_Change]) -> Iterator[str]:
    """The first changes, a line each, and how many more there are: a file may hold any number of keys."""
    for path, left, right in islice(changes, _MOST_LINES):
        yield printable(f"{what}: {shortened(path, _LONGEST_PATH)} {_arrow(left, right)}")
    if more := sum(1 for _ in changes):
        yield f"{what}: {plural(more, 'more difference')}"


def _changes(path: str, left: object, right: object) -> Iterator[_Change]:
    tables = [isinstance(side, Mapping) for side in (left, right)]
    if all(tables) or (any(tables) and _ABSENT in (left, right)):
        old, new = (side if isinstance(side, Mapping) else {} for side in (left, right))
        for key in {**old, **new}:
            yield from _changes(f"{path}.{key}" if path else key, old.get(key, _ABSENT), new.get(key, _ABSENT))
    elif isinstance(left, list | tuple) and isinstance(right, list | tuple) and len(left) == len(right):
        for at, (old, new) in enumerate(zip(left, right, strict=True)):
            yield from _changes(f"{path}[{at}]", old, new)
    elif _are_texts(left) and _are_texts(right) and {*left} != {*right}:
        yield from ((path, one, _REMOVED) for one in left if one not in right)
        yield from ((path, _ADDED, one) for one in right if one not in left)
    elif left != right or isinstance(left, bool) != isinstance(right, bool):
        yield path, left, right


def _are_texts(value: object) -> TypeGuard[list[str] | tuple[str, ...]]:
    return isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)


def _arrow(left: object, right: object) -> str:
    """Both values on one line, `8 -> 4`; of long ones the part from where they differ. Of lists `+ "a"`, `- "b"`."""
    if left is _ADDED or right is _REMOVED:
        return f"+ {_shown(right)}" if left is _ADDED else f"- {_shown(left)}"
    old, new = _shown(left), _shown(right)
    if old == new:
        texts = [json.dumps(side, default=str) for side in (left, right)]
        same = next((at for at, pair in enumerate(zip(*texts, strict=False)) if len({*pair}) > 1), min(map(len, texts)))
        start = max(0, same - _SHOWN // 3)
        old, new = (f"…{shortened(text[start:], _SHOWN)}" for text in texts)
    return f"{old} -> {new}"


def _shown(value: object) -> str:
    if value is _ABSENT:
        return "none"
    if isinstance(value, str) and len(value) == 64:  # noqa: PLR2004 - a hash in hex
        return value[:12]
    text = json.dumps(value, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


# updates


def check_part(before: Snapshot, after: Snapshot, *, measured: Collection[str], by: str = "--update-baseline") -> None:
    """Refuse to update some strategies of a baseline where what the others stand on has changed.

    Args:
        before: what the file holds.
        after: the session; before it has measured anything, its data alone.
        measured: the strategies that are updated.
        by: what updates them, for the message.

    Raises:
        InputError: data, the engine, or a model that a strategy uses that would stay are others.
    """
    kept = {name: one for name, one in before.strategies.items() if name not in measured}
    data = data_changes(before, after)
    changes = [data] if data else []
    if after.engine:
        models = {model for one in kept.values() for model in one.models}
        changes += _engine_changes(before, after)
        changes += _model_changes(before, after, sorted(models & set(after.models)))
    if len(changes) > _MOST_LINES:
        changes[_MOST_LINES:] = [f"{len(changes) - _MOST_LINES:,} more"]
    if kept and changes:
        raise InputError(
            f"{by} of some strategies: {'; '.join(changes)}; "
            f"allowed: an update of all of them, {len(kept)} of which this session does not measure"
        )


def merge(before: Snapshot | None, after: Snapshot, *, complete: bool, by: str = "--update-baseline") -> Snapshot:
    """The session's snapshot, with the strategies of `before` that it did not measure, and its log.

    Args:
        before: what the file holds; None where there is none.
        after: the session.
        complete: whether the session measured all strategies that there are; others are then gone for good.
        by: what replaces `before`, for the message.

    Raises:
        InputError: see `check_part`.
    """
    if before is None:
        return after
    if complete:
        return replace(after, log=before.log)
    check_part(before, after, measured=after.strategies, by=by)
    kept = {
        name: _rescaled(one, before.calibration_s, after.calibration_s)
        for name, one in before.strategies.items()
        if name not in after.strategies
    }
    depth = min(before.kept, after.kept)
    strategies = {name: _cut(one, depth) for name, one in {**kept, **after.strategies}.items()}
    return replace(
        after,
        strategies=strategies,
        models={**before.models, **after.models},
        versions={**before.versions, **after.versions},
        kept=depth,
        gate=_of_both(before.gate, after.gate),
        log=before.log,
    )


def _cut(measured: Measurement, depth: int) -> Measurement:
    """With so many hits of a query at most."""
    if all(len(hits) <= depth for hits in measured.hits):
        return measured
    return replace(measured, hits=tuple(hits[:depth] for hits in measured.hits))


def _of_both(before: Mapping[str, Any], after: Mapping[str, Any]) -> Mapping[str, Any]:
    """What gates now, with the strategies that either selected."""
    selected = {*before.get(SELECTED, ()), *after.get(SELECTED, ())}
    return {**after, SELECTED: sorted(selected)} if SELECTED in after else after


def _rescaled(measured: Measurement, before_s: float | None, now_s: float | None) -> Measurement:
    """With the run time that it would have had in the new session: in the same ratio to the calibration.

    A file has one calibration. Where one side has none, an old run time says nothing beside the new ones.
    """
    if measured.run_time_s is None or before_s == now_s:
        return measured
    if before_s is None or now_s is None:
        return replace(measured, run_time_s=None, rounds=0)
    return replace(measured, run_time_s=measured.run_time_s * now_s / before_s)


def update_lines(before: Snapshot | None, after: Snapshot) -> list[str]:
    """What an update changes, a line each: data, engine and models, strategies with their means."""
    if before is None:
        new = [f"new: {name}: {_means(one)}" for name, one in after.strategies.items()]
        return [*new, *_rebuild_changes(None, after)]
    changes = data_changes(before, after)
    lines = [f"data: {changes}"] if changes else []
    lines += differences(before, after)
    for name, one in after.strategies.items():
        if name not in before.strategies:
            lines.append(f"new: {name}: {_means(one)}")
        elif changed := _changed_means(before.strategies[name], one):
            lines.append(f"changed: {name}: {changed}")
    lines += [f"gone: {name}" for name in before.strategies if name not in after.strategies]
    lines += _rebuild_changes(before, after)
    return lines or ["nothing but times" if _rows(before) == _rows(after) else "single queries; every mean stays"]


def _rebuild_changes(before: Snapshot | None, after: Snapshot) -> Iterator[str]:
    """What an update learns of other builds of an approximate index, and forgets."""
    for name, one in after.strategies.items():
        old = before.strategies.get(name) if before else None
        if one.rebuilds:
            ranges = (f"{measure} {min(values):.4f} to {max(values):.4f}" for measure, values in one.rebuilds.items())
            builds = len(next(iter(one.rebuilds.values())))
            yield f"built again {builds} times: {name}: {', '.join(ranges)}"
        elif old and old.rebuilds:
            yield f"no other builds any more: {name}; --rebuilds {len(next(iter(old.rebuilds.values())))} makes some"


def _means(measured: Measurement) -> str:
    return ", ".join(f"{metric.label} {values.mean():.4f}" for metric, values in measured.metrics.items())


def _changed_means(before: Measurement, after: Measurement) -> str:
    parts = []
    for metric, values in after.metrics.items():
        old = f"{before.metrics[metric].mean():.4f}" if metric in before.metrics else "none"
        new = f"{values.mean():.4f}"
        if old != new:
            parts.append(f"{metric.label} {old} -> {new}")
    return ", ".join(parts)


def _rows(snapshot: Snapshot) -> dict[str, object]:
    return {
        name: (one.hits, {metric: values.tolist() for metric, values in one.metrics.items()})
        for name, one in snapshot.strategies.items()
    }

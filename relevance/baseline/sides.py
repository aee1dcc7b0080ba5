"""A baseline and a session made comparable: both by the session's queries, judgments and products.

A baseline keeps more hits than are compared. So its rankings can be scored by other judgments, and a product that is
gone leaves them as it leaves today's: the hits behind it move up, and deeper ones fill the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.baseline.snapshot import DIGITS, data_changes
from relevance.evaluation import score_hits
from relevance.records import HITS
from relevance.text import plural, some

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import numpy.typing as npt

    from relevance.baseline.snapshot import Measurement, Snapshot
    from relevance.evaluation import Metric

    _Floats = npt.NDArray[np.float64]
    _Bools = npt.NDArray[np.bool_]
    _Hits = tuple[tuple[str, ...], ...]

_NAMED = 3


@dataclass(frozen=True, eq=False)
class Sides:
    """A baseline and a session with the same queries in the same order, ascending ids.

    Attributes:
        before: the baseline's rankings without products that are gone, scored by today's judgments.
        now: the session's, of the queries that both have.
        notes: what could not be compared or scored anew, a line each.
        refilled: hits that have moved into the baseline's first ten, as products before them are gone.
        gone_products: products of the baseline's rankings that are gone.
        new_products: hits among the session's first ten that are products new since, by strategy; empty where that is
            not known.
        compared: how many queries are compared.
        of: how many the baseline has.
    """

    before: Snapshot
    now: Snapshot
    notes: tuple[str, ...] = ()
    refilled: int = 0
    gone_products: int = 0
    new_products: Mapping[str, int] = field(default_factory=dict)
    compared: int = 0
    of: int = 0


def by_todays_data(before: Snapshot, now: Snapshot, products: Collection[str] | None = None) -> Sides:
    """Make both sides comparable by the session's data; where nothing of these has changed, both stay as they are.

    A metric that the baseline does not have is computed from its hits where these are deep enough.

    Args:
        before: the baseline.
        now: the session.
        products: ids of today's products; None: as far as the session's snapshot says.
    """
    of = len(before.queries)
    if not data_changes(before, now):
        rescored = _Rescored(before, now, before.strategies, highest=_highest(now), by_others=False)
        return Sides(rescored.side(), now, rescored.notes(), compared=of, of=of)
    rows, notes = _same_queries(before, now)
    old, new = _selected(before, [left for left, _ in rows]), _selected(now, [right for _, right in rows])
    gone, unknown = _gone(old, new, products)
    hits = {name: _without(one.hits, gone) for name, one in old.strategies.items()}
    refilled = sum(
        len(left[:HITS]) - sum(product not in gone for product in was[:HITS])
        for name, one in old.strategies.items()
        for was, left in zip(one.hits, hits[name], strict=True)
        if was is not left
    )
    shortened = {name: replace(one, hits=hits[name]) for name, one in old.strategies.items()}
    highest = _highest(now)
    by_others = (before.relevant_from, _highest(before)) != (now.relevant_from, highest)
    rescored = _Rescored(old, new, shortened, highest=highest, by_others=by_others)
    added, unknown_too = _new_products(before, new)
    notes += [*unknown, *unknown_too, *rescored.notes()]
    if gone:
        moved = f"{plural(refilled, 'hit')} behind them moved into its first {HITS}"
        notes.append(f"{plural(len(gone), 'product')} of the baseline's rankings gone: {moved}")
    if some_new := [f"{name} {number:,}" for name, number in added.items() if number]:
        notes.append(f"hits among the first {HITS} that are products new since: {', '.join(some_new)}")
    return Sides(rescored.side(), new, tuple(notes), refilled, len(gone), added, len(rows), of)


def judged_as_before(before: Snapshot, now: Snapshot) -> tuple[Snapshot, str]:
    """A session as if nothing that a baseline says of how its queries count had been changed or removed.

    That are its judgments, the lowest relevant grade, weights and tags. Judgments that are new since count, those of
    products that are gone do not. A query that no longer has a judgment is in no session, and stays out.

    Returns:
        The session scored by them, and what was other, in numbers; the session itself and "" where nothing was.
    """
    rows = {query: row for row, query in enumerate(now.queries)}
    pairs = [(old, rows[query]) for old, query in enumerate(before.queries) if query in rows]
    lost = {product for old, new in pairs for product in before.grades[old].keys() - now.grades[new].keys()}
    if lost and before.dataset.corpus != now.dataset.corpus and now.products_seen is not None:
        lost = now.products_seen.among(lost)
    grades = list(now.grades)
    changed = removed = queries = 0
    for old, new in pairs:
        today, then = now.grades[new], before.grades[old]
        other = {one: grade for one, grade in then.items() if grade != today.get(one, grade)}
        gone = {one: grade for one, grade in then.items() if one not in today and one in lost}
        grades[new] = {**today, **other, **gone}
        changed, removed, queries = changed + len(other), removed + len(gone), queries + bool(other or gone)
    weights, other_weights = _as_before(before.weights, now.weights, pairs, of=len(rows), usual=1)
    tags, other_tags = _as_before(before.tags, now.tags, pairs, of=len(rows), usual=())
    numbers = {"changed": changed, "removed": removed}
    parts = [f"{plural(number, 'judgment')} {what}" for what, number in numbers.items() if number]
    changes = [f"{' and '.join(parts)}, of {plural(queries, 'query')}"] if parts else []
    marks = {"weight": other_weights, "tags": other_tags}
    changes += [f"{what} of {plural(number, 'query')}" for what, number in marks.items() if number]
    if before.relevant_from != now.relevant_from:
        changes.append("the lowest relevant grade")
    if not changes:
        return now, ""
    then_judged = replace(
        now, grades=tuple(grades), relevant_from=before.relevant_from, weights=tuple(weights), tags=tuple(tags)
    )
    highest = _highest(then_judged)
    by_others = (now.relevant_from, _highest(now)) != (before.relevant_from, highest)
    rescored = _Rescored(now, then_judged, now.strategies, highest=highest, by_others=by_others)
    return rescored.side(), ", ".join(changes)


def _as_before(
    before: Sequence[Any], now: Sequence[Any], pairs: Sequence[tuple[int, int]], *, of: int, usual: object
) -> tuple[Sequence[Any], int]:
    """What queries have in a session, that of a baseline where it knows the query; and how often that is another."""
    values = [*now] or [usual] * of
    others = [(new, before[old] if before else usual) for old, new in pairs]
    others = [(new, was) for new, was in others if was != values[new]]
    for new, was in others:
        values[new] = was
    return (values if others else now), len(others)


def _same_queries(before: Snapshot, now: Snapshot) -> tuple[list[tuple[int, int]], list[str]]:
    """The rows of the judged queries that ask the same on both sides, and what to say of the others."""
    old, new = before.judged(), now.judged()
    rows = {query: row for row, query in enumerate(before.queries)}
    other = [
        query for query in new if query in old and (old[query][0], old[query][2]) != (new[query][0], new[query][2])
    ]
    same = [(rows[query], row) for row, query in enumerate(now.queries) if query in rows and query not in {*other}]
    left_out = {
        "new since the baseline": [query for query in new if query not in old],
        "gone, or without a judgment now": [query for query in old if query not in new],
        "with another text or other parameters": other,
    }
    lines = [
        f"not compared: {plural(len(queries), 'query')} {what} ({some(queries, _NAMED)})"
        for what, queries in left_out.items()
        if queries
    ]
    return same, lines


def _selected(snapshot: Snapshot, rows: Sequence[int]) -> Snapshot:
    """With some of its queries; data set, hashes and run times stay those of the whole."""
    strategies = {
        name: replace(
            one,
            metrics={metric: values[rows] for metric, values in one.metrics.items()},
            hits=tuple(one.hits[row] for row in rows),
        )
        for name, one in snapshot.strategies.items()
    }
    return replace(
        snapshot,
        queries=tuple(snapshot.queries[row] for row in rows),
        texts=tuple(snapshot.texts[row] for row in rows),
        grades=tuple(snapshot.grades[row] for row in rows),
        params=tuple(snapshot.params[row] for row in rows) if snapshot.params else (),
        weights=tuple(snapshot.weights[row] for row in rows) if snapshot.weights else (),
        tags=tuple(snapshot.tags[row] for row in rows) if snapshot.tags else (),
        strategies=strategies,
    )


def _gone(before: Snapshot, now: Snapshot, products: Collection[str] | None) -> tuple[set[str], list[str]]:
    """Products of the baseline's rankings that today's catalogue does not have; a line where that is not known."""
    if before.dataset.corpus == now.dataset.corpus:
        return set(), []
    known = {product for one in before.strategies.values() for hits in one.hits for product in hits}
    if products is not None:
        return known.difference(products), []
    if now.products_seen is not None:
        return known - now.products_seen.among(known), []
    return set(), ["which products are gone is not known: they stay in the baseline's rankings"]


def _without(hits: _Hits, gone: set[str]) -> _Hits:
    return tuple(tuple(one for one in row if one not in gone) if not gone.isdisjoint(row) else row for row in hits)


def _new_products(before: Snapshot, now: Snapshot) -> tuple[dict[str, int], list[str]]:
    if before.dataset.corpus == now.dataset.corpus:
        return {}, []
    if before.products_seen is None:
        return {}, ["which hits are products new since is not known"]
    both = [name for name in now.strategies if name in before.strategies]
    shown = {name: [product for hits in now.strategies[name].hits for product in hits[:HITS]] for name in both}
    old = before.products_seen.among({product for hits in shown.values() for product in hits})
    return {name: sum(product not in old for product in hits) for name, hits in shown.items()}, []


class _Rescored:
    """The baseline by today's judgments, and what could not be scored by them.

    Args:
        before: the baseline, as it was.
        now: the session, with the same queries in the same order.
        strategies: of the baseline, with the hits that are left.
        highest: the highest grade of today's judgments.
        by_others: whether what holds for all queries is another, so that none keeps its values.
    """

    def __init__(
        self, before: Snapshot, now: Snapshot, strategies: Mapping[str, Measurement], *, highest: float, by_others: bool
    ) -> None:
        self._before, self._now, self._highest = before, now, highest
        pairs = zip(before.grades, now.grades, strict=True)
        self._judged = np.array([by_others or left != right for left, right in pairs], dtype=bool)
        self._as_it_was: dict[str, int] = {}
        self._short: list[tuple[float, str, int]] = []
        self._strategies = {name: self._rescored(name, one) for name, one in strategies.items()}

    def side(self) -> Snapshot:
        """The baseline by today's data: the same object where nothing has changed."""
        before, now = self._before, self._now
        same = (before.weights, before.tags) == (now.weights, now.tags) and not self._judged.any()
        if same and all(one is before.strategies[name] for name, one in self._strategies.items()):
            return before
        return replace(
            before,
            strategies=self._strategies,
            grades=now.grades,
            relevant_from=now.relevant_from,
            weights=now.weights,
            tags=now.tags,
        )

    def notes(self) -> tuple[str, ...]:
        """What could not be scored anew, a line each."""
        kept, lines = self._before.kept, []
        for metric, queries in self._as_it_was.items():
            what = f"{metric} looks deeper than the {kept} hits that the baseline keeps"
            lines.append(f"{what}: compared as it was scored then, {plural(queries, 'query')} of it by other data")
        if self._short:
            most, where, lists = max(self._short)
            what = f"{plural(lists, 'list')} of the baseline lack hits, as it keeps {kept} and products are gone"
            lines.append(f"{what}: its mean may be up to {100 * most:.2g}% higher than said ({where})")
        return tuple(lines)

    def _rescored(self, name: str, one: Measurement) -> Measurement:
        was, today = self._before.strategies[name], self._now.strategies.get(name)
        wanted = dict.fromkeys(
            [*was.metrics, *(metric for metric in (today.metrics if today else ()) if not metric.needs_baseline)]
        )
        moved = np.array([left is not right for left, right in zip(was.hits, one.hits, strict=True)], dtype=bool)
        rows = {
            metric: self._judged | moved if metric in was.metrics else np.ones(len(moved), bool) for metric in wanted
        }
        deep = [metric for metric in wanted if metric.cutoff > self._before.kept or metric.needs_baseline]
        for metric in deep:
            if metric in was.metrics and rows[metric].any():
                self._as_it_was[str(metric)] = max(int(rows[metric].sum()), self._as_it_was.get(str(metric), 0))
        again = [metric for metric in wanted if metric not in deep and rows[metric].any()]
        if not again:
            return one
        scored = self._score(again, one.hits, np.any([rows[metric] for metric in again], axis=0), was)
        self._note_short(name, one.hits, was, scored)
        known = {**was.metrics, **scored}
        return replace(one, metrics={metric: known[metric] for metric in wanted if metric in known})

    def _score(
        self, metrics: Sequence[Metric], hits: Sequence[Sequence[str]], rows: _Bools, was: Measurement
    ) -> dict[Metric, _Floats]:
        """Of some rows; the values of the others are those that were."""
        at = np.flatnonzero(rows).tolist()
        grades = [self._now.grades[row] for row in at]
        scored = score_hits(
            metrics,
            [hits[row] for row in at],
            grades,
            relevant_from=self._now.relevant_from,
            highest=self._highest,
        )
        values = {}
        for metric, new in scored.items():
            values[metric] = was.metrics[metric].copy() if metric in was.metrics else np.empty(len(rows))
            values[metric][at] = np.round(new, DIGITS)
        return values

    def _note_short(self, name: str, hits: _Hits, was: Measurement, scored: Mapping[Metric, _Floats]) -> None:
        """Note by how much a mean would rise at most, stood the best products where hits are not known."""
        for metric, values in scored.items():
            lists = enumerate(zip(was.hits, hits, strict=True))
            rows = [
                row
                for row, (whole, left) in lists
                if len(whole) == self._before.kept and len(left) < min(len(whole), metric.cutoff)
            ]
            if rows and values.sum() > 0:
                grades = [self._now.grades[row] for row in rows]
                filled = [_filled(hits[row], one, metric.cutoff) for row, one in zip(rows, grades, strict=True)]
                limits = {"relevant_from": self._now.relevant_from, "highest": self._highest}
                best = score_hits([metric], filled, grades, **limits)[metric]
                gain = float(np.maximum(best - values[rows], 0).sum() / values.sum())
                self._short.append((gain, f"{name}, {metric}", len(rows)))


def _highest(snapshot: Snapshot) -> float:
    return max((grade for judged in snapshot.grades for grade in judged.values()), default=0)


def _filled(hits: Sequence[str], grades: Mapping[str, float], length: int) -> list[str]:
    """With the best of the other judged products behind the last hit."""
    others = sorted((one for one in grades if one not in hits), key=lambda one: -grades[one])
    return [*hits, *others[: length - len(hits)]]

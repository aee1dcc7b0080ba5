"""A baseline and a session made comparable: both by the session's queries, judgments and products.

Snapshots keep more hits than are compared. So rankings can be scored by other judgments, and a product that only one
side has leaves its rankings: the hits behind it move up, and deeper ones fill the end. A strategy that has not changed
ranks what both sides have in the same order, so that it shows no difference.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.baseline.snapshot import DIGITS, data_changes
from relevance.evaluation import NDCG10, score_hits
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
        now: the session's without products that are new since, of the queries that both have.
        notes: what could not be compared or scored anew, a line each.
        refilled: hits that have moved into the baseline's first ten, as products before them are gone.
        gone_products: products of the baseline's rankings that are gone.
        new_products: hits among the session's first ten that are products new since, by strategy; empty where that is
            not known.
        compared: how many queries are compared.
        of: how many the baseline has.
        lost: how many queries are not, as their relevant products are gone or have other ids.
    """

    before: Snapshot
    now: Snapshot
    notes: tuple[str, ...] = ()
    refilled: int = 0
    gone_products: int = 0
    new_products: Mapping[str, int] = field(default_factory=dict)
    compared: int = 0
    of: int = 0
    lost: int = 0


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
    gone, unknown = _gone(before, now, products)
    fresh, unknown_too = _new_products(before, now)
    lost = dict.fromkeys(row for row in rows if _is_lost(before, now, row, gone, fresh))
    if lost:
        queries = some([now.queries[row] for _, row in lost], _NAMED)
        what = "whose relevant products are gone, or have other ids now"
        notes.append(f"not compared: {plural(len(lost), 'query')} {what} ({queries})")
        rows = [row for row in rows if row not in lost]
    old, new = _selected(before, [left for left, _ in rows]), _selected(now, [right for _, right in rows])
    if before.products_seen is None:
        fresh = set()
    left, right = _common(old, new, gone, fresh)
    refilled = sum(
        len(short[:HITS]) - sum(product not in gone for product in was[:HITS])
        for name, one in left.items()
        for was, short in zip(old.strategies[name].hits, one.hits, strict=True)
        if not gone.isdisjoint(was)
    )
    known = tuple({product: grade for product, grade in one.items() if product not in fresh} for one in new.grades)
    today = replace(new, grades=known)
    highest = _highest(today)
    by_others = (before.relevant_from, _highest(before)) != (now.relevant_from, highest)
    rescored = _Rescored(old, today, left, highest=highest, by_others=by_others)
    cut = _Rescored(new, today, right, highest=highest, by_others=highest != _highest(now))
    notes += [*unknown, *unknown_too, *dict.fromkeys((*rescored.notes(), *cut.notes()))]
    ranked = {product for one in old.strategies.values() for hits in one.hits for product in hits if product in gone}
    if ranked:
        moved = f"{plural(refilled, 'hit')} behind them moved into its first {HITS}"
        notes.append(f"{plural(len(ranked), 'product')} of the baseline's rankings gone: {moved}")
    session = cut.side()
    added = _added(before, new, fresh)
    if some_new := [_with_new(name, number, new, session) for name, number in added.items() if number]:
        notes.append(f"products new since, among the first {HITS} hits, left out: {', '.join(some_new)}")
    return Sides(rescored.side(), session, tuple(notes), refilled, len(ranked), added, len(rows), of, len(lost))


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
    known = _known(before)
    if products is not None:
        return known.difference(products), []
    if now.products_seen is not None:
        return known - now.products_seen.among(known), []
    return set(), ["which products are gone is not known: they stay in the baseline's rankings"]


def _new_products(before: Snapshot, now: Snapshot) -> tuple[set[str], list[str]]:
    """Products of the session that the baseline's catalogue did not have; a line where that is not known.

    Where it is not known, they are those that the baseline neither judges nor ranks.
    """
    if before.dataset.corpus == now.dataset.corpus:
        return set(), []
    today = _known(now)
    if before.products_seen is None:
        return today - _known(before), ["which hits are products new since is not known"]
    return today - before.products_seen.among(today), []


def _known(snapshot: Snapshot) -> set[str]:
    """All products that are judged or ranked."""
    ranked = {product for one in snapshot.strategies.values() for hits in one.hits for product in hits}
    return ranked.union(*snapshot.grades)


def _is_lost(before: Snapshot, now: Snapshot, row: tuple[int, int], gone: set[str], fresh: set[str]) -> bool:
    """Whether nothing can be said of a query, as what was relevant is not there.

    None of it is left, or for more than half of it something new is relevant instead: the same products by other ids,
    or others that the baseline could not find.
    """
    sides = ((before, before.grades[row[0]]), (now, now.grades[row[1]]))
    were, are = ({one for one, grade in grades.items() if grade >= side.relevant_from} for side, grades in sides)
    replaced = min(len(were & gone), len(are & fresh))
    return not were.isdisjoint(gone) and (are <= fresh or 2 * replaced > len(were))


def _common(
    old: Snapshot, new: Snapshot, gone: set[str], fresh: set[str]
) -> tuple[dict[str, Measurement], dict[str, Measurement]]:
    """The strategies of both sides with the hits that both sides can have.

    A list that was full and has lost some hits is not known any further: there the other side's ends as well.
    """
    left = {name: _without(one, gone) for name, one in old.strategies.items()}
    right = {name: _without(one, fresh) for name, one in new.strategies.items()}
    for name in left.keys() & right.keys():
        ends = [
            min(pair)
            for pair in zip(
                _known_until(old.strategies[name].hits, left[name].hits, old.kept),
                _known_until(new.strategies[name].hits, right[name].hits, new.kept),
                strict=True,
            )
        ]
        left[name], right[name] = _ended(left[name], ends), _ended(right[name], ends)
    return left, right


def _known_until(whole: _Hits, common: _Hits, kept: int) -> list[int]:
    """How many ranks of each list are known without some of its hits; a list that was not full has no more."""
    lists = zip(whole, common, strict=True)
    return [len(left) if len(left) < len(was) == kept else sys.maxsize for was, left in lists]


def _without(measured: Measurement, products: set[str]) -> Measurement:
    if not products:
        return measured
    return replace(
        measured,
        hits=tuple(
            tuple(one for one in row if one not in products) if not products.isdisjoint(row) else row
            for row in measured.hits
        ),
    )


def _ended(measured: Measurement, ends: Sequence[int]) -> Measurement:
    lists = zip(measured.hits, ends, strict=True)
    return replace(measured, hits=tuple(hits[:end] if len(hits) > end else hits for hits, end in lists))


def _added(before: Snapshot, new: Snapshot, fresh: set[str]) -> dict[str, int]:
    """How many hits among the first ten are new products, by strategy; empty where that is not known."""
    if before.dataset.corpus == new.dataset.corpus or before.products_seen is None:
        return {}
    both = {name: one.hits for name, one in new.strategies.items() if name in before.strategies}
    return {name: sum(one in fresh for row in hits for one in row[:HITS]) for name, hits in both.items()}


def _with_new(name: str, hits: int, whole: Snapshot, without: Snapshot) -> str:
    """What new products add to a strategy, for people."""
    metrics, cut = whole.strategies[name].metrics, without.strategies[name].metrics
    if NDCG10 not in metrics:
        return f"{name} {hits:,}"
    return f"{name} {hits:,} ({NDCG10} {metrics[NDCG10].mean():.4f} with them, {cut[NDCG10].mean():.4f} without)"


class _Rescored:
    """A side by today's judgments, and what could not be scored by them.

    Args:
        before: the side, as it was.
        now: the session, with the same queries in the same order, and the judgments that count.
        strategies: of the side, with the hits that are left.
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
        self._short = 0
        self._strategies = {name: self._rescored(name, one) for name, one in strategies.items()}

    def side(self) -> Snapshot:
        """The side by today's data: the same object where nothing has changed."""
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
            what = f"{metric} looks deeper than the {kept} hits that are kept"
            lines.append(f"{what}: compared as it was scored, {plural(queries, 'query')} of it by other data")
        if self._short:
            lists = plural(self._short, "list")
            lines.append(f"{lists} compared on fewer than {HITS} hits: {kept} are kept, and products are gone or new")
        return tuple(lines)

    def _rescored(self, name: str, one: Measurement) -> Measurement:
        was, today = self._before.strategies[name], self._now.strategies.get(name)
        wanted = dict.fromkeys(
            [*was.metrics, *(metric for metric in (today.metrics if today else ()) if not metric.needs_baseline)]
        )
        self._short += sum(len(left) < min(len(right), HITS) for left, right in zip(one.hits, was.hits, strict=True))
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


def _highest(snapshot: Snapshot) -> float:
    return max((grade for judged in snapshot.grades for grade in judged.values()), default=0)

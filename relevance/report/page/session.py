"""What the page of a session or a comparison holds: the document of `results.json`, and its queries one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.evaluation import JUDGED10
from relevance.gate import kinds_of
from relevance.history import levels
from relevance.records import HITS
from relevance.report.page import html_page
from relevance.significance import SAME
from relevance.text import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

    from relevance.baseline import Measurement, Snapshot
    from relevance.diagnosis import Diagnosis
    from relevance.evaluation import Metric
    from relevance.gate import Comparison
    from relevance.history import Version

MOST_RANKINGS = 2_000
"""So many rankings a page holds, of all strategies together; numbers it has of all queries."""

MOST_TITLES = 1_000_000
"""So many characters the products of these rankings have, ids and titles together: rankings beyond are left out."""

_DIGITS = 6
_DIGITS_36 = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, eq=False)
class View:
    """A session as one comparison sees it, or beside nothing.

    Attributes:
        now: the session, with the queries and products that both sides have.
        before: the baseline, likewise; None where there is none.
        comparison: what the gate said of them.
        diagnosis: why.
    """

    now: Snapshot
    before: Snapshot | None = None
    comparison: Comparison | None = None
    diagnosis: Diagnosis | None = None


def session_page(
    document: Mapping[str, Any],
    views: Sequence[View],
    *,
    leading: Metric,
    titles: Mapping[str, str],
    versions: Sequence[Version] = (),
) -> str:
    """Give the page of a session.

    Args:
        document: what `results.json` holds, from which the page has all numbers that are no query's.
        views: one for each of the document's comparisons, in their order; one without any where there are none.
        leading: the metric that queries are told apart by, where the diagnosis of a strategy names no other.
        titles: of products, by id, as far as known.
        versions: of earlier commits and of the session, by time.
    """
    title = f"{document['dataset']['name']}: {plural(len(document['strategies']), 'strategy')}"
    payload = session_payload(document, views, leading=leading, titles=titles)
    return html_page("session", title, {**payload, "history": history_of(versions)})


def history_of(versions: Sequence[Version]) -> dict[str, Any] | None:
    """The leading metric by version and strategy, null where it was not measured; None where nothing can be compared.

    All values are as if every version had the newest one's queries, see `relevance.history.levels`.
    """
    courses = {name: course_of(versions, name) for name in (versions[-1].values if versions else ())}
    values = {name: one for name, one in courses.items() if len(one) - one.count(None) > 1}
    return {"versions": [commit_of(one) for one in versions], "values": values} if values else None


def course_of(versions: Sequence[Version], name: str) -> list[float | None]:
    """The means of a strategy by version, see `relevance.history.levels`; None where it was not measured."""
    measured = [at for at, one in enumerate(versions) if name in one.values]
    numbers = dict(zip(measured, levels([versions[at] for at in measured], name).tolist(), strict=True))
    return [_rounded(numbers.get(at)) for at in range(len(versions))]


def commit_of(version: Version) -> dict[str, Any]:
    """What a page says of a version."""
    commit = version.commit
    date = commit.time.date().isoformat()
    return {"commit": commit.label, "date": date, "subject": commit.subject, "accepted": version.accepted}


def session_payload(
    document: Mapping[str, Any], views: Sequence[View], *, leading: Metric, titles: Mapping[str, str]
) -> dict[str, Any]:
    """What the page holds, as JSON values; `session.js` says how it is read."""
    products = _Products(titles)
    drawn = [_view(one, leading, products, share=1 / len(views)) for one in views]
    return {
        "results": document,
        "leading": str(leading),
        "relevant_from": views[0].now.relevant_from,
        "highest": max((grade for view in views for one in view.now.grades for grade in one.values()), default=0),
        "views": drawn,
        "products": products.table,
    }


class _Products:
    """Products by number, so that each id and title stands in a page once."""

    def __init__(self, titles: Mapping[str, str]) -> None:
        self._titles = titles
        self._numbers: dict[str, int] = {}
        self.table: list[tuple[str, str | None]] = []
        self.characters = 0

    def numbers(self, products: Sequence[str]) -> list[int]:
        """The numbers of some, new ones where they have none."""
        for one in products:
            if one not in self._numbers:
                self._numbers[one] = len(self.table)
                title = self._titles.get(one)
                self.table.append((one, title))
                self.characters += len(one) + len(title or "")
        return [self._numbers[one] for one in products]

    def of_numbers(self, grades: Mapping[str, float]) -> dict[int, float]:
        """Grades by number, of the products that have one: those of rankings."""
        return {self._numbers[one]: grade for one, grade in grades.items() if one in self._numbers}


@dataclass(frozen=True, eq=False)
class _Side:
    """A strategy in a view: `before` is None where the baseline lacks it; `drops` are positive where it is worse."""

    metric: Metric
    before: Measurement | None
    now: Measurement
    drops: npt.NDArray[np.float64]
    reranked: npt.NDArray[np.bool_]

    @property
    def changed(self) -> npt.NDArray[np.bool_]:
        return (np.abs(self.drops) > SAME) | self.reranked


def _side(view: View, name: str, leading: Metric) -> _Side:
    now, before = view.now.strategies[name], view.before.strategies.get(name) if view.before else None
    why = view.diagnosis.of(name) if view.diagnosis else None
    both = [metric for metric in now.metrics if before is None or metric in before.metrics]
    told = [metric for metric in both if (str(metric) == why.metric if why else metric == leading)]
    metric = (told or both or list(now.metrics))[0]
    if before is None or metric not in before.metrics:
        same = np.zeros(len(now.hits))
        return _Side(metric, None, now, same, same > 0)
    sign = -1 if metric.lower_is_better else 1
    pairs = zip(before.hits, now.hits, strict=True)
    reranked = np.fromiter((old[:HITS] != new[:HITS] for old, new in pairs), dtype=np.bool_)
    return _Side(metric, before, now, (before.metrics[metric] - now.metrics[metric]) * sign, reranked)


def _view(view: View, leading: Metric, products: _Products, *, share: float) -> dict[str, Any]:
    now = view.now
    sides = {name: _side(view, name, leading) for name in now.strategies}
    rows = {query: row for row, query in enumerate(now.queries)}
    kinds = kinds_of(now)
    strategies = {name: _strategy(view, name, side, rows) for name, side in sides.items()}
    most, shown_rows = products.characters + share * MOST_TITLES, set()
    for name, row in _worth_showing(sides)[: int(share * MOST_RANKINGS)]:
        if products.characters > most:
            break
        strategies[name]["rankings"].append(_rankings(sides[name], row, products))
        shown_rows.add(row)
    return {
        "baseline": view.comparison.baseline if view.comparison else None,
        "ids": now.queries,
        "texts": now.labels,
        "kinds": {name: "".join("01"[one] for one in inside.tolist()) for name, inside in kinds.items()},
        "grades": {row: products.of_numbers(now.grades[row]) for row in sorted(shown_rows)},
        "strategies": strategies,
        "differs": view.comparison.differs if view.comparison else (),
    }


def _worth_showing(sides: Mapping[str, _Side]) -> list[tuple[str, int]]:
    """Strategies and rows: those that changed most, strategies taking turns; then those with the lowest value."""
    turns: list[tuple[bool, int, int, str, int]] = []
    for at, (name, side) in enumerate(sides.items()):
        values = side.now.metrics[side.metric] * (-1 if side.metric.lower_is_better else 1)
        order = np.lexsort((values, ~side.reranked, -np.abs(side.drops)))
        changed = side.changed[order].tolist()
        turns += [(not changed[turn], turn, at, name, row) for turn, row in enumerate(order.tolist())]
    return [(name, row) for *_, name, row in sorted(turns)]


def _strategy(view: View, name: str, side: _Side, rows: Mapping[str, int]) -> dict[str, Any]:
    why = view.diagnosis.of(name) if view.diagnosis else None
    after = side.now.metrics[side.metric]
    before = {}
    if side.before is not None:
        old = side.before.metrics[side.metric].tolist()
        before = {row: round(old[row], _DIGITS) for row in np.flatnonzero(np.abs(side.drops) > SAME).tolist()}
    holes = view.comparison.holes.get(name) if view.comparison else None
    unjudged = [0] * len(after)
    for one in holes.to_judge if holes else ():
        unjudged[rows[one.query]] += 1  # of both sides' first ten: 20 at most
    return {
        "metric": str(side.metric),
        "lower_is_better": side.metric.lower_is_better,
        "compared": side.before is not None,
        "after": [round(value, _DIGITS) for value in after.tolist()],
        "before": before,
        "reranked": np.flatnonzero(side.reranked).tolist(),
        "unjudged": "".join(_DIGITS_36[one] for one in unjudged) if any(unjudged) else "",
        "rankings": [],
        **({} if why is None else _reasons(why, rows)),
    }


def _reasons(why: Any, rows: Mapping[str, int]) -> dict[str, Any]:
    legs = [{"leg": one.leg, "before": one.before, "after": one.after, "lost": one.lost} for one in why.legs]
    return {
        "legs": [{**one, **{side: _rounded(one[side]) for side in ("before", "after")}} for one in legs],
        "legs_note": why.legs_note,
        "reasons": {rows[query]: reasons for query, reasons in why.explained.items()},
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


def _rankings(side: _Side, row: int, products: _Products) -> dict[str, Any]:
    """Both rankings of a query and all its metrics; what is as before stands once."""
    after = products.numbers(side.now.hits[row][:HITS])
    one: dict[str, Any] = {"row": row, "after": after, "metrics": dict(_metrics(side, row))}
    if side.before is not None and side.reranked[row]:
        one["before"] = products.numbers(side.before.hits[row][:HITS])
    return one


def _metrics(side: _Side, row: int) -> Iterator[tuple[str, list[float]]]:
    """Before and now, or now alone, by metric."""
    for metric, values in side.now.metrics.items():
        if metric == JUDGED10:
            continue
        old = side.before.metrics.get(metric) if side.before else None
        yield str(metric), [round(float(one[row]), _DIGITS) for one in (old, values) if one is not None]

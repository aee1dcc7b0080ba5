"""Two snapshots side by side: the same queries in the same order, or what keeps them from being compared."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from relevance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from relevance.baseline.snapshot import Measured, Snapshot
    from relevance.evaluation import Metric

    _Ints = npt.NDArray[np.int64]

__all__ = ["joined", "on_common_queries", "values"]

_SHOWN = 3


def joined(before: Snapshot, now: Snapshot) -> tuple[_Ints, _Ints]:
    """The rows of both snapshots in the order of the query ids as text; the order decides what a seed gives.

    Raises:
        InputError: a snapshot holds a query twice, or they hold different queries.
    """
    for what, snapshot in (("the baseline", before), ("this session", now)):
        if len(set(snapshot.queries)) < len(snapshot.queries):
            raise InputError(f"{what} holds a query twice; an id may occur once")
    gone = sorted(set(before.queries) - set(now.queries))
    new = sorted(set(now.queries) - set(before.queries))
    if gone or new:
        parts = [f"{len(ids)} {what} ({_some(ids)})" for ids, what in ((new, "new"), (gone, "gone")) if ids]
        raise InputError(f"other queries than the baseline's: {', '.join(parts)}; allowed: the same queries")
    return _order(before.queries), _order(now.queries)


def _some(ids: Sequence[str]) -> str:
    shown = ", ".join(map(repr, ids[:_SHOWN]))
    return f"{shown}, …" if len(ids) > _SHOWN else shown


def _order(ids: Sequence[str]) -> _Ints:
    return np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.int64)


def values(measured: Measured, metric: Metric, rows: _Ints, ids: Sequence[str], where: str) -> npt.NDArray[np.float64]:
    """The numbers of a metric for `rows`, which are the rows of all queries in another order.

    Raises:
        InputError: there are not as many as queries, or one is not finite.
    """
    found = np.asarray(measured.metrics[metric], dtype=np.float64)
    if found.shape != rows.shape:
        raise InputError(
            f"{where}, {metric}: numbers of shape {found.shape}; allowed: one for each of {len(rows)} queries"
        )
    wrong = np.flatnonzero(~np.isfinite(found))
    if len(wrong):
        raise InputError(f"{where}, {metric}: {found[wrong[0]]} for query {ids[wrong[0]]!r}; allowed: finite numbers")
    return found[rows]


def on_common_queries(before: Snapshot, now: Snapshot) -> tuple[Snapshot, Snapshot]:
    """Both snapshots with the queries alone that have the same id, text and judgments in both.

    Run times are of all queries that were measured, so they are left out where some are not common.

    Raises:
        InputError: there is no such query, or the lowest relevant grade is another one.
    """
    if before.relevant_from != now.relevant_from:
        found = f"relevant_from is {now.relevant_from} and was {before.relevant_from}"
        raise InputError(f"{found}, so that no query is judged as before; allowed: the same")
    known = {query: (text, dict(grades)) for query, text, grades in _rows(before)}
    common = {query for query, text, grades in _rows(now) if known.get(query) == (text, dict(grades))}
    if not common:
        raise InputError("no query has the same id, text and judgments as in the baseline; one at least is needed")
    timed = len(common) == len(before.queries) == len(now.queries)
    return _restricted(before, common, timed=timed), _restricted(now, common, timed=timed)


def _rows(snapshot: Snapshot) -> zip[tuple[str, str, dict[str, int]]]:
    return zip(snapshot.queries, snapshot.texts, map(dict, snapshot.grades), strict=True)


def _restricted(snapshot: Snapshot, queries: set[str], *, timed: bool) -> Snapshot:
    rows = [row for row, query in enumerate(snapshot.queries) if query in queries]
    return replace(
        snapshot,
        queries=tuple(snapshot.queries[row] for row in rows),
        texts=tuple(snapshot.texts[row] for row in rows),
        grades=tuple(snapshot.grades[row] for row in rows),
        strategies=MappingProxyType({name: _part(one, rows, timed=timed) for name, one in snapshot.strategies.items()}),
    )


def _part(measured: Measured, rows: list[int], *, timed: bool) -> Measured:
    return replace(
        measured,
        metrics=MappingProxyType({metric: found[rows] for metric, found in measured.metrics.items()}),
        hits=tuple(measured.hits[row] for row in rows),
        run_time_s=measured.run_time_s if timed else None,
    )

"""Two snapshots side by side: the same queries in the same order, or what keeps them from being compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from relevance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from relevance.baseline.snapshot import Measured, Snapshot
    from relevance.evaluation import Metric

    _Ints = npt.NDArray[np.int64]

__all__ = ["joined", "values"]

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

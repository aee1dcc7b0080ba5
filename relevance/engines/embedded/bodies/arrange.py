"""What happens to the hits of a search after they are scored: cut, rescored, sorted, collapsed."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    Docs = npt.NDArray[np.int64]
    Scores = npt.NDArray[np.float32]

DEFAULT_WINDOW = 10
MOST_IN_WINDOW = 10_000
_ONE = np.float32(1)

RESCORE_MODES: Mapping[str, Callable[[Scores, Scores], Scores]] = MappingProxyType(
    {
        "total": np.add,
        "multiply": np.multiply,
        "avg": lambda first, second: (first + second) / np.float32(2),
        "max": np.maximum,
        "min": np.minimum,
    }
)


def by_score(docs: Docs, scores: Scores, most: int | None = None) -> tuple[Docs, Scores]:
    """Order hits by score descending, then document ascending, and keep the first `most`.

    Args:
        docs: any order.
        scores: of these.
        most: None: all.
    """
    if most is not None and 0 < most < len(docs):
        edge = np.partition(scores, -most)[-most]
        kept = np.flatnonzero(scores >= edge)  # with all ties of the last, so that the documents decide between them
        docs, scores = docs[kept], scores[kept]
    order = np.lexsort((docs, -scores))[:most]
    return docs[order], scores[order]


@dataclass(frozen=True)
class Rescoring:
    """One `rescore`.

    Attributes:
        docs: those that its query matches, ascending.
        scores: of these.
        window: how many of the best are scored again.
        query_weight: factor of the scores before it.
        rescore_weight: factor of the scores of its query.
        mode: one of `RESCORE_MODES`.
    """

    docs: Docs
    scores: Scores
    window: int = DEFAULT_WINDOW
    query_weight: np.float32 = _ONE
    rescore_weight: np.float32 = _ONE
    mode: str = "total"


def rescored(docs: Docs, scores: Scores, rescorings: Sequence[Rescoring], hits: int) -> tuple[Docs, Scores]:
    """Rescore hits that are ordered by score: all that the server would collect, in their new order.

    Products beyond a window are multiplied by the weight too, and all are sorted again by score, so that one of the
    window may fall behind them.

    Args:
        docs: of all hits, ordered by `by_score`.
        scores: of these.
        rescorings: one after the other.
        hits: how many the search asks for; together with the windows this decides how many take part.
    """
    most = max([hits, *(rescoring.window for rescoring in rescorings)])
    docs, scores = docs[:most], scores[:most].copy()
    for rescoring in rescorings:
        scores *= rescoring.query_weight
        window = docs[: rescoring.window]
        at = np.searchsorted(rescoring.docs, window)
        at[at == len(rescoring.docs)] = 0
        matches = rescoring.docs[at] == window if len(rescoring.docs) else np.zeros(len(window), dtype=np.bool_)
        second = rescoring.scores[at[matches]] * rescoring.rescore_weight
        rows = np.flatnonzero(matches)
        scores[rows] = RESCORE_MODES[rescoring.mode](scores[rows], second)
        order = np.lexsort((docs, -scores))
        docs, scores = docs[order], scores[order]
    return docs, scores


@dataclass(frozen=True)
class Key:
    """What hits are sorted by.

    Attributes:
        values: one of each hit, ascending in the order of the key; numbers of terms for keywords.
        has: whether a hit has a value.
        descending: the order.
        missing_first: where those without a value come.
    """

    values: npt.NDArray[np.generic]
    has: npt.NDArray[np.bool_]
    descending: bool = False
    missing_first: bool = False


def order(docs: Docs, keys: Sequence[Key], most: int | None = None) -> npt.NDArray[np.int64]:
    """Order hits by several keys, then document ascending: the places of the first `most`, or of all."""
    columns: list[npt.NDArray[Any]] = []
    for key in keys:
        if not key.has.all():
            columns.append(key.has if key.missing_first else ~key.has)
        values = np.where(key.has, key.values, np.zeros(1, dtype=key.values.dtype))
        if key.descending:
            values = -values if values.dtype.kind == "f" else ~values
        columns.append(values)
    columns.append(docs)
    places = np.arange(len(docs)) if most is None else _first(columns, np.arange(len(docs)), most)
    return places[np.lexsort([column[places] for column in reversed(columns)])]


def _first(columns: Sequence[npt.NDArray[Any]], places: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
    """The `most` places that come first by the columns, in any order."""
    if len(places) <= most or not most:
        return places[:most]
    values = columns[0][places]
    edge = np.partition(values, most - 1)[most - 1]
    before = places[values < edge]
    return np.concatenate([before, _first(columns[1:], places[values == edge], most - len(before))])


def collapsed(groups: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Keep the first hit of each group: places, ascending; all without a group (-1) are one."""
    _, first = np.unique(groups, return_index=True)
    return np.sort(first)

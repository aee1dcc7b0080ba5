"""Whether two snapshots were measured on the same data, what differs in numbers, and what they have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from relevance.baseline.snapshot import Measured, Snapshot

__all__ = ["DataChanges", "common_queries", "data_changes", "narrowed", "on_common_queries", "without_run_times"]


@dataclass(frozen=True)
class DataChanges:
    """What differs in the data, in numbers.

    Attributes:
        products: before and now; None where the corpus is the same.
        relevant_from: before and now; None where it is the same.
        new, gone, reworded: judged queries.
        changed, added, removed: judgments of the queries that both have.
        unjudged: whether queries without a judgment are others.
    """

    products: tuple[int, int] | None = None
    relevant_from: tuple[int, int] | None = None
    new: int = 0
    gone: int = 0
    reworded: int = 0
    changed: int = 0
    added: int = 0
    removed: int = 0
    unjudged: bool = False

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return self != DataChanges()

    def __str__(self) -> str:
        """All of it on one line: `12 judgments changed, 3 queries new`."""
        counted = (
            (self.changed, "judgment", "changed"),
            (self.added, "judgment", "new"),
            (self.removed, "judgment", "gone"),
            (self.new, "query", "new"),
            (self.gone, "query", "gone"),
            (self.reworded, "query", "with another text"),
        )
        parts = [f"{_counted(number, noun)} {what}" for number, noun, what in counted if number]
        if self.unjudged:
            parts.append("other queries without judgments")
        if self.products:
            before, now = self.products
            same = f"{before:,} products as before, with other content"
            parts.append(f"another corpus ({same if before == now else f'{before:,} products before, {now:,} now'})")
        if self.relevant_from:
            parts.append(f"relevant from grade {self.relevant_from[0]} before, {self.relevant_from[1]} now")
        return ", ".join(parts)


def _counted(number: int, noun: str) -> str:
    plural = "queries" if noun == "query" else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def data_changes(before: Snapshot, after: Snapshot) -> DataChanges:
    """What differs in corpus, queries and judgments; their names and everything that was measured aside."""
    old = {query: (text, grades) for query, text, grades in zip(*_judged(before), strict=True)}
    new = {query: (text, grades) for query, text, grades in zip(*_judged(after), strict=True)}
    both = [(old[query], new[query]) for query in old if query in new]
    found = DataChanges(
        products=_pair(
            before.dataset.products, after.dataset.products, differ=before.dataset.corpus != after.dataset.corpus
        ),
        relevant_from=_pair(
            before.relevant_from, after.relevant_from, differ=before.relevant_from != after.relevant_from
        ),
        new=len(new) - len(both),
        gone=len(old) - len(both),
        reworded=sum(left[0] != right[0] for left, right in both),
        changed=sum(
            grade != right[1].get(product, grade) for left, right in both for product, grade in left[1].items()
        ),
        added=sum(product not in left[1] for left, right in both for product in right[1]),
        removed=sum(product not in right[1] for left, right in both for product in left[1]),
    )
    judged_alike = not (found.new or found.gone or found.reworded)
    return replace(found, unjudged=judged_alike and before.dataset.queries != after.dataset.queries)


def _judged(snapshot: Snapshot) -> tuple[Sequence[str], Sequence[str], Sequence[Mapping[str, int]]]:
    return snapshot.queries, snapshot.texts, snapshot.grades


def _pair(before: int, after: int, *, differ: bool) -> tuple[int, int] | None:
    return (before, after) if differ else None


def common_queries(before: Snapshot, after: Snapshot) -> tuple[str, ...]:
    """The judged queries that mean the same on both sides: text, judgments and lowest relevant grade; ascending."""
    if before.relevant_from != after.relevant_from:
        return ()
    old = {query: (text, grades) for query, text, grades in zip(*_judged(before), strict=True)}
    rows = zip(*_judged(after), strict=True)
    return tuple(query for query, text, grades in rows if old.get(query) == (text, grades))


def on_common_queries(before: Snapshot, after: Snapshot) -> tuple[Snapshot, Snapshot]:
    """Both with the queries alone that mean the same in both, see `common_queries`; run times stay those of all."""
    common = common_queries(before, after)
    was, has = (narrowed(side, queries=common, strategies=side.strategies) for side in (before, after))
    return was, has


def without_run_times(snapshot: Snapshot) -> Snapshot:
    """As if no time had been taken."""
    untimed = {name: replace(one, run_time_s=None, rounds=0) for name, one in snapshot.strategies.items()}
    return replace(snapshot, strategies=MappingProxyType(untimed))


def narrowed(snapshot: Snapshot, *, queries: Collection[str], strategies: Collection[str]) -> Snapshot:
    """The part of a snapshot that is about some queries and strategies; data set and hashes stay those of the whole."""
    wanted = set(queries)
    rows = [row for row, query in enumerate(snapshot.queries) if query in wanted]
    whole = len(rows) == len(snapshot.queries)
    kept = {name: one for name, one in snapshot.strategies.items() if name in strategies}
    if whole:
        return replace(snapshot, strategies=MappingProxyType(kept))
    return replace(
        snapshot,
        queries=tuple(snapshot.queries[row] for row in rows),
        texts=tuple(snapshot.texts[row] for row in rows),
        grades=tuple(snapshot.grades[row] for row in rows),
        strategies=MappingProxyType({name: _rows_of(one, rows) for name, one in kept.items()}),
    )


def _rows_of(measured: Measured, rows: Sequence[int]) -> Measured:
    """Some rows; the run time stays that of all queries."""
    at = np.asarray(rows, dtype=np.int64)
    return replace(
        measured,
        metrics=MappingProxyType({metric: values[at] for metric, values in measured.metrics.items()}),
        hits=tuple(measured.hits[row] for row in rows),
    )

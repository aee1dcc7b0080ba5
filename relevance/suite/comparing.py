"""A session against its baselines: which files, whether they are comparable, and what the gate says of them."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

from relevance.baseline import (
    check_part,
    common_queries,
    data_changes,
    differences,
    find_baseline,
    on_common_queries,
    read_baseline,
    select,
    without_run_times,
)
from relevance.errors import InputError
from relevance.gate import Comparison, compare, compare_run_times
from relevance.suite.snapshots import snapshot_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path

    from relevance.baseline import Snapshot
    from relevance.gate import Limits
    from relevance.suite.measured import Suite

__all__ = [
    "Baseline",
    "compare_with",
    "confirm_run_times",
    "default_baseline",
    "read_checked",
    "read_replaced",
    "settle_run_times",
]


_LOOKS = 4
"""How often at most what looks slow is timed again, and all that goes into a baseline."""
_SETTLE_S = 20.0
"""No further strategy of a baseline is timed again after so long."""


@dataclass(frozen=True, eq=False)
class Baseline:
    """A baseline that was read and is comparable.

    Attributes:
        name: of its file, for people.
        snapshot: what it holds.
        on_common_queries: whether its data are others, so that what is common is compared.
    """

    name: str
    snapshot: Snapshot
    on_common_queries: bool = False


def default_baseline(folder: Path, data: Snapshot) -> Path | None:
    """The file of the data set among the benchmarks' own, None where there is none."""
    return find_baseline(folder, data.dataset.name)


def read_replaced(
    path: Path | None, data: Snapshot, measured: Collection[str], *, cwd: Path, complete: bool
) -> Snapshot | None:
    """What the file holds that an update will replace, None where there is none.

    Args:
        path: its file; None where there is none.
        data: what the session measures on; nothing has to be measured yet.
        measured: the strategies that will be.
        cwd: the folder that people see its name from.
        complete: whether the session measures all strategies that there are.

    Raises:
        InputError: the file cannot be read, or a part of it would be updated that does not belong to the rest.
    """
    if path is None:
        return None
    name = os.path.relpath(path, cwd)
    before = read_baseline(path, shown=name)
    if not complete:
        try:
            check_part(before, data, measured=measured)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
    return before


def read_checked(path: Path, data: Snapshot, *, cwd: Path, on_common_queries: bool) -> Baseline:
    """Read a baseline, and refuse one that this session cannot be compared with.

    Args:
        path: its file.
        data: what the session measures on; nothing has to be measured yet.
        cwd: the folder that people see its name from.
        on_common_queries: whether other data are allowed where some queries are common.

    Raises:
        InputError: the file cannot be used, see `read_baseline`; or its data are others, with what differs in numbers.
    """
    name = os.path.relpath(path, cwd)
    before = read_baseline(path, shown=name)
    changes = data_changes(before, data)
    if not changes:
        return Baseline(name, before)
    whose = "" if before.dataset.name == data.dataset.name else f" (it is of {before.dataset.name})"
    found = f"{name}: other data than this session's{whose}: {changes}"
    if not on_common_queries:
        allowed = "a baseline of these data (--update-baseline makes it), or --on-common-queries"
        raise InputError(f"{found}; allowed: {allowed}")
    if not common_queries(before, data):
        raise InputError(f"{found}; not one query is common, so that nothing can be compared")
    return Baseline(name, before, on_common_queries=True)


def compare_with(baseline: Baseline, session: Snapshot, limits: Limits, *, complete: bool) -> Comparison:
    """What the gate says of a session beside a baseline.

    Args:
        baseline: see `read_checked`.
        session: what was measured, all strategies that are gated together.
        limits: of the gate.
        complete: whether the session measured all strategies that there are.
    """
    before, after, notes = _alike(baseline, session)
    notes += _absent(before.strategies, after.strategies, complete=complete)
    both = [name for name in after.strategies if name in before.strategies]
    before, after = (select(side, queries=side.queries, strategies=both) for side in (before, after))
    found = compare(before, after, limits, baseline=baseline.name) if both else Comparison(baseline.name, ())
    return replace(found, differs=differences(before, after), notes=(*notes, *found.notes))


def confirm_run_times(suite: Suite, baselines: Iterable[Baseline], limits: Limits) -> None:
    """Time again what looks slower than in a baseline, as long as its engine is up: a busy moment is no regression.

    Raises:
        CouldNotRunError: the engine failed.
    """
    known = tuple(baselines)
    for _ in range(_LOOKS):
        session = snapshot_of(suite)
        slow = dict.fromkeys(name for one in known for name in _slower(one, session, limits))
        for name in slow:
            suite.time_again(name)
        if not slow:
            return


def settle_run_times(suite: Suite, *, clock: Callable[[], float] = perf_counter) -> None:
    """Time all strategies again in turns, some time later: a baseline that was made in a busy moment stays so.

    Args:
        suite: has measured what goes into the baseline; its engine is up.
        clock: seconds.

    Raises:
        CouldNotRunError: the engine failed.
    """
    start = clock()
    for name in [*suite.results] * _LOOKS:
        if clock() - start > _SETTLE_S:
            return
        suite.time_again(name)


def _slower(baseline: Baseline, session: Snapshot, limits: Limits) -> list[str]:
    before, after, _ = _alike(baseline, session)
    findings, _ = compare_run_times(before, after, limits)
    return [one.strategy for one in findings if one.status != "pass"]


def _alike(baseline: Baseline, session: Snapshot) -> tuple[Snapshot, Snapshot, list[str]]:
    """Both sides on the queries that they have in common, and what to say of it."""
    before, after = baseline.snapshot, session
    if not baseline.on_common_queries:
        return before, after, []
    was, has = on_common_queries(before, after)
    changes = data_changes(before, after)
    notes = [f"compared on {len(has.queries):,} of {len(after.queries):,} queries: {changes}"]
    if (before.dataset.corpus, before.dataset.queries) != (after.dataset.corpus, after.dataset.queries):
        notes.append("run times are not compared: they were those of other queries or products")
        was, has = without_run_times(was), without_run_times(has)
    return was, has, notes


def _absent(before: Iterable[str], after: Iterable[str], *, complete: bool) -> list[str]:
    old, new = list(before), list(after)
    notes = [f"{name}: not in the baseline; --update-baseline adds it" for name in new if name not in old]
    if complete:
        notes += [f"{name}: in the baseline, not measured" for name in old if name not in new]
    return notes

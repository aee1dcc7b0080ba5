"""Plants changes one at a time, measures each, and asks the gate what it says."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from relevance.baseline import data_changes
from relevance.errors import InputError
from relevance.mutation.kind import NotApplicableError
from relevance.mutation.outcome import Mutations, Outcome
from relevance.mutation.reuse import Reuse
from relevance.suite import Baseline, Embedded, compare_with, prepare, snapshot_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from relevance.baseline import Snapshot
    from relevance.gate import Limits
    from relevance.mutation.kind import Kind
    from relevance.suite import Plan

__all__ = ["measured", "mutate"]

_NAME = "the system as it is"


@dataclass(frozen=True, eq=False)
class _Measured:
    snapshot: Snapshot
    below_floors: tuple[str, ...]
    training_s: float


def measured(plan: Plan, embedded: Embedded, *, progress: bool = False) -> _Measured:
    """All strategies of a plan, without times; vectors that are embedded already are not read again.

    Raises:
        InputError: see `prepare`, or a ranking is none.
        CouldNotRunError: the engine or a model fails.
    """
    suite = prepare(plan, progress=progress, embedded=embedded)
    try:
        for strategy in plan.strategies:
            suite.judge(strategy, suite.search(strategy), None)
        below = tuple(name for name, result in suite.results.items() if result.verdict.status == "fail")
        return _Measured(snapshot_of(suite), below, suite.preparation.training_s)
    finally:
        suite.close()


def mutate(
    plan: Plan,
    planted: Sequence[tuple[Kind, int]],
    limits: Limits,
    *,
    progress: bool = False,
    done: Callable[[], object] = lambda: None,
) -> tuple[Mutations, Sequence[Snapshot | None]]:
    """Measure the plan as it is, then with each change.

    Args:
        plan: as `make_plan` gives it.
        planted: kinds, each with a seed.
        limits: of the gate.
        progress: whether bars of embedding and training are shown.
        done: is told after each.

    Returns:
        What came out, and what was measured with each change: first the plan as it is, then one for each of `planted`,
        None where nothing was.

    Raises:
        InputError: see `measured`, for the plan as it is.
        CouldNotRunError: the engine or a model fails, with a change or without.
    """
    embedded = Embedded()
    with ExitStack() as closing:
        reuse = Reuse(plan.engine, closing)
        own = replace(plan, engine=reuse.choice())
        start = perf_counter()
        before = measured(own, embedded, progress=progress)
        cold_s = perf_counter() - start - before.training_s
        outcomes: list[Outcome] = []
        snapshots: list[Snapshot | None] = [before.snapshot]
        for kind, seed in planted:
            start = perf_counter()
            given = replace(own, engine=reuse.choice(anew=True)) if kind.anew else own
            outcome, snapshot = _planted(
                given, before, (kind, seed), limits, partial(measured, embedded=embedded, progress=progress)
            )
            outcomes.append(replace(outcome, seconds=perf_counter() - start))
            snapshots.append(snapshot)
            done()
    mutations = Mutations(tuple(outcomes), str(limits.leading), cold_s, reuse.searched, reuse.remembered)
    return mutations, snapshots


def _planted(
    plan: Plan,
    before: _Measured,
    planted: tuple[Kind, int],
    limits: Limits,
    measure: Callable[[Plan], _Measured],
) -> tuple[Outcome, Snapshot | None]:
    kind, seed = planted
    try:
        found = measure(kind.change(plan, seed))
    except NotApplicableError as why:
        return Outcome(kind, seed, None, inapplicable=str(why)), None
    except InputError as error:
        return Outcome(kind, seed, None, refused=str(error)), None
    return _judged(before, found, planted, limits), found.snapshot


def _judged(before: _Measured, found: _Measured, planted: tuple[Kind, int], limits: Limits) -> Outcome:
    was, after = before.snapshot, found.snapshot
    return Outcome(
        *planted,
        compare_with(Baseline(_NAME, was), after, limits, complete=True),
        refused=_other_data(was, after),
        below_floors=tuple(name for name in found.below_floors if name not in before.below_floors),
        changed=tuple(_changed(was, after)),
    )


def _other_data(before: Snapshot, after: Snapshot) -> str:
    changes = data_changes(before, after)
    return f"other data: {changes}" if changes else ""


def _changed(before: Snapshot, after: Snapshot) -> Iterable[str]:
    """Strategies with other hits or scores; judged otherwise, all of them."""
    for name, now in after.strategies.items():
        was = before.strategies[name]
        other = any((now.metrics[metric] != was.metrics[metric]).any() for metric in now.metrics)
        if other or now.scores_sha256 != was.scores_sha256:
            yield name

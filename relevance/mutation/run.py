"""Plants changes one at a time, measures each, and asks the gate what it says."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace
from time import perf_counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np

from relevance.baseline import data_changes
from relevance.errors import InputError
from relevance.mutation.engine import Reuse
from relevance.mutation.plans import NotApplicableError
from relevance.suite import Baseline, Embedded, compare_with, prepare, snapshot_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy.typing as npt

    from relevance.baseline import Measurement, Snapshot
    from relevance.gate import Comparison, Finding, Limits
    from relevance.mutation.kinds import Mutation
    from relevance.suite import Plan

Verdict = Literal["pass", "warn", "fail", "refused", "no effect", "not applicable"]


@dataclass(frozen=True)
class Outcome:
    """What a planted change did, and what the gate said of it.

    Attributes:
        kind: what was planted.
        seed: of what it draws.
        comparison: what the gate says of the strategies, beside those of the plan as it is; None where nothing could
            be measured.
        refused: why the session would have ended before any comparison; "" where it would not.
        inapplicable: why it means nothing here; "" where it does.
        below_floors: strategies below a floor.
        changed: strategies whose hits or scores differ.
        seconds: that it took.
    """

    kind: Mutation
    seed: int
    comparison: Comparison | None
    refused: str = ""
    inapplicable: str = ""
    below_floors: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """What would have become of a session with it."""
        if self.inapplicable:
            return "not applicable"
        if self.refused:
            return "refused"
        if not self.changed or self.comparison is None:
            return "no effect"
        return self.comparison.status()

    def leading(self, measure: str) -> tuple[Finding, ...]:
        """Give the findings of a metric, of strategies that changed."""
        findings = () if self.comparison is None else self.comparison.findings
        return tuple(one for one in findings if one.measure == measure and one.strategy in self.changed)

    def decided_by(self, measure: str) -> str:
        """Name what the verdict comes from: the metric where it is among the reasons, else the first; "" for a pass."""
        if self.comparison is None or self.comparison.status() == "pass":
            return ""
        status = self.comparison.status()
        reasons = [one.measure for one in self.comparison.findings if one.status == status]
        return measure if measure in reasons else reasons[0]

    def worst(self, measure: str) -> Finding | None:
        """Give the finding of the largest drop; None where nothing is relative to anything."""
        rated = [one for one in self.leading(measure) if one.relative is not None]
        return max(rated, key=lambda one: one.relative or 0.0, default=None)


@dataclass(frozen=True)
class Outcomes:
    """All of them, and what they cost.

    Attributes:
        outcomes: in the order in which they were planted.
        measure: the metric whose drops are told.
        cold_s: seconds of the plan as it is: embedding (from the cache where it is there), indexing, searching; without
            a training.
        searched: legs that were searched, over all changes.
        remembered: legs that were not searched again.
    """

    outcomes: tuple[Outcome, ...]
    measure: str
    cold_s: float
    searched: int
    remembered: int

    @property
    def seconds(self) -> float:
        """That all changes took, without trainings."""
        return sum(one.seconds for one in self.outcomes if one.kind.cost != "training")


_BANDS = (
    ("5% or more", 0.05, float("inf")),
    ("2 to 5%", 0.02, 0.05),
    ("0.5 to 2%", 0.005, 0.02),
    ("below, or a gain", -float("inf"), 0.005),
)


@dataclass(frozen=True)
class Band:
    """Drops of one size: how many findings of strategies there are, by status.

    Attributes:
        name: for people.
        counts: fail, warn, pass.
    """

    name: str
    counts: tuple[int, int, int]


def banded(outcomes: Iterable[Outcome], measure: str) -> tuple[Band, ...]:
    """Count changed strategies by measured drop and what the gate said of them: of each strategy its worst finding."""
    rated = [
        (finding.relative, one.comparison.status(finding.strategy))
        for one in outcomes
        if one.comparison is not None
        for finding in one.leading(measure)
        if finding.relative is not None
    ]
    bands = []
    for name, least, most in _BANDS:
        statuses = [status for relative, status in rated if least <= relative < most]
        bands.append(Band(name, (statuses.count("fail"), statuses.count("warn"), statuses.count("pass"))))
    return tuple(bands)


@dataclass(frozen=True, eq=False)
class _Measured:
    snapshot: Snapshot
    below_floors: tuple[str, ...]
    training_s: float


def _measured(plan: Plan, embedded: Embedded, *, progress: bool) -> _Measured:
    """All strategies of a plan, without times; vectors that are embedded already are not read again."""
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
    planted: Sequence[tuple[Mutation, int]],
    limits: Limits,
    *,
    progress: bool = False,
    done: Callable[[], object] = lambda: None,
) -> tuple[Outcomes, Sequence[Snapshot | None]]:
    """Measure the plan as it is, then with each change.

    Args:
        plan: as `make_plan` gives it.
        planted: mutations, each with a seed.
        limits: of the gate.
        progress: whether bars of embedding and training are shown.
        done: is called after each.

    Returns:
        What came out, and what was measured with each change: first the plan as it is, then one for each of `planted`,
        None where nothing was.

    Raises:
        InputError: see `prepare`, or a ranking is none, for the plan as it is.
        CouldNotRunError: the engine or a model fails, with a change or without.
    """
    embedded = Embedded()
    with ExitStack() as closing:
        reuse = Reuse(plan.engine, closing)
        own = replace(plan, engine=reuse.choice())
        start = perf_counter()
        before = _measured(own, embedded, progress=progress)
        cold_s = perf_counter() - start - before.training_s
        outcomes: list[Outcome] = []
        snapshots: list[Snapshot | None] = [before.snapshot]
        for kind, seed in planted:
            start = perf_counter()
            unchanged = replace(own, engine=reuse.choice(anew=True)) if kind.anew else own
            after = None
            try:
                after = _measured(kind.change(unchanged, seed), embedded, progress=progress)
                outcome = _judged(before, after, kind, seed, limits)
            except NotApplicableError as why:
                outcome = Outcome(kind, seed, None, inapplicable=str(why))
            except InputError as error:
                outcome = Outcome(kind, seed, None, refused=str(error))
            outcomes.append(replace(outcome, seconds=perf_counter() - start))
            snapshots.append(None if after is None else after.snapshot)
            done()
    return Outcomes(tuple(outcomes), str(limits.leading), cold_s, reuse.searched, reuse.remembered), snapshots


def _judged(before: _Measured, after: _Measured, kind: Mutation, seed: int, limits: Limits) -> Outcome:
    was, now = before.snapshot, after.snapshot
    changes = data_changes(was, now)
    return Outcome(
        kind,
        seed,
        compare_with(Baseline("the system as it is", was), now, limits, complete=True),
        refused=f"other data: {changes}" if changes else "",
        below_floors=tuple(name for name in after.below_floors if name not in before.below_floors),
        changed=tuple(_changed(was, now)),
    )


def _changed(before: Snapshot, after: Snapshot) -> Iterator[str]:
    """Strategies with other hits or scores; judged otherwise, all of them."""
    for name, now in after.strategies.items():
        was = before.strategies[name]
        other = any((now.metrics[metric] != was.metrics[metric]).any() for metric in now.metrics)
        if other or now.scores_sha256 != was.scores_sha256:
            yield name


# true nulls: a change without effect, made of one with an effect by swapping both sides of queries at random


def swapped(before: Snapshot, after: Snapshot, chosen: npt.NDArray[np.bool_]) -> tuple[Snapshot, Snapshot]:
    """Exchange both sides' numbers and hits of the chosen queries, of the strategies that both have.

    Args:
        before: one side.
        after: the other, of the same queries in the same order.
        chosen: shape (queries,).
    """
    names = [name for name in before.strategies if name in after.strategies]
    left, right = (
        replace(
            own,
            strategies=MappingProxyType(
                {name: _mixed(own.strategies[name], other.strategies[name], chosen) for name in names}
            ),
        )
        for own, other in ((before, after), (after, before))
    )
    return left, right


def _mixed(own: Measurement, other: Measurement, chosen: npt.NDArray[np.bool_]) -> Measurement:
    metrics = {name: np.where(chosen, other.metrics[name], numbers) for name, numbers in own.metrics.items()}
    hits = tuple(
        theirs if swap else ours for ours, theirs, swap in zip(own.hits, other.hits, chosen.tolist(), strict=True)
    )
    return replace(own, metrics=MappingProxyType(metrics), hits=hits, run_time_s=None)


def nulls(before: Snapshot, measured: Sequence[Snapshot], limits: Limits, *, number: int, seed: int) -> Counter[str]:
    """Count how often sessions without a true change fail, warn and pass.

    Args:
        before: the system as it is.
        measured: the same with changes, in turn the other side; one or more.
        limits: of the gate.
        number: of sessions.
        seed: of what is swapped.
    """
    verdicts: Counter[str] = Counter({"fail": 0, "warn": 0, "pass": 0})
    for at in range(number):
        chosen = np.random.default_rng((seed, at)).random(len(before.queries)) < 0.5  # noqa: PLR2004 - a coin
        left, right = swapped(before, measured[at % len(measured)], chosen)
        verdicts[compare_with(Baseline("null", left), right, limits, complete=True).status()] += 1
    return verdicts

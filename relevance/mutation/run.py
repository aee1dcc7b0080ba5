"""Plants changes one at a time, measures each, and asks the gate what it says."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from time import perf_counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from relevance.baseline import data_changes
from relevance.errors import InputError
from relevance.gate import Answer, Comparison
from relevance.mutation.engine import NotApplicableError, remembering
from relevance.suite import Baseline, compare_with, prepare, snapshot_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from relevance.baseline import Measurement, Snapshot
    from relevance.gate import Finding, Limits
    from relevance.mutation.engine import Mutation
    from relevance.suite import Plan, Suite

Said = Answer | Literal["undecided, fails"]
"""An answer, and whether an undecided one fails."""

Verdict = Said | Literal["refused", "named", "no effect", "not applicable"]

SAID: tuple[Said, ...] = ("loss", "undecided, fails", "likely loss", "undecided", "no loss")
"""From the worst to the best."""

_NO_COMPARISON = Comparison("", ())


def said(comparison: Comparison, strategy: str | None = None) -> Said:
    """What is said of a strategy, or of all; `undecided, fails` is all that is no loss and fails."""
    answer = comparison.answer(strategy)
    return "undecided, fails" if answer != "loss" and comparison.fails(strategy) else answer


@dataclass(frozen=True)
class Outcome:
    """What a planted change did, and what the gate said of it.

    Attributes:
        kind: what was planted.
        seed: of what it draws.
        after: what was measured with it; None where nothing could be.
        comparison: what the gate says of that, beside the plan as it is; without findings where nothing was measured.
        refused: why the session would have ended before any comparison; "" where it would not.
        data: what differs in the data, which the session would name and score both sides by; "" where nothing does.
        inapplicable: why it means nothing here; "" where it does.
        below_floors: strategies below a floor that were not before.
        changed: strategies whose hits or scores differ.
        seconds: that it took.
        drawn: what was, where that has a name: a filter, a parameter, rules, a field.
    """

    kind: Mutation
    seed: int
    after: Snapshot | None = None
    comparison: Comparison = _NO_COMPARISON
    refused: str = ""
    data: str = ""
    inapplicable: str = ""
    below_floors: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    seconds: float = 0.0
    drawn: str = ""

    @property
    def verdict(self) -> Verdict:
        """What would have become of a session with it."""
        if self.inapplicable:
            return "not applicable"
        if self.refused:
            return "refused"
        answer = said(self.comparison) if self.changed else "no effect"
        return "named" if self.data and answer in ("no loss", "no effect") else answer

    @property
    def caught(self) -> bool | None:
        """Whether a session with it would have failed; None where nothing changed, or judgments alone."""
        if self.refused or self.below_floors:
            return True
        return self.comparison.fails() if self.verdict in SAID else None

    def leading(self, measure: str) -> tuple[Finding, ...]:
        """Give the findings of a metric over all queries, of strategies that changed."""
        of_changed = (one for one in self.comparison.findings if one.strategy in self.changed)
        return tuple(one for one in of_changed if one.measure == measure and not one.segment)

    def decided_by(self, measure: str) -> str:
        """Name what the verdict comes from: the metric if it is among the reasons, else the first; "" for no loss."""
        answer = said(self.comparison)
        if answer == "no loss":
            return ""
        blocked = answer == "undecided, fails"
        deciding = (one for one in self.comparison.findings if (one.blocks if blocked else one.answer == answer))
        reasons = [one.measure for one in deciding]
        return measure if measure in reasons else next(iter(reasons), "")

    def worst(self, measure: str) -> Finding | None:
        """Give the finding of the largest drop; None where nothing is relative to anything."""
        rated = [one for one in self.leading(measure) if one.relative is not None]
        return max(rated, key=lambda one: one.relative or 0.0, default=None)


@dataclass(frozen=True)
class Outcomes:
    """All of them, and what they cost.

    Attributes:
        before: the plan as it is.
        outcomes: in the order in which they were planted.
        measure: the metric whose drops are told.
        cold_s: seconds of the plan as it is: embedding (from the cache where it is there), indexing, searching; without
            a training.
        searched: legs that were searched, over all changes.
        remembered: legs that were not searched again.
        indexed: indices that were made, that of the plan as it is among them.
    """

    before: Snapshot
    outcomes: tuple[Outcome, ...]
    measure: str
    cold_s: float
    searched: int
    remembered: int
    indexed: int

    @property
    def seconds(self) -> float:
        """That all changes took, without trainings."""
        return sum(one.seconds for one in self.outcomes if one.kind.cost != "training")


def mutate(
    plan: Plan,
    planted: Sequence[tuple[Mutation, int]],
    limits: Limits,
    *,
    done: Callable[[Snapshot, Outcome], object] = lambda *_: None,
) -> Outcomes:
    """Measure the plan as it is, then with each change.

    Args:
        plan: as `make_plan` gives it.
        planted: mutations, each with a seed.
        limits: of the gate.
        done: is called after each, with the plan as it is and what became of it.

    Raises:
        InputError: see `prepare`, or a ranking is none, for the plan as it is.
        CouldNotRunError: the engine or a model fails, with a change or without.
    """
    embedded: dict[object, Any] = {}
    counts = Counter[str]()
    start = perf_counter()
    with ExitStack() as stack:
        indexer = stack.enter_context(plan.engine.open(progress=False))
        own = replace(plan, engine=remembering(plan.engine, indexer, counts))
        # its index stays open, for all changes that leave it as it is
        before = stack.enter_context(_measured(own, embedded))
        cold_s = perf_counter() - start - before.preparation.training_s
        baseline, outcomes = snapshot_of(before), []
        failing = set(_below_floors(before))
        for kind, seed in planted:
            start = perf_counter()
            unchanged = replace(plan, engine=remembering(plan.engine, indexer, counts)) if kind.anew else own
            outcome = Outcome(kind, seed)
            try:
                changed, drawn = kind.plant(unchanged, seed)
                outcome = replace(outcome, drawn=drawn)
                with _measured(changed, embedded) as after:
                    below = tuple(name for name in _below_floors(after) if name not in failing)
                    outcome = _compared(replace(outcome, below_floors=below), baseline, snapshot_of(after), limits)
            except NotApplicableError as why:
                outcome = replace(outcome, inapplicable=str(why))
            except InputError as error:
                outcome = replace(outcome, refused=str(error))
            outcomes.append(replace(outcome, seconds=perf_counter() - start))
            done(baseline, outcomes[-1])
    of_all = [counts[name] for name in ("searched", "remembered", "indexed")]
    return Outcomes(baseline, tuple(outcomes), str(limits.leading), cold_s, *of_all)


@contextmanager
def _measured(plan: Plan, embedded: dict[object, Any]) -> Iterator[Suite]:
    """All strategies of a plan, without times; vectors that are embedded already are not read again."""
    with closing(prepare(plan, progress=False, embedded=embedded)) as suite:
        for strategy in plan.strategies:
            # no deeper than is scored: a change of lists is one of what is seen of them
            suite.judge(strategy, suite.search(strategy, deep=False), None)
        yield suite


def _below_floors(suite: Suite) -> list[str]:
    return [name for name, result in suite.results.items() if result.verdict.status == "fail"]


def _compared(outcome: Outcome, before: Snapshot, after: Snapshot, limits: Limits) -> Outcome:
    changes = data_changes(before, after)
    return replace(
        outcome,
        after=after,
        comparison=compare_with(Baseline("the system as it is", before), after, limits),
        data=changes,
        changed=tuple(name for name, one in after.strategies.items() if _differs(before.strategies[name], one)),
    )


def _differs(before: Measurement, after: Measurement) -> bool:
    """In hits, scores, or, judged otherwise, in metrics."""
    other = any((after.metrics[metric] != before.metrics[metric]).any() for metric in after.metrics)
    return other or after.scores_sha256 != before.scores_sha256


# true nulls: a change without effect, made of one with an effect by swapping both sides of queries at random


def swapped(before: Snapshot, after: Snapshot, chosen: npt.NDArray[np.bool_]) -> tuple[Snapshot, Snapshot]:
    """Exchange both sides' numbers and hits of the chosen queries, shape (queries,), of the strategies of both."""

    def mixed(own: Snapshot, other: Snapshot) -> Snapshot:
        strategies = {
            name: _mixed(one, other.strategies[name], chosen)
            for name, one in own.strategies.items()
            if name in other.strategies
        }
        return replace(own, strategies=MappingProxyType(strategies))

    return mixed(before, after), mixed(after, before)


def _mixed(own: Measurement, other: Measurement, chosen: npt.NDArray[np.bool_]) -> Measurement:
    metrics = {name: np.where(chosen, other.metrics[name], numbers) for name, numbers in own.metrics.items()}
    sides = zip(own.hits, other.hits, chosen.tolist(), strict=True)
    hits = tuple(theirs if swap else ours for ours, theirs, swap in sides)
    return replace(own, metrics=MappingProxyType(metrics), hits=hits, run_time_s=None)


def nulls(before: Snapshot, measured: Sequence[Snapshot], limits: Limits, *, number: int, seed: int) -> Counter[str]:
    """Count the answers to sessions without a true change.

    Args:
        before: the system as it is.
        measured: the same with changes, in turn the other side; one or more.
        limits: of the gate.
        number: of sessions.
        seed: of what is swapped.
    """
    verdicts: Counter[str] = Counter(dict.fromkeys(SAID, 0))
    for at in range(number):
        chosen = np.random.default_rng((seed, at)).random(len(before.queries)) < 0.5  # noqa: PLR2004 - a coin
        left, right = swapped(before, measured[at % len(measured)], chosen)
        verdicts[said(compare_with(Baseline("null", left), right, limits))] += 1
    return verdicts

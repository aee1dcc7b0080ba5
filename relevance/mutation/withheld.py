"""Judgments that are withheld: what the gate says of better and of worse changes while hardly a new hit is judged.

All judgments that there are count as the truth. Of them the gate knows only those of what a pool shows, as a team has
them that judged what its search showed; the others answer, one by one, when it asks for them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np

from relevance.baseline import DIGITS
from relevance.evaluation import score_hits
from relevance.gate import EMPTY, Comparison, compare
from relevance.gate.holes import DEPTH
from relevance.mutation.run import said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from relevance.baseline import Snapshot
    from relevance.datasets.asked import Row
    from relevance.gate import Limits
    from relevance.mutation.run import Outcome, Outcomes, Said

    Grades = Sequence[Mapping[str, float]]
    """Of each query, by product."""

POOLS: Mapping[str, str] = MappingProxyType(
    {
        "ten": "what the baseline's first ten show is judged",
        "five": "what the baseline's first five show is judged",
        "random": "as many as ten a query are judged, drawn at random",
    }
)
"""What stays judged, by name."""

LOOKS = (0, 50, 100, 200, 400)
"""So many rows are judged, in the gate's own order, when it is asked again."""

BETTER = 0.01
"""A gain of so much of the baseline's mean, by all judgments, is one."""

DRAWS = 9_999
"""Sign patterns: enough for a p of 0.01."""

Truth = Literal["better", "loss", "neither"]


@dataclass(frozen=True)
class Tried:
    """A strategy under a planted change, or under its undoing, with judgments withheld.

    Attributes:
        kind: name of what was planted.
        undone: whether the change was taken back: from the system with it to the system as it is.
        change: of the leading metric's mean by all judgments, relative, positive where it rose.
        complete: what the gate says with all judgments.
        holes: how many hits that decide were not judged at first.
        answers: what it says with `LOOKS` of them judged; where it is settled, it stays.
    """

    kind: str
    seed: int
    strategy: str
    undone: bool
    change: float
    complete: Said
    holes: int
    answers: tuple[Said, ...]

    @property
    def truth(self) -> Truth:
        """What it is by all judgments: the gate's own loss, or a gain that no part of contradicts."""
        if self.complete == "loss":
            return "loss"
        return "better" if self.change >= BETTER else "neither"

    @property
    def wrong(self) -> tuple[int, Said] | None:
        """With how many rows judged the gate is wrong first, and what it says then; None where it never is.

        Of a better change a loss is wrong, and so is one that still fails with the last look; of a true loss all that
        passes.
        """
        for look, answer in zip(LOOKS, self.answers, strict=True):
            last = look == LOOKS[-1]
            if self.truth == "better" and (answer == "loss" or (last and answer == "undecided, fails")):
                return look, answer
            if self.truth == "loss" and answer not in ("loss", "undecided, fails"):
                return look, answer
        return None


def withhold(
    outcomes: Outcomes,
    limits: Limits,
    pool: str,
    *,
    seed: int,
    done: Callable[[], object] = lambda: None,
) -> Iterator[Tried]:
    """Try all strategies that changed, each by itself and both ways, so that there are better changes too.

    Args:
        outcomes: what was planted; changes of the judgments are left out.
        limits: of the gate; the leading metric looks no deeper than `KEPT`.
        pool: one of `POOLS`.
        seed: of what `random` draws.
        done: is called after each outcome.
    """
    for outcome in outcomes.outcomes:
        if outcome.after is not None and not outcome.data:
            for name in outcome.changed:
                sides = _alone(outcomes.before, name), _alone(outcome.after, name)
                yield _tried(outcome, sides, limits, pool, seed=seed, undone=False)
                yield _tried(outcome, sides[::-1], limits, pool, seed=seed, undone=True)
        done()


def _alone(snapshot: Snapshot, strategy: str) -> Snapshot:
    return replace(snapshot, strategies={strategy: snapshot.strategies[strategy]})


def _tried(  # noqa: PLR0913 - what is tried, and how
    outcome: Outcome, sides: Sequence[Snapshot], limits: Limits, pool: str, *, seed: int, undone: bool
) -> Tried:
    before, after = sides
    (strategy,) = before.strategies
    truth = complete_grades(before, after)
    (complete,) = asked(before, after, truth, truth, limits, looks=(0,))
    answers = [*asked(before, after, truth, judged_of(pool, before, truth, seed), limits)]
    leading = next(one for one in complete.findings if one.measure == str(limits.leading) and not one.segment)
    return Tried(
        outcome.kind.name,
        outcome.seed,
        strategy,
        undone,
        change=-(leading.relative or 0.0),
        complete=said(complete),
        holes=sum(one.count for one in answers[0].holes.values()),
        answers=tuple(map(said, answers)),
    )


def complete_grades(before: Snapshot, after: Snapshot) -> list[dict[str, float]]:
    """All judgments of both sides, which have one strategy; a hit among the first ten that has none is irrelevant."""
    shown = zip(_hits(before), _hits(after), after.grades, strict=True)
    return [dict.fromkeys([*old[:DEPTH], *new[:DEPTH]], 0.0) | dict(grades) for old, new, grades in shown]


def judged_of(pool: str, before: Snapshot, truth: Grades, seed: int) -> list[dict[str, float]]:
    """What stays judged in a pool; `before` has one strategy."""
    if pool == "random":
        drawn = np.random.default_rng(seed)
        chosen = [drawn.permutation(sorted(known))[:DEPTH].tolist() for known in truth]
    else:
        chosen = [list(hits[: DEPTH // 2 if pool == "five" else DEPTH]) for hits in _hits(before)]
    return [
        {product: known.get(product, 0.0) for product in products}
        for products, known in zip(chosen, truth, strict=True)
    ]


def _hits(snapshot: Snapshot) -> Sequence[Sequence[str]]:
    (one,) = snapshot.strategies.values()
    return one.hits


def asked(  # noqa: PLR0913 - both sides, the truth, and what is known of it
    before: Snapshot,
    after: Snapshot,
    truth: Grades,
    known: Grades,
    limits: Limits,
    *,
    looks: Sequence[int] = LOOKS,
) -> Iterator[Comparison]:
    """Compare with what is known, then with more and more rows judged, as the truth has them, in the gate's own order.

    Queries that newly return nothing are left out: they are counted whatever is judged. A loss, and what no longer
    hangs on hits that nobody judged, is not asked again: it stays as it was.

    Args:
        before: the one side, with one strategy.
        after: the other, with the same queries in the same order.
        truth: all judgments; a product that they lack is irrelevant.
        known: those that there are at first.
        limits: of the gate.
        looks: how many rows are judged, ascending.

    Yields:
        The comparison of each look.
    """
    judged, done = [dict(one) for one in known], 0
    rows = {query: row for row, query in enumerate(after.queries)}
    highest = max((grade for one in truth for grade in one.values()), default=0.0)
    orders: dict[str, tuple[Row, ...]] = {}
    comparison: Comparison | None = None
    for look in looks:
        if comparison is None or _is_open(comparison):
            for row in [row for order in orders.values() for row in order[done:look]]:
                at = rows[row.query]
                judged[at][row.product] = truth[at].get(row.product, 0.0)
            done = look
            old, new = (judged_by(side, judged, limits, highest=highest) for side in (before, after))
            whole = compare(old, new, limits, baseline="judgments withheld", orders=orders, draws=DRAWS)
            findings = tuple(one for one in whole.findings if one.measure != EMPTY)
            comparison = replace(whole, findings=findings)
            orders = orders or {name: found.rows for name, found in comparison.holes.items()}
        yield comparison


def _is_open(comparison: Comparison) -> bool:
    """Whether judging more hits may change what is said: a loss is one, whatever else hangs on them."""
    return comparison.answer() != "loss" and any(one.cause == "holes" for one in comparison.findings)


def judged_by(snapshot: Snapshot, grades: Grades, limits: Limits, *, highest: float) -> Snapshot:
    """Score a snapshot by these judgments; what looks deeper than the hits that it keeps is left out."""
    metrics = [one for one in limits.gated if one.cutoff <= snapshot.kept and not one.needs_baseline]
    strategies = {}
    for name, one in snapshot.strategies.items():
        relevant_from = snapshot.relevant_from
        scored = score_hits(metrics, one.hits, grades, relevant_from=relevant_from, highest=highest)
        values = {metric: np.round(each, DIGITS) for metric, each in scored.items()}
        strategies[name] = replace(one, metrics=MappingProxyType(values))
    return replace(snapshot, strategies=MappingProxyType(strategies), grades=tuple(grades))

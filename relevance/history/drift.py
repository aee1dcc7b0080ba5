"""Slow drift: a loss in steps that each pass, found with a bounded chance of a false alarm over all commits together.

The version that is judged is held against a *reference*: the first version, or the last one at which a change was
accepted. Were there no drift, the differences of the queries would be as likely one way as the other, and the sum of
differences over the root of their squares, T, would be one of random signs: P(T >= x) <= c (1 - Phi(x)) with
c = 1 / (4 (1 - Phi(sqrt 2))), about 3.18, whatever the differences are (V. Bentkus and D. Dzindzalieta, "A tight
Gaussian bound for weighted sums of Rademacher random variables", Bernoulli 21, 2015). It needs no draws, so that it
reaches further out than a sample of signs does.

Versions since the reference are looks at one question, and strongly dependent: all share the reference, and most
queries stay as they were. Nothing is assumed of that: the k-th look may spend 6 / (pi^2 k^2) of the chance that is
allowed, and those shares add up to 1 for any number of looks. Strategies share the part of each look evenly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from relevance.distributions import normal_below
from relevance.history.versions import ALIKE
from relevance.text import chance, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from relevance.gate import Limits
    from relevance.gate.limits import Limit
    from relevance.history.versions import Commit, Version

    _Floats = npt.NDArray[np.float32]

_RADEMACHER = 1 / (4 * normal_below(-math.sqrt(2)))
_SAME = 2e-6
"""Differences of no more than this are none: numbers are kept with six decimals, as float32."""


@dataclass(frozen=True)
class Drift:
    """A strategy that fell since its reference.

    Attributes:
        metric: the leading one, as it prints.
        since: the reference.
        before: mean of the reference, of the queries that both have; `after` likewise.
        looks: how many versions there were since, this one included.
        p: bound of the chance of such a fall, over all strategies.
        enough: what p has to be at this look.
    """

    strategy: str
    metric: str
    since: Commit
    before: float
    after: float
    queries: int
    looks: int
    p: float
    enough: float
    answer: Literal["loss"] = "loss"

    @property
    def line(self) -> str:
        """For people."""
        since = self.since.time.date().isoformat()
        way = "fell" if self.after < self.before else "rose"
        share = abs(self.after / self.before - 1)
        fell = f"{self.metric} {way} by {share:.1%} ({self.before:.4f} → {self.after:.4f})"
        steps = f"in {plural(self.looks, 'step')} that each may have passed"
        sure = f"p {chance(self.p)}, {chance(self.enough)} is enough at the {_ordinal(self.looks)} look"
        return f"{self.strategy}: slow drift: {fell} since {self.since.label} of {since}, {steps} ({sure})"


def _ordinal(number: int) -> str:
    teens = 10 < number % 100 < 14  # noqa: PLR2004
    return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def drift(versions: Sequence[Version], limits: Limits) -> tuple[Drift, ...]:
    """Say which strategies of the last version have drifted.

    A version moves the reference where it was accepted (it became a baseline) and was sure to be another: a loss beside
    the accepted version before it by the gate's own rule, or a loss or a gain beside the reference by the one here.
    Where that takes a change back, an earlier reference holds again. A loss that is a single step is the gate's to
    find, not drift's.

    Args:
        versions: by time, the one that is judged last; see `in_order`.
        limits: `fail`, `p_sure`, `least_drop` and `least_queries` are used.
    """
    if not versions:
        return ()
    judged = list(versions[-1].values)
    last = (
        [*looks([one for one in versions if name in one.values], name, limits, of=len(judged))][-1:] for name in judged
    )
    return tuple(one for found in last for one in found if one is not None)


def looks(versions: Sequence[Version], strategy: str, limits: Limits, *, of: int) -> Iterator[Drift | None]:
    """Go through the versions of a strategy behind the first: what each is found to be, in its turn.

    `of`: how many strategies share the chance of a false alarm.
    """
    limit, worse = limits.of(strategy, limits.leading), -1 if limits.leading.lower_is_better else 1
    reference = previous = versions[0]
    start = 0
    earlier: list[tuple[Version, int]] = []
    for at, version in enumerate(versions[1:], 1):
        change, found = _Change(reference, version, strategy, worse), None
        if change.queries < max(ALIKE * len(reference.keys), 1):
            reference, start, earlier = version, at, []
        else:
            look = at - start
            enough = limits.p_sure * 6 / (math.pi * look) ** 2
            lost = change.is_sure(limit, enough / of)
            if lost and look > 1:
                p, means = min(change.p * of, 1.0), (change.before, change.after)
                metric = str(limits.leading)
                found = Drift(strategy, metric, reference.commit, *means, change.queries, look, p, enough)
            step = _Change(previous, version, strategy, worse)
            gained = _Change(version, reference, strategy, worse).is_sure(limit, enough / of)
            if version.accepted and (lost or gained or step.is_sure(limit, limits.p_sure)):
                alike = [one for one in earlier if not _differs(one[0], version, strategy, limit, worse)]
                earlier.append((reference, start))
                reference, start = alike[-1] if alike else (version, at)
        previous = version if version.accepted else previous
        yield found


def _differs(one: Version, other: Version, strategy: str, limit: Limit, worse: int) -> bool:
    """Whether one of two versions is sure to be a loss beside the other, or they have few queries in common."""
    changes = [_Change(*pair, strategy, worse) for pair in ((one, other), (other, one))]
    few = changes[0].queries < ALIKE * len(one.keys)
    return few or any(change.is_sure(limit, limit.p_sure) for change in changes)


class _Change:
    """From one version to another, on the queries that both have; means and the bound of the chance of such a loss.

    `worse`: 1 where less is worse, -1 where more is.
    """

    def __init__(self, before: Version, after: Version, strategy: str, worse: int = 1) -> None:
        old, new = (side.astype(np.float64) for side in before.beside(after, strategy))
        self.queries = len(old)
        self.before, self.after = (float(side.mean()) if len(side) else math.nan for side in (old, new))
        self.drop = worse * (self.before - self.after)
        drops = np.where(np.abs(old - new) > _SAME, worse * (old - new), 0.0)
        norm = float(np.sqrt(drops @ drops))
        out = float(drops.sum()) / norm if norm else 0.0
        self.p = min(1.0, _RADEMACHER * normal_below(-out))

    def is_sure(self, limit: Limit, p: float) -> bool:
        """Whether it is a loss that counts, with a chance of at most p."""
        enough = self.drop >= max(limit.least_drop, limit.fail * self.before) and self.queries >= limit.least_queries
        return enough and self.before > 0 and self.p <= p

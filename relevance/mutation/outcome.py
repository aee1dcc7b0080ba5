"""What a planted change did, and what the gate said of it, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from relevance.gate import Comparison, Finding
    from relevance.mutation.kind import Kind

__all__ = ["BANDS", "Band", "Mutations", "Outcome", "banded"]

Verdict = Literal["pass", "warn", "fail", "refused", "no effect", "not applicable"]


@dataclass(frozen=True)
class Outcome:
    """A planted change.

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

    kind: Kind
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
        """The findings of a metric, of strategies that changed."""
        found = () if self.comparison is None else self.comparison.findings
        return tuple(one for one in found if one.measure == measure and one.strategy in self.changed)

    def decided_by(self, measure: str) -> str:
        """What the verdict comes from: that metric where it is among the reasons, else the first; "" for a pass."""
        if self.comparison is None or self.comparison.status() == "pass":
            return ""
        status = self.comparison.status()
        found = [one.measure for one in self.comparison.findings if one.status == status]
        return measure if measure in found else found[0]

    def worst(self, measure: str) -> Finding | None:
        """That of the largest drop; None where nothing is relative to anything."""
        rated = [one for one in self.leading(measure) if one.relative is not None]
        return max(rated, key=lambda one: one.relative or 0.0, default=None)


@dataclass(frozen=True)
class Mutations:
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

    @property
    def times_a_run(self) -> float:
        """What so many changes cost, in runs of the plan as it is."""
        return self.seconds / self.cold_s


@dataclass(frozen=True)
class Band:
    """Drops of one size: how many findings of strategies there are, by status.

    Attributes:
        name: for people.
        counts: fail, warn, pass.
    """

    name: str
    counts: tuple[int, int, int]


BANDS: Sequence[tuple[str, float, float]] = (
    ("5% or more", 0.05, float("inf")),
    ("2 to 5%", 0.02, 0.05),
    ("0.5 to 2%", 0.005, 0.02),
    ("below, or a gain", -float("inf"), 0.005),
)


def banded(outcomes: Iterable[Outcome], measure: str) -> tuple[Band, ...]:
    """Changed strategies by their measured drop, and what the gate said of them: of each strategy its worst finding."""
    rated = [
        (finding.relative, one.comparison.status(finding.strategy))
        for one in outcomes
        if one.comparison is not None
        for finding in one.leading(measure)
        if finding.relative is not None
    ]
    bands = []
    for name, least, most in BANDS:
        found = [status for relative, status in rated if least <= relative < most]
        bands.append(Band(name, (found.count("fail"), found.count("warn"), found.count("pass"))))
    return tuple(bands)

"""Why a verdict is what it is, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from relevance.gate import Status

Mark = Literal["same", "moved", "new", "gone"]


@dataclass(frozen=True)
class QueryChange:
    """One query whose metric changed.

    Attributes:
        query: its id.
        text: what was asked.
        before: the metric in the baseline.
        after: the metric now.
    """

    query: str
    text: str
    before: float
    after: float


@dataclass(frozen=True)
class Hit:
    """One place of a ranking beside the other ranking of the same query.

    Attributes:
        product: its id.
        title: its title; None where it is not known.
        grade: its judgment; None where it has none.
        mark: `same` place on both sides, `moved` to another, `gone` from the hits of before, `new` among those of now.
        other_rank: its rank on the other side, from 1; None where it is not there.
    """

    product: str
    title: str | None
    grade: float | None
    mark: Mark
    other_rank: int | None


@dataclass(frozen=True)
class SideBySide:
    """Both rankings of a query, best hit first."""

    change: QueryChange
    before: tuple[Hit, ...]
    after: tuple[Hit, ...]


@dataclass(frozen=True)
class LegChange:
    """One leg of a strategy that combines several, by itself, on the queries that the whole strategy lost.

    Attributes:
        leg: `text`, or `vector` and its field.
        before: mean of the metric over those queries; None where it is not known.
        after: likewise now.
        source: the strategy that is this leg alone; "" where the leg was searched for this diagnosis.
        lost: whether it is the leg that fell furthest.
    """

    leg: str
    before: float | None
    after: float | None
    source: str
    lost: bool = False


@dataclass(frozen=True)
class Segment:
    """Queries that have something in common, beside all queries.

    Attributes:
        name: what they have in common.
        queries: how many they are.
        before: their mean in the baseline.
        after: their mean now.
        relative: their drop as a share of their mean before; None where that is 0.
        adjusted_p: chance that their drop differs so far from that of the others, over all segments; None where not
            tested.
        worse: whether they fell further than all queries together, and that is sure.
    """

    name: str
    queries: int
    before: float
    after: float
    relative: float | None
    adjusted_p: float | None
    worse: bool


@dataclass(frozen=True)
class Newcomer:
    """A product without a judgment that is among the hits now and was not before.

    Attributes:
        strategy: whose hit it is.
        query: id of the query.
        text: what was asked.
        product: its id.
        title: its title; None where it is not known.
        rank: from 1.
        effect: by how much the query's drop would shrink if all its newcomers were of the highest grade.
        could_change_verdict: whether it is among those that could lift the strategy over its limit.
    """

    strategy: str
    query: str
    text: str
    product: str
    title: str | None
    rank: int
    effect: float
    could_change_verdict: bool


@dataclass(frozen=True)
class StrategyDiagnosis:
    """One strategy that failed or warned.

    Attributes:
        strategy: its name.
        status: what the gate says of it.
        measures: what failed or warned, as the findings name it.
        metric: what its queries are told apart by, as it prints.
        before: mean of that metric in the baseline.
        after: mean now.
        won: queries that became better, the largest gain first.
        lost: queries that became worse, the largest loss first.
        unchanged: how many are as before.
        newly_empty: texts of the queries that returned hits before and return none now.
        rankings: both rankings of the worst queries.
        judged: share of the hits with a judgment, before and now; None where it was not measured.
        legs: of a strategy that combines several; empty for others.
        legs_note: what the legs say, or what cannot be known of them; "" where there are none.
        segments: those that are large enough.
    """

    strategy: str
    status: Status
    measures: tuple[str, ...]
    metric: str
    before: float
    after: float
    won: tuple[QueryChange, ...]
    lost: tuple[QueryChange, ...]
    unchanged: int
    newly_empty: tuple[str, ...]
    rankings: tuple[SideBySide, ...]
    judged: tuple[float, float] | None
    legs: tuple[LegChange, ...]
    legs_note: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class Diagnosis:
    """Why a comparison says what it says.

    Attributes:
        baseline: what it is called for people.
        strategies: those that failed or warned, in the order of the comparison.
        newcomers: hits without a judgment that are new, those that could change a verdict first.
        differs: what else changed between baseline and now, a line each.
        notes: what could not be found out and why, a line each.
    """

    baseline: str
    strategies: tuple[StrategyDiagnosis, ...]
    newcomers: tuple[Newcomer, ...]
    differs: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def of(self, strategy: str) -> StrategyDiagnosis | None:
        """What was found of a strategy; None where it is no worse."""
        return next((one for one in self.strategies if one.strategy == strategy), None)

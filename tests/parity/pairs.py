"""Asks both engines for a strategy, leg by leg and fused; says what differs, and whether that is within the rules."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from parity.candidates import tied_at_the_last_candidate
from parity.compare import RankingDifferences, compare_rankings
from relevance import runner
from relevance.engines import QueryBatch
from relevance.records import HITS, Ranking

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from parity.catalogues import Case
    from relevance.engines import Engine
    from relevance.strategies import Leg, Strategy

SHOWN = 40
FEW = 5
"""So many queries of a comparison are named; where more differ, the catalogue is made of ties."""


@dataclass
class Remembered:
    """An engine over one batch that is asked each thing once: tests share its answers."""

    engine: Engine
    batch: QueryBatch
    _answers: dict[tuple[Leg, int], Ranking] = field(default_factory=dict)

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        """Answer a leg over the first queries of the batch."""
        key = (leg, hits)
        known = self._answers.get(key)
        if known is None or len(known.codes) < len(batch):
            known = self._answers[key] = self.engine.search(leg, batch, hits=hits)
        return Ranking(known.codes[: len(batch)], known.scores[: len(batch)])


@dataclass(frozen=True)
class Compared:
    """What was compared, and how it came out.

    Attributes:
        part: `leg` or `fused`.
        differences: of both rankings.
        passed: whether they are within the rules: text equal to the last bit, with vectors in it within the tolerance
            or another choice among ties at the last candidate, fused lists equal where those of their legs are.
        listed: what differs though it passes; "" for nothing.
    """

    part: str
    differences: RankingDifferences
    passed: bool
    listed: str


@dataclass(frozen=True)
class Pair:
    """The engine that is right and the one that is judged, over the same products.

    Attributes:
        expected: exact.
        actual: of a server.
        case: the products, with what both engines know of them.
    """

    expected: Remembered
    actual: Remembered
    case: Case

    def strategy(self, strategy: Strategy, queries: int) -> Iterator[Compared]:
        """Compare every list that answers the strategy, and where they are fused, what comes of it."""
        if strategy.combine == "sum":
            yield self.leg(strategy.legs()[0], queries, hits=HITS)
            return
        for leg in strategy.legs():
            yield self.leg(leg, queries, hits=strategy.window)
        yield self._fused(strategy, queries)

    def leg(self, leg: Leg, queries: int, *, hits: int) -> Compared:
        """Compare the lists of one leg."""
        batch = self.expected.batch[:queries]
        expected, actual = (side.search(leg, batch, hits=hits) for side in (self.expected, self.actual))
        tied = partial(self._tied, leg, actual)
        differences = compare_rankings(expected, actual, twins=self.case.twins(leg), tied=tied)
        passed = differences.close if leg.vectors else differences.equal
        return Compared("leg", differences, passed, self._listed(differences))

    def _tied(self, leg: Leg, actual: Ranking, rows: Sequence[int]) -> list[int]:
        """Those of the rows whose lists are right for another choice among ties at the last candidate."""
        all_queries = self.expected.batch
        batch = QueryBatch(
            [all_queries.texts[row] for row in rows],
            {model: matrix[list(rows)] for model, matrix in all_queries.vectors.items()},
        )
        found = Ranking(actual.codes[list(rows)], actual.scores[list(rows)])
        tied = tied_at_the_last_candidate(self.expected.engine, leg, batch, found, len(self.case.catalogue))
        return [rows[at] for at in tied]

    def _fused(self, strategy: Strategy, queries: int) -> Compared:
        """Compare fused lists; one may differ only where a list that it comes from does, which was judged by itself."""
        batch = self.expected.batch[:queries]
        expected, actual = (runner.search(side, strategy, batch) for side in (self.expected, self.actual))
        legs = [
            [side.search(leg, batch, hits=strategy.window).codes for leg in strategy.legs()]
            for side in (self.expected, self.actual)
        ]
        other_lists = np.any([(ours != theirs).any(axis=1) for ours, theirs in zip(*legs, strict=True)], axis=0)
        differences = compare_rankings(expected, actual, tied=lambda rows: [row for row in rows if other_lists[row]])
        passed = replace(differences, tied=0, reordered=0).equal
        return Compared("fused", differences, passed, self._listed(differences))

    def _listed(self, differences: RankingDifferences) -> str:
        """The queries whose lists differ; "" where all are equal, or so many that no one reads them."""
        if not 0 < differences.tied + differences.reordered <= FEW:
            return ""
        texts = ", ".join(_shown(self.expected.batch.texts[row]) for row in differences.listed[:FEW])
        ties = f"{differences.tied} tied at the last candidate" if differences.tied else ""
        noise = f"{differences.reordered} reordered within 1e-6" if differences.reordered else ""
        return f"{' and '.join(part for part in (ties, noise) if part)}: {texts}"


def _shown(text: str) -> str:
    return ascii(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")

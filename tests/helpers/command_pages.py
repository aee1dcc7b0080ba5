"""What mutate, check and history found, made up: for their pages and lines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from helpers.snapshots import snapshot
from relevance.baseline import Acceptance, Accepted
from relevance.check import LOOK_AT, Findings
from relevance.gate import Comparison, Finding
from relevance.history import Commit, Version
from relevance.mutation import KINDS, Outcome, Outcomes, Said, Tried

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG = "vectorsearch_multifield_boosted"
NAMES = ("titles", LONG)
SUBJECT = "a subject that takes some room to be told"


def finding(strategy: str, answer: Any, relative: float, **more: Any) -> Finding:
    """Of nDCG@10, which fell from 0.5 by that share."""
    drop = 0.5 * relative
    interval = (-drop - 0.01, -drop + 0.01)
    effect: dict[str, Any] = {"relative": relative, "interval": interval, "p": 0.001, "adjusted_p": 0.004}
    return Finding(strategy, "nDCG@10", answer, 0.5, 0.5 - drop, **(effect | {"smallest_visible": 0.031} | more))


def outcome(kind: str, *findings: Finding, **more: Any) -> Outcome:
    """A change with an effect on the strategies of the findings."""
    return Outcome(
        KINDS[kind],
        1,
        snapshot(),
        Comparison("as it is", findings),
        changed=tuple(one.strategy for one in findings),
        **more,
    )


def tried(strategy: str) -> list[Tried]:
    """A better change, settled with 100 hits judged, and its undoing, a loss that the gate is slow to see."""
    better: tuple[Said, ...] = ("undecided, fails",) * 2 + ("no loss",) * 3
    loss: tuple[Said, ...] = ("undecided, fails",) * 2 + ("likely loss", "loss", "loss")
    of: Any = {"seed": 1, "strategy": strategy, "holes": 70}
    return [
        Tried("title_lost", undone=True, change=0.02, complete="no loss", answers=better, **of),
        Tried("title_lost", undone=False, change=-0.02, complete="loss", answers=loss, **of),
    ]


def planted(names: Sequence[str] = NAMES) -> Outcomes:
    """Regressions of all verdicts, of two strategies."""
    titles, other = names
    every = (
        outcome("title_lost", finding(titles, "loss", 0.2), finding(other, "no loss", 0.001)),
        outcome("description_not_matched", finding(other, "undecided", 0.03, blocks=True)),
        outcome("vectors_stale", finding(titles, "likely loss", 0.04)),
        outcome("first_word_lost", finding(titles, "no loss", 0.004)),
        outcome("last_word_lost", finding(titles, "no loss", 0.004), below_floors=(titles,)),
        Outcome(KINDS["duplicates"], 1, refused="ranking: query 'q1': product 'a' comes twice"),
        Outcome(KINDS["k1_off"], 1, inapplicable="no strategy sets k1"),
        outcome("judgments_lost", finding(titles, "no loss", 0.1), data="10 judgments changed"),
        Outcome(KINDS["b_off"], 1, snapshot()),
    )
    return Outcomes(snapshot(), every, "nDCG@10", 1.5, 30, 12, 4)


def versions(names: Sequence[str] = NAMES, *, days: int = 12, subject: str = SUBJECT) -> list[Version]:
    """The first strategy falls by 5% with the seventh; the other comes with the fifth, and goes with the last."""
    titles, other = names
    every = []
    for day in range(days):
        keys = np.arange(300 + (day >= 3), dtype=np.uint64)
        values = {titles: np.full(len(keys), 0.5 if day < 6 else 0.475, dtype=np.float32)}
        if 4 <= day < days - 1:
            values[other] = np.full(len(keys), 0.6 + 0.0002 * (day % 2), dtype=np.float32)
        commit = Commit(f"{day:040x}", NOON + timedelta(days=day), f"change {day}: {subject}")
        every.append(Version(commit, day % 2 == 0, keys, values))
    return every


WANTED = Accepted("loss", fails=True, before=0.5, after=0.4, scores_sha256="")
LOG = (Acceptance("2026-03-06T10:00:00Z", "Ada", "wanted", "nDCG@10", "", {"titles": WANTED}),)


FOUND = Findings(
    "shop: data",
    (
        ("products", "4; none without a description, 1 (25%) without attributes"),
        (LOOK_AT, "12 judged queries: the gate's paired test needs 50 ([gate] least_queries), with fewer none"),
        ("note", "train.csv: 3 products have several titles: that of the row with the smallest id counts"),
    ),
    ("qrels.txt, line 46: found 'c999'", "no model"),
    could_not_run=False,
)  # fmt: skip

"""The log of a baseline: who has accepted what, when, why, and against which verdict."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from relevance.baseline.snapshot import Measurement

MOST_ENTRIES = 100
"""Of a log: the oldest goes where another one is added."""

MOST_REASON, MOST_NAME = 1_000, 100
"""Characters of a reason and of a name."""

Overridden = Literal["no loss", "undecided", "likely loss", "loss", "new", "gone", "not compared"]
"""What the gate said of a strategy; three words for what it does not judge."""


@dataclass(frozen=True)
class Accepted:
    """One strategy.

    Attributes:
        verdict: what was overridden.
        fails: whether that makes a session fail.
        before: mean of the leading metric until then; None where there was none, or it was not compared.
        after: mean from then on, likewise.
        scores_sha256: of what was accepted, see `Measurement`; "" of a strategy that is gone.
    """

    verdict: Overridden
    fails: bool
    before: float | None
    after: float | None
    scores_sha256: str


@dataclass(frozen=True)
class Acceptance:
    """An entry.

    Attributes:
        when: UTC, `2026-11-28T18:30:00Z`.
        by: who, by his own word, as the author of a commit.
        reason: on one line.
        metric: whose means stand beside the strategies.
        data: what else changed with it in corpus, queries and judgments, in numbers; "" where nothing did.
        strategies: by name.
    """

    when: str
    by: str
    reason: str
    metric: str
    data: str
    strategies: Mapping[str, Accepted]

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from others, of whatever strategies it is in force."""
        return self.when, self.by, self.reason


def added(log: Sequence[Acceptance], entry: Acceptance) -> tuple[Acceptance, ...]:
    """The log with another entry at its end, of which the newest are kept."""
    return (*log, entry)[-MOST_ENTRIES:]


def standing(log: Sequence[Acceptance], strategies: Mapping[str, Measurement]) -> tuple[Acceptance, ...]:
    """The entries that are in force, the newest first, each with those of its strategies of which it is the newest.

    What was written by a later update has passed the gate, or was seen by whoever updated: its acceptance is over.

    Args:
        log: of a baseline, the oldest first.
        strategies: what that baseline holds.
    """
    said: set[str] = set()
    entries = []
    for entry in reversed(log):
        holds = {name: one.scores_sha256 for name, one in strategies.items()}
        own = {
            name: one
            for name, one in entry.strategies.items()
            if name not in said and holds.get(name, "") == one.scores_sha256
        }
        said |= {*entry.strategies}
        if own:
            entries.append(replace(entry, strategies=own))
    return tuple(entries)

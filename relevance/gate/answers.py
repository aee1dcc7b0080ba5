"""The four answers of the gate, from the best to the worst: the one table that pages, files and tests share."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Answer = Literal["no loss", "undecided", "likely loss", "loss"]


@dataclass(frozen=True)
class Meaning:
    """What an answer says.

    Attributes:
        label: the word in front of a line.
        sign: in front of the answer on a page.
        mark: how a terminal marks it: `good`, `warn`, `bad`, or "" for nothing.
        says: a sentence for people.
    """

    label: str
    sign: str
    mark: str
    says: str


ANSWERS: Mapping[Answer, Meaning] = MappingProxyType(
    {
        "no loss": Meaning("NO LOSS", "✅", "good", "if it lost at all, it lost less than would matter"),
        "undecided": Meaning(
            "UNDECIDED", "❔", "", "these judgments or so few queries cannot tell; what would settle it is said"
        ),
        "likely loss": Meaning(
            "LIKELY LOSS", "⚠️", "warn", "a loss that is hardly chance, too small or not sure enough to fail"
        ),
        "loss": Meaning("LOSS", "❌", "bad", "so large a loss that it matters, and sure"),
    }
)

IN_TABLES: Mapping[str, str] = MappingProxyType(
    {
        "better": "no loss, and a gain as large and as sure as a drop has to be to fail",
        "no sure loss": "no loss without a bound, which only the leading metric has: what was measured is not sure, "
        "and not so large that it is undecided",
        "not judged": "the baseline's mean is 0, and nothing can be relative to it",
        "not gated": "reported, and no part of the verdict",
    }
)
"""Words that stand for no loss, or for no answer, in tables of differences."""


def worst(answers: Iterable[Answer]) -> Answer:
    """Give the worst of some answers, `no loss` where there is none."""
    order = list(ANSWERS)
    return order[max(map(order.index, answers), default=0)]

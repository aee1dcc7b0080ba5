"""What the forms of a diagnosis say in the same words: on the terminal, as a page, in CI's summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relevance.text import plural

if TYPE_CHECKING:
    from relevance.diagnosis import Diagnosis, Hit, Segment, StrategyDiagnosis

__all__ = [
    "fell",
    "grade",
    "leg_words",
    "moved",
    "newcomer_words",
    "queries_words",
    "segment_words",
    "share",
]


def share(value: float) -> str:
    """A share as a percentage, one decimal."""
    return f"{value:.1%}"


def fell(relative: float | None) -> str:
    """What a relative drop is called: `fell by 3.1%`."""
    if relative is None:
        return "was 0 before"
    return f"{'fell' if relative >= 0 else 'rose'} by {share(abs(relative))}"


def queries_words(why: StrategyDiagnosis) -> str:
    """How many queries were won and lost, by which metric."""
    counts = f"{len(why.lost):,} lost, {len(why.won):,} won, {why.unchanged:,} unchanged"
    judged = "" if why.judged is None else f"; hits with a judgment {why.judged[0]:.0%} → {why.judged[1]:.0%}"
    return f"queries by {why.metric}: {counts}{judged}"


def grade(hit: Hit) -> str:
    """The grade of a hit, `-` for one without a judgment."""
    return "-" if hit.grade is None else str(hit.grade)


def moved(hit: Hit, *, now: bool) -> str:
    """What became of a hit beside the other ranking; "" where it is at the same place."""
    if hit.mark == "moved":
        return f"{'was' if now else 'now'} {hit.other_rank}"
    return "" if hit.mark == "same" else hit.mark


def leg_words(why: StrategyDiagnosis) -> str:
    """The legs of a strategy that combines several, on the queries that it lost; "" for others."""
    if not why.legs:
        return ""

    def number(value: float | None) -> str:
        return "?" if value is None else f"{value:.4f}"

    numbers = ", ".join(f"{leg.leg} {number(leg.before)} → {number(leg.after)}" for leg in why.legs)
    return f"legs on these {plural(len(why.lost), 'query')}: {numbers}; {why.legs_note}"


def segment_words(segment: Segment, why: StrategyDiagnosis) -> str:
    """A segment that fell further than all queries together."""
    whole = (why.before - why.after) / why.before if why.before > 0 else None
    sure = "" if segment.adjusted_p is None else f", adjusted p {segment.adjusted_p:.2g}"
    return (
        f"{why.metric} {fell(segment.relative)} on queries of one kind ({segment.name}, {segment.queries:,}), "
        f"{fell(whole)} on all{sure}"
    )


def newcomer_words(diagnosis: Diagnosis, strategy: str) -> str:
    """How many new hits of a strategy nobody has judged; "" where there is none."""
    own = [one for one in diagnosis.newcomers if one.strategy == strategy]
    if not own:
        return ""
    deciding = sum(one.could_change_verdict for one in own)
    could = f"; judging {deciding:,} of them could change the verdict" if deciding else ""
    verb = "has" if len(own) == 1 else "have"
    return f"{plural(len(own), 'new hit')} {verb} no judgment{could}"

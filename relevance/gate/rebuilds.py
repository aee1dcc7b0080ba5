"""What building an approximate index again moves by itself, learned from builds that were made to learn it.

The paired test takes the builds of both sides as they are. With enough queries it is sure of a difference that is only
that of two builds of one search. So a difference counts where it is larger than two builds lie apart as well.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import replace
from typing import TYPE_CHECKING

from relevance.distributions import student_quantile
from relevance.text import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from relevance.baseline import Measurement, Snapshot
    from relevance.gate.comparing import Finding
    from relevance.gate.limits import Limits

RECALL = "recall"
EXACT = (None, "flat")
"""Kinds of a vector index that every build makes the same."""

_KIND = ("vector_index", "oversample")


def reach(values: Sequence[float], chance: float) -> float:
    """Give how far a further build lies below another one at most, but for so small a chance: t * s * sqrt(2).

    s is the standard deviation of the builds that were made to learn it, t the quantile of Student's distribution with
    one degree of freedom less than these are. That is the prediction limit for the difference of two new observations
    of a normal distribution (G. J. Hahn and W. Q. Meeker, "Statistical Intervals", 1991, chapter 4): new are the
    build of the baseline and that of the session, neither of which is among `values`.
    """
    return student_quantile(len(values) - 1, 1 - chance) * statistics.stdev(values) * math.sqrt(2)


def moves(measured: Measurement, measure: str, limits: Limits) -> float | None:
    """Give that as a share of the mean of these builds; None where there are none, or it is 0."""
    values = measured.rebuilds.get(measure, ())
    mean = statistics.fmean(values) if values else 0.0
    return reach(values, limits.p_sure) / mean if mean > 0 else None


def same_index(before: Mapping[str, object], now: Mapping[str, object]) -> bool:
    """Whether two engines, by their facts, have an approximate index of one kind: what one learned holds for both."""
    kinds = [[facts.get(name) for name in _KIND] for facts in (before, now)]
    return kinds[0] == kinds[1] and kinds[0][0] not in EXACT


def beside_rebuilds(finding: Finding, before: Measurement, limits: Limits) -> Finding:
    """Say of what became worse or better whether another build alone would move the mean as far.

    Where it would, it is neither a loss nor better; whether it is one these two builds cannot tell.
    """
    moved = None if finding.segment else moves(before, finding.measure, limits)
    worse = finding.answer in ("likely loss", "loss")
    if moved is None or finding.relative is None or not (worse or finding.improved):
        return finding
    within = abs(finding.relative) <= moved
    builds = plural(len(before.rebuilds[finding.measure]), "rebuild")
    said = f"{'within' if within else 'beyond'} what building the index again alone moves: {moved:.2%} ({builds})"
    if not within:
        return replace(finding, reasons=(*finding.reasons, said))
    reasons = (finding.reasons[0], said, *finding.reasons[1:])
    if not worse:
        return replace(finding, improved=False, reasons=reasons)
    blocks = limits.too_few_queries == "fail"
    return replace(finding, answer="undecided", cause="rebuilds", needed=None, blocks=blocks, reasons=reasons)


def rebuild_notes(before: Snapshot, now: Snapshot, limits: Limits) -> Iterator[str]:
    """How far building the approximate index again alone moves the means that are compared, or that it is not known."""
    if not same_index(before.facts, now.facts):
        return
    both = [name for name in now.strategies if name in before.strategies]
    embedding = [name for name in both if before.strategies[name].models]
    kind = now.facts["vector_index"]
    known = [
        (moved, name, measure)
        for name in embedding
        for measure in map(str, limits.gated)
        if (moved := moves(before.strategies[name], measure, limits)) is not None
    ]
    if known:
        most, name, measure = max(known)
        builds = plural(len(before.strategies[name].rebuilds[measure]), "rebuild")
        yield f"building the {kind} index again alone moves a mean by up to {most:.2%} ({name} {measure}, {builds})"
    if unknown := [name for name in embedding if not before.strategies[name].rebuilds]:
        what = f"how far building the {kind} index again moves the means of {', '.join(unknown)} is not known"
        yield f"{what}; --update-baseline --rebuilds 5 learns it"

"""A measured session as the new baseline, whatever the gate says of it; who, when, why and what it said are kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from relevance.baseline import DIGITS, SELECTED, Acceptance, Accepted, added, data_changes, merge
from relevance.gate import ANSWERS, recorded_floors
from relevance.suite.compare import compare_with, with_limits

if TYPE_CHECKING:
    from collections.abc import Collection

    from relevance.baseline import Measurement, Overridden, Snapshot
    from relevance.datasets.asked import Orders
    from relevance.evaluation import Metric
    from relevance.gate import Comparison, Limits
    from relevance.suite.compare import Baseline

COMMAND = "relevance accept"

_WORST: tuple[Overridden, ...] = (*list(ANSWERS)[::-1], "gone", "not compared", "new")


@dataclass(frozen=True)
class Signature:
    """Who accepts, when (UTC, `2026-11-28T18:30:00Z`) and why; texts on one line."""

    by: str
    when: str
    reason: str


def accept(  # noqa: PLR0913 - all by name
    baseline: Baseline | None,
    session: Snapshot,
    signature: Signature,
    limits: Limits,
    *,
    names: Collection[str] = (),
    complete: bool = False,
    where: str = "",
    orders: Orders | None = None,
) -> tuple[Snapshot, Acceptance | None]:
    """Give the new content of a baseline's file, and its entry in the log; None where there is nothing to accept.

    The verdict that is overridden is that of the baseline's own limits, where it has some, and these stay: what is
    accepted is how strategies rank, not by what they are gated.

    Args:
        baseline: what is replaced; None where there is none yet.
        session: what was measured.
        signature: of the entry.
        limits: those of the configuration, for a baseline that has none.
        names: strategies of the session; empty for all.
        complete: whether the session measured all strategies that there are: with all of them, others are gone then.
        where: what the session is called for people.
        orders: those in which hits were asked to be judged.

    Raises:
        InputError: others than the named strategies would stay, and what they stand on has changed; the limits of the
            baseline or the floors of the session are none.
    """
    part = replace(session, strategies={name: session.strategies[name] for name in names}) if names else session
    before = baseline.snapshot if baseline else None
    old = before.strategies if before else {}
    content = merge(before, part, complete=complete and not names, by=COMMAND)
    comparison, metric = None, limits.leading
    if baseline and before:
        if before.gate:
            selected = {SELECTED: content.gate[SELECTED]} if SELECTED in content.gate else {}
            content = replace(content, gate={**before.gate, **selected})
        held = with_limits(baseline, limits, recorded_floors(session, where=where), from_baseline=True)
        metric = (held.limits or limits).leading
        comparison = compare_with(held, session, limits, orders=orders)
    strategies: dict[str, Accepted] = {}
    for name in (*part.strategies, *(one for one in old if one not in content.strategies)):
        was, now = old.get(name), part.strategies.get(name)
        if was is None or now is None or not _is_same(was, now):
            strategies[name] = _accepted(name, was, now, metric, comparison)
    if not strategies:
        return content, None
    # the worst first: of many, those are shown
    strategies = dict(sorted(strategies.items(), key=lambda one: (not one[1].fails, _WORST.index(one[1].verdict))))
    data = data_changes(before, part) if before else ""
    entry = Acceptance(metric=str(metric), data=data, strategies=strategies, **vars(signature))
    return replace(content, log=added(content.log, entry)), entry


def _is_same(before: Measurement, now: Measurement) -> bool:
    """Whether a strategy ranks as it did, and scores so: by the same judgments of the same queries, then."""
    metrics = [{metric: values.tolist() for metric, values in one.metrics.items()} for one in (before, now)]
    same = (before.scores_sha256, before.definition) == (now.scores_sha256, now.definition)
    return same and metrics[0] == metrics[1]


def _accepted(
    name: str, before: Measurement | None, now: Measurement | None, metric: Metric, comparison: Comparison | None
) -> Accepted:
    """What was said of a strategy that one of both sides has, or both."""
    sha256, fails = now.scores_sha256 if now else "", False
    means = [_mean(before, metric), _mean(now, metric)]
    findings = [one for one in comparison.findings if one.strategy == name] if comparison else []
    verdict: Overridden = "gone" if now is None else "new" if before is None else "not compared"
    if comparison and findings:
        verdict, fails = comparison.answer(name), comparison.fails(name)
        # both by today's judgments, where these are others than the baseline's
        of_all = (one for one in findings if one.measure == str(metric) and not one.segment)
        means = next(([one.before, one.after] for one in of_all), means)
    old, new = (None if mean is None else round(mean, DIGITS) for mean in means)
    return Accepted(verdict, fails, old, new, sha256)


def _mean(measured: Measurement | None, metric: Metric) -> float | None:
    values = measured.metrics.get(metric) if measured else None
    return None if values is None else float(values.mean())

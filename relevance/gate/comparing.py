"""A session against a baseline: every metric of every strategy, tested together and judged; verdicts as data.

The rules lead from what changed, in numbers, to one of four answers, with the reasons for people.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import bdtrc, ndtri, stdtrit

from relevance.errors import InputError
from relevance.gate.answers import worst
from relevance.significance import DRAWS, SAME, flip_signs
from relevance.text import chance, some

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from relevance.baseline import Measurement, Snapshot
    from relevance.gate.answers import Answer
    from relevance.gate.limits import Limit, Limits
    from relevance.significance import SignFlips

    _Floats = npt.NDArray[np.float64]
    _Bools = npt.NDArray[np.bool_]

EMPTY = "empty results"
RUN_TIME = "run time"

SEED = 1
"""Of the signs: the same two snapshots give the same p wherever and whenever they are compared."""

_SHOWN = 3
_POWER = 0.8
"""How often a drop of the smallest visible size would fail."""
_ONE_SIDED_95 = 1.645
"""Standard errors above an estimate that the truth exceeds once in twenty."""
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Finding:
    """One measure of one strategy against one baseline.

    Attributes:
        measure: a metric as it prints (`nDCG@10`), `run time`, or `empty results`.
        before: mean of the baseline (ratio to the calibration, for run time; share of queries, for empty results).
        after: mean of the candidate, likewise.
        relative: of `before`, positive where it became worse; None where before is 0.
        interval: of the mean difference after - before, 95%; None where there is none.
        p: raw, one-sided; None where nothing was tested.
        adjusted_p: over all columns of the session; None likewise.
        queries: how many were compared.
        changed: how many have another value than before; for empty results, how many newly return nothing.
        smallest_visible: the smallest true relative drop that would fail about four times of five; None where none
            would or nothing was tested.
        reasons: a line each, for people; the first says what happened.
        improved: whether it became better, as sure as a fail would have to be.
    """

    strategy: str
    measure: str
    answer: Answer
    before: float
    after: float
    relative: float | None = None
    interval: tuple[float, float] | None = None
    p: float | None = None
    adjusted_p: float | None = None
    queries: int = 0
    changed: int = 0
    smallest_visible: float | None = None
    reasons: tuple[str, ...] = ()
    improved: bool = False


@dataclass(frozen=True)
class Comparison:
    """A session against one baseline.

    Attributes:
        baseline: what it is called for people: its file.
        findings: all of them, in the order of strategies and measures.
        differs: what else changed between baseline and now (model, boosts, engine, versions), a line each.
        notes: what could not be compared and why, a line each.
    """

    baseline: str
    findings: tuple[Finding, ...]
    differs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def answer(self, strategy: str | None = None) -> Answer:
        """The worst of the findings, of one strategy or of all."""
        return worst(one.answer for one in self.findings if strategy in (None, one.strategy))

    def fails(self, strategy: str | None = None) -> bool:
        """Whether that makes a session fail."""
        return self.answer(strategy) == "loss"


def compare(before: Snapshot, now: Snapshot, limits: Limits, *, baseline: str, draws: int = DRAWS) -> Comparison:
    """Compare the strategies that both snapshots have; whether their data are the same is not looked at here.

    All columns (strategies times gated metrics) are tested together, so that their number does not make false alarms.

    Args:
        before: the baseline.
        now: this session.
        limits: from where on worse is too much.
        baseline: what it is called for people.
        draws: how many sign patterns are drawn.

    Raises:
        InputError: the snapshots hold other queries.
    """
    _refuse_other_queries(set(before.queries), set(now.queries))
    both = [name for name in now.strategies if name in before.strategies]
    # in the order of the ids, since the order decides what a seed gives
    old_rows, new_rows = (sorted(range(len(one.queries)), key=one.queries.__getitem__) for one in (before, now))
    effects, notes = [], []
    findings: list[Finding] = []
    for name in both:
        old, new = before.strategies[name], now.strategies[name]
        for metric in limits.gated:
            if metric in old.metrics and metric in new.metrics:
                values = old.metrics[metric][old_rows], new.metrics[metric][new_rows]
                effects.append(_Effect(name, str(metric), limits.of(name, metric), *values))
            else:
                notes.append(f"{name}: {metric} is not on both sides, not compared")
        findings.append(_judge_empty(name, _is_empty(old, old_rows), _is_empty(new, new_rows), limits))
    if effects:
        # nothing is relative to a mean of 0: without drops a column is not tested
        drops = np.column_stack([one.drops if one.before > 0 else np.zeros(one.queries) for one in effects])
        flips = flip_signs(drops, seed=SEED, draws=draws)
        findings = [*(_judge_effect(effect, flips, column) for column, effect in enumerate(effects)), *findings]
    run_times, untimed = compare_run_times(before, now, limits)
    findings += run_times
    findings.sort(key=lambda finding: both.index(finding.strategy))
    return Comparison(baseline, tuple(findings), notes=(*notes, *untimed))


def _refuse_other_queries(old: set[str], new: set[str]) -> None:
    parts = [
        f"{len(ids)} {what} ({some([*map(repr, sorted(ids))], _SHOWN)})"
        for ids, what in ((new - old, "new"), (old - new, "gone"))
        if ids
    ]
    if parts:
        raise InputError(f"other queries than the baseline's: {', '.join(parts)}; allowed: the same queries")


def _is_empty(measured: Measurement, rows: Sequence[int]) -> _Bools:
    return np.array([not measured.hits[row] for row in rows])


# metrics


class _Effect:
    """A change of one metric of one strategy; `before` and `after` are of the same queries, shape (queries,).

    Sums are exact, so that every machine gives the same.
    """

    def __init__(self, strategy: str, metric: str, limit: Limit, before: _Floats, after: _Floats) -> None:
        self.strategy, self.metric, self.limit = strategy, metric, limit
        self.queries = queries = len(before)
        # positive where it became worse
        self.drops = before - after if limit.worse == "lower" else after - before
        self.changed = int(np.count_nonzero(np.abs(self.drops) > SAME))
        means = [math.fsum(values.tolist()) / queries for values in (before, after, self.drops)]
        self.before, self.after, self.drop = means
        squares = math.fsum(((self.drops - self.drop) ** 2).tolist())
        self.error = math.sqrt(squares / max(queries - 1, 1) / queries)
        # shares of the mean before; where that is 0 they are nan, which no limit is below
        base = self.before if self.before > 0 else math.nan
        self.relative = self.drop / base
        self.at_most = self.relative + _ONE_SIDED_95 * self.error / base


def _judge_effect(effect: _Effect, flips: SignFlips, column: int) -> Finding:
    """Judge a change by its size and by its chance, that of a column of the joint test."""
    limit = effect.limit
    p, adjusted = float(flips.greater.p[column]), float(flips.greater.adjusted[column])
    failing = _far_enough(effect, effect.relative, p, adjusted)
    better = _far_enough(effect, -effect.relative, float(flips.less.p[column]), float(flips.less.adjusted[column]))
    exceptions = _exceptions(effect)
    warning = "" if failing else _warning(effect, p, adjusted)
    answer: Answer = "loss" if failing and not exceptions else "likely loss" if failing or warning else "no loss"
    tested = effect.changed > 0 and effect.before > 0
    visible = _smallest_visible(effect, critical=flips.critical(limit.p_sure)) if tested else None
    reasons = [_what_happened(effect)]
    if failing or better:
        reasons.append("; ".join([failing or better, *exceptions]))
    if warning:
        reasons.append(warning)
    if answer != "loss" and effect.changed and effect.at_most >= limit.fail:
        reasons.append(_strength(effect, visible))
    return Finding(
        effect.strategy,
        effect.metric,
        answer,
        effect.before,
        effect.after,
        relative=effect.relative if effect.before > 0 else None,
        interval=_interval(effect),
        p=p if tested else None,
        adjusted_p=adjusted if tested else None,
        queries=effect.queries,
        changed=effect.changed,
        smallest_visible=visible,
        reasons=tuple(reasons),
        improved=bool(better) and not exceptions,
    )


def _far_enough(effect: _Effect, relative: float, p: float, adjusted: float) -> str:
    """Why a drop, or a gain as a drop, would fail; "" where it would not."""
    limit = effect.limit
    if relative >= limit.fail and adjusted <= limit.p_sure:
        return f"{_share(limit.fail)} or more, and sure (adjusted p {chance(adjusted)}, {limit.p_sure:g} is enough)"
    if limit.large_fails(effect.queries) and relative >= limit.fail_large and p <= limit.p_large:
        return f"{_share(limit.fail_large)} or more, and hardly chance (p {chance(p)}, {limit.p_large:g} is enough)"
    return ""


def _exceptions(effect: _Effect) -> list[str]:
    """Why what is far enough does not fail all the same."""
    limit, lines = effect.limit, []
    if effect.queries < limit.least_queries:
        lines.append(f"not counted: {effect.queries} queries, below {limit.least_queries} nothing fails by statistics")
    if abs(effect.drop) < limit.least_drop:
        lines.append(f"not counted: the means differ by {abs(effect.drop):.4f}, less than {limit.least_drop:g}")
    return lines


def _warning(effect: _Effect, p: float, adjusted: float) -> str:
    limit = effect.limit
    if effect.relative >= limit.warn and (limit.leading or p <= limit.p_warn):
        fails = f"{_share(limit.fail)} and adjusted p {limit.p_sure:g} fail"
        return f"{_share(limit.warn)} or more (p {chance(p)}, adjusted {chance(adjusted)}; {fails})"
    if effect.relative >= limit.warn_sure and adjusted <= limit.p_sure:
        return f"small, but sure (adjusted p {chance(adjusted)})"
    if limit.leading and effect.relative > 0 and effect.at_most >= limit.warn:
        return f"too few queries to exclude a drop of {_share(limit.warn)}: it may be {_share(effect.at_most)}"
    return ""


def _what_happened(effect: _Effect) -> str:
    means = f"{effect.before:.4f} → {effect.after:.4f}"
    if not effect.changed:
        return f"no query changed ({effect.before:.4f})"
    if effect.before <= 0:
        return f"the baseline's mean is 0, nothing can be relative to it ({means})"
    if abs(effect.relative) < 5e-5:  # noqa: PLR2004 - what prints as 0.00%
        return f"the mean is as before ({means})"
    return f"{'rose' if effect.after > effect.before else 'fell'} by {_share(abs(effect.relative))} ({means})"


def _strength(effect: _Effect, visible: float | None) -> str:
    least = effect.limit.least_queries
    if visible is not None:
        return f"the smallest drop that such changes of these {effect.queries} queries would show is {_share(visible)}"
    if effect.queries < least:
        return f"{effect.queries} queries cannot show that a drop is real; {least} are needed"
    return f"{effect.changed} changed queries cannot show that a drop is real"


def _share(value: float) -> str:
    text = f"{100 * value:.2f}".rstrip("0").rstrip(".")
    return f"{text}%"


def _interval(effect: _Effect) -> tuple[float, float] | None:
    """Of the mean of after - before, by Student's t; None for a single query, which has no spread."""
    if effect.queries < 2:  # noqa: PLR2004
        return None
    reach = float(stdtrit(effect.queries - 1, 0.5 + _CONFIDENCE / 2)) * effect.error
    mean = effect.after - effect.before
    return mean - reach, mean + reach


def _smallest_visible(effect: _Effect, *, critical: float) -> float | None:
    """The smallest true relative drop that would fail four times of five, were differences as scattered as here.

    A drop fails where the measured mean reaches both what the rule asks for and what chance makes rare enough. A true
    drop 0.84 standard errors above that is measured above it four times of five (J. Cohen, "Statistical Power Analysis
    for the Behavioral Sciences", 1988, chapter 1).

    `critical` is the sum / sqrt(sum of squares) from which on a column is sure. None: no drop would fail, there are too
    few queries, or too few of them changed.
    """
    limit = effect.limit
    if effect.queries < limit.least_queries:
        return None
    thresholds = [max(_mean_at(critical, effect), limit.fail * effect.before)]
    if limit.large_fails(effect.queries):
        hardly_chance = float(-ndtri(limit.p_large))
        thresholds.append(max(_mean_at(hardly_chance, effect), limit.fail_large * effect.before))
    needed = max(min(thresholds), limit.least_drop) + float(ndtri(_POWER)) * effect.error
    return needed / effect.before if math.isfinite(needed) else None


def _mean_at(critical: float, effect: _Effect) -> float:
    """The mean difference whose sum / sqrt(sum of squares) is `critical`, with the spread that was seen."""
    if critical * critical >= effect.queries:
        return math.inf
    return critical * effect.error * math.sqrt((effect.queries - 1) / (effect.queries - critical * critical))


# empty results


def _judge_empty(strategy: str, before: _Bools, after: _Bools, limits: Limits) -> Finding:
    """Judge how many queries newly return nothing: by count, and by chance where others newly return something.

    The chance is that of a coin for each query that is empty on one side alone: the sign test, one-sided (W. J. Dixon
    and A. M. Mood, "The statistical sign test", JASA 41, 1946).
    `before` and `after` say which queries return nothing, shape (queries,).
    """
    queries = len(before)
    newly, refilled = int((after & ~before).sum()), int((before & ~after).sum())
    answer: Answer = "no loss"
    if newly >= limits.empty_queries:
        share = newly / queries
        answer = "loss" if share >= limits.empty_fail else "likely loss" if share >= limits.empty_warn else "no loss"
    reasons = [f"{newly} of {queries} queries newly return nothing" if newly else "no query newly returns nothing"]
    if newly and refilled:
        luck = float(bdtrc(newly - 1, newly + refilled, 0.5))
        reasons.append(f"{refilled} newly return something (p {chance(luck)})")
        if answer == "loss" and luck > limits.p_sure:
            answer = "likely loss"
            reasons.append(f"no failure: it may be chance which of them do (p {limits.p_sure:g} is enough)")
    shares = int(before.sum()) / queries, int(after.sum()) / queries
    return Finding(strategy, EMPTY, answer, *shares, queries=queries, changed=newly, reasons=tuple(reasons))


# run time


def compare_run_times(before: Snapshot, now: Snapshot, limits: Limits) -> tuple[list[Finding], list[str]]:
    """Compare the run times of the strategies that both snapshots have.

    A strategy's time is divided by that of the calibration, a fixed strategy on a fixed generated catalogue, measured
    in the same session on the same engine: what is left of a faster or slower machine cancels out.

    Returns:
        A finding for each strategy that can be compared (`before` and `after` in calibrations, `relative` positive
        where it became slower), and a line for what cannot.
    """
    both = [name for name in now.strategies if name in before.strategies]
    problem = _nothing_timed(before, now, both)
    if problem:
        return [], [f"{RUN_TIME}: not compared, {problem}"] if both else []
    findings, notes = [], []
    for name in both:
        old, new = before.strategies[name], now.strategies[name]
        problem = _not_timed(old, "the baseline") or _not_timed(new, "this session")
        if problem:
            notes.append(f"{RUN_TIME}: {name} is not compared, {problem}")
        else:
            ratios = [(one.run_time_s or 0) / (side.calibration_s or 1) for one, side in ((old, before), (new, now))]
            findings.append(_judge_run_time(name, ratios[0], ratios[1], limits.time(name)))
    return findings, notes


def _not_timed(measured: Measurement, whose: str) -> str:
    if measured.run_time_s is None:
        return f"{whose} has no time of it"
    return "" if measured.rounds > 1 else f"{whose} has a single round, 2 are needed"


def _nothing_timed(before: Snapshot, now: Snapshot, names: Sequence[str]) -> str:
    """Why no run time at all can be compared; "" where some can."""
    if any(all(side.strategies[name].run_time_s is None for name in names) for side in (before, now)):
        return "there are no times of the same queries on both sides"
    engines = before.engine.get("name"), now.engine.get("name")
    if engines[0] != engines[1]:
        return f"the baseline's engine is {engines[0]} and this is {engines[1]}"
    for whose, side in (("the baseline", before), ("this session", now)):
        if side.calibration_s is None:
            return f"{whose} has no calibration"
    return ""


def _judge_run_time(strategy: str, before: float, after: float, limit: tuple[float, float]) -> Finding:
    """Judge a run time in calibrations; `limit`: from how many times of before on it warns, and fails."""
    warn, fail = limit
    times = after / before
    answer: Answer = "loss" if times > fail else "likely loss" if times > warn else "no loss"
    above = "" if answer == "no loss" else f", above {limit[answer == 'loss']:g}"
    reason = f"takes {times:.2f} times as long as before{above} ({before:.2f} → {after:.2f} calibrations)"
    return Finding(
        strategy, RUN_TIME, answer, before, after, relative=times - 1, reasons=(reason,), improved=times < 1 / fail
    )

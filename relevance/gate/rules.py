"""The rules: from an effect to pass, warn or fail, with the reasons for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scipy.special import bdtrc

from relevance.gate.finding import Finding
from relevance.gate.strength import smallest_visible

if TYPE_CHECKING:
    from relevance.gate.effect import Effect
    from relevance.gate.finding import Status
    from relevance.gate.limits import Limit, Limits

__all__ = ["EMPTY", "Empty", "judge_effect", "judge_empty"]

EMPTY = "empty results"


def judge_effect(strategy: str, measure: str, effect: Effect, limit: Limit, *, critical: float) -> Finding:
    """Judge one metric of one strategy.

    Args:
        strategy: its name.
        measure: the metric as it prints.
        effect: what changed, with its chances.
        limit: what holds for it.
        critical: see `SignFlips.critical`, at `limit.p_sure`.
    """
    failing = _far_enough(effect.relative, effect.p, effect.adjusted, effect.queries, limit)
    gain = None if effect.relative is None else -effect.relative
    better = _far_enough(gain, effect.p_better, effect.adjusted_better, effect.queries, limit)
    guards = _guards(effect, limit)
    warnings = _warnings(effect, limit)
    status: Status = "fail" if failing and not guards else "warn" if failing or warnings else "pass"
    tested = effect.changed > 0 and effect.relative is not None
    visible = smallest_visible(effect, limit, critical=critical) if tested else None
    reasons = [_happened(effect, limit)]
    if failing:
        reasons += [failing, *guards]
    elif better:
        reasons += [better, *guards]
    reasons += [] if failing else warnings
    if status != "fail" and _cannot_tell(effect, limit):
        reasons.append(_strength(effect, limit, visible))
    return Finding(
        strategy,
        measure,
        status,
        effect.before,
        effect.after,
        relative=effect.relative,
        interval=effect.interval,
        p=effect.p if tested else None,
        adjusted_p=effect.adjusted if tested else None,
        queries=effect.queries,
        changed=effect.changed,
        smallest_visible=visible,
        reasons=tuple(reasons),
        improved=bool(better) and not guards,
    )


def _far_enough(relative: float | None, p: float, adjusted: float, queries: int, limit: Limit) -> str:
    """Why a drop, or a gain as a drop, would fail; "" where it would not."""
    if relative is None:
        return ""
    if relative >= limit.fail and adjusted <= limit.p_sure:
        return f"{_share(limit.fail)} or more, and sure (adjusted p {_p(adjusted)}, {limit.p_sure:g} is enough)"
    if limit.large_fails(queries) and relative >= limit.fail_large and p <= limit.p_large:
        return f"{_share(limit.fail_large)} or more, and hardly chance (p {_p(p)}, {limit.p_large:g} is enough)"
    return ""


def _guards(effect: Effect, limit: Limit) -> list[str]:
    """Why what is far enough does not fail all the same."""
    found = []
    if effect.queries < limit.least_queries:
        found.append(f"not counted: {effect.queries} queries, below {limit.least_queries} nothing fails by statistics")
    if abs(effect.drop) < limit.least_drop:
        found.append(f"not counted: the means differ by {abs(effect.drop):.4f}, less than {limit.least_drop:g}")
    return found


def _warnings(effect: Effect, limit: Limit) -> list[str]:
    relative, at_most = effect.relative, effect.at_most
    if relative is None or at_most is None:
        return []
    if relative >= limit.warn and (limit.leading or effect.p <= limit.p_warn):
        fails = f"{_share(limit.fail)} and adjusted p {limit.p_sure:g} fail"
        return [f"{_share(limit.warn)} or more (p {_p(effect.p)}, adjusted {_p(effect.adjusted)}; {fails})"]
    if relative >= limit.warn_sure and effect.adjusted <= limit.p_sure:
        return [f"small, but sure (adjusted p {_p(effect.adjusted)})"]
    if limit.leading and relative > 0 and at_most >= limit.warn:
        return [f"too few queries to exclude a drop of {_share(limit.warn)}: it may be {_share(at_most)}"]
    return []


def _cannot_tell(effect: Effect, limit: Limit) -> bool:
    """Whether a drop that fails is not excluded."""
    return bool(effect.changed) and effect.at_most is not None and effect.at_most >= limit.fail


def _strength(effect: Effect, limit: Limit, visible: float | None) -> str:
    if visible is not None:
        return f"the smallest drop that such changes of these {effect.queries} queries would show is {_share(visible)}"
    if effect.queries < limit.least_queries:
        return f"{effect.queries} queries cannot show that a drop is real; {limit.least_queries} are needed"
    return f"{effect.changed} changed queries cannot show that a drop is real"


def _happened(effect: Effect, limit: Limit) -> str:
    means = f"{effect.before:.4f} → {effect.after:.4f}"
    if not effect.changed:
        return f"no query changed ({effect.before:.4f})"
    if effect.relative is None:
        return f"the baseline's mean is 0, nothing can be relative to it ({means})"
    if abs(effect.relative) < 5e-5:  # noqa: PLR2004 - what prints as 0.00%
        return f"the mean is as before ({means})"
    up = (effect.drop < 0) == (limit.worse == "lower")
    return f"{'rose' if up else 'fell'} by {_share(abs(effect.relative))} ({means})"


def _share(value: float) -> str:
    text = f"{100 * value:.2f}".rstrip("0").rstrip(".")
    return f"{text}%"


def _p(value: float) -> str:
    return f"{value:.2g}" if value >= 1e-4 else f"{value:.0e}"  # noqa: PLR2004 - where zeros begin to be counted


@dataclass(frozen=True)
class Empty:
    """How many queries return nothing.

    Attributes:
        before: those of the baseline.
        after: those of this session.
        newly: those of this session that returned something before.
        refilled: the reverse, those that newly return something.
    """

    before: int
    after: int
    newly: int
    refilled: int

    def chance(self) -> float:
        """How often a coin for each query that is in one of the two alone makes as many of them newly empty or more.

        The sign test, one-sided (W. J. Dixon and A. M. Mood, "The statistical sign test", JASA 41, 1946).
        """
        return float(bdtrc(self.newly - 1, self.newly + self.refilled, 0.5)) if self.newly else 1.0


def judge_empty(strategy: str, empty: Empty, queries: int, limits: Limits) -> Finding:
    """Judge how many queries newly return nothing: by count, and by chance where others newly return something.

    Args:
        strategy: its name.
        empty: how many queries return nothing.
        queries: how many there are.
        limits: of the session.
    """
    share = empty.newly / queries
    status: Status = "pass"
    if empty.newly >= limits.empty_queries:
        status = "fail" if share >= limits.empty_fail else "warn" if share >= limits.empty_warn else "pass"
    reasons = ["no query newly returns nothing"]
    if empty.newly:
        reasons = [f"{empty.newly} of {queries} queries newly return nothing"]
    if empty.newly and empty.refilled:
        chance = empty.chance()
        reasons.append(f"{empty.refilled} newly return something (p {_p(chance)})")
        if status == "fail" and chance > limits.p_sure:
            status = "warn"
            reasons.append(f"no failure: it may be chance which of them do (p {limits.p_sure:g} is enough)")
    return Finding(
        strategy,
        EMPTY,
        status,
        empty.before / queries,
        empty.after / queries,
        queries=queries,
        changed=empty.newly,
        reasons=tuple(reasons),
        improved=False,
    )

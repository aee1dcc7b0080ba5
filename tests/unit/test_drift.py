"""Slow drift: a loss in steps that each pass; what moves the reference; chances by definition."""

import itertools
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from relevance.evaluation import Metric
from relevance.gate import Limits
from relevance.history import Commit, Drift, Version, drift
from relevance.history.drift import _Change

QUERIES = 400
START = datetime(2026, 1, 1, tzinfo=UTC)
BASE = 0.2 + 0.6 * np.random.default_rng(5).random(QUERIES)
NOISE = np.random.default_rng(6).permutation(np.repeat([-0.02, 0.02], QUERIES // 2))


def made(day: int, *, accepted: bool = True, **strategies: np.ndarray) -> Version:
    values = {name: numbers.astype(np.float32) for name, numbers in strategies.items()}
    keys = np.arange(len(next(iter(values.values()))), dtype=np.uint64)
    commit = Commit(f"{day:040x}", START + timedelta(days=day), f"day {day}")
    return Version(commit, accepted, keys, MappingProxyType(values))


def course(*levels: float, accepted: bool = True, queries: int = QUERIES) -> list[Version]:
    """Versions whose queries have the base times a level, and every other day what sums up to nothing beside."""
    return [
        made(day, accepted=accepted or not day, titles=(BASE * level + day % 2 * NOISE)[:queries])
        for day, level in enumerate(levels)
    ]


def found(versions: list[Version], **limits: Any) -> Drift | None:
    return next(iter(drift(versions, Limits(**limits))), None)


def test_small_steps_are_found_together_and_none_of_them_alone() -> None:
    steps = course(1, 0.99, 0.981, 0.97, 0.96, 0.95, accepted=False)
    assert [found(steps[: last + 1]) is not None for last in range(6)] == [False, False, False, True, True, True]
    one = found(steps)
    assert one is not None
    assert (one.since.subject, one.looks, one.queries, one.answer) == ("day 0", 5, QUERIES, "loss")
    assert one.after / one.before == pytest.approx(0.95, abs=1e-6)
    assert one.enough == pytest.approx(0.01 * 6 / math.pi**2 / 25)
    assert one.line.startswith("titles: slow drift: nDCG@10 fell by 5.0% (")
    assert "since 0000000 of 2026-01-01, in 5 steps that each may have passed (p " in one.line
    assert one.line.endswith("0.00024 is enough at the 5th look)")


def test_a_single_step_is_the_gates_to_find() -> None:
    assert found(course(1, 0.9)) is None
    assert found(course(1, 1, 0.9)) is not None


def test_a_loss_that_was_accepted_moves_the_reference() -> None:
    assert found(course(1, 0.99, 0.95, 0.95, 0.945)) is None
    back = found(course(1, 0.99, 0.95, 0.94, 0.935, 0.92))
    assert back is not None
    assert back.since.subject == "day 2"


def test_a_drift_that_was_accepted_moves_the_reference() -> None:
    steps = course(1, 0.99, 0.981, 0.97, 0.969, 0.968)
    assert found(steps[:4]) is not None
    assert found(steps) is None


def test_a_session_that_nobody_accepted_moves_nothing() -> None:
    one = found(course(1, 0.9, 0.97, 0.96, accepted=False))
    assert one is not None
    assert one.since.subject == "day 0"


def test_a_gain_moves_the_reference_up() -> None:
    one = found(course(1, 1.1, 1.09, 1.08, 1.06))
    assert one is not None
    assert one.since.subject == "day 1"


@pytest.mark.parametrize("for_a_while", [0.6, 1.5])
def test_a_change_that_was_taken_back_does_not_hide_a_drift(for_a_while: float) -> None:
    steps = [1, 0.993, 0.986, for_a_while, 0.986, 0.979, 0.972]
    assert [found(course(*steps[:last])) is None for last in (5, 6)] == [True, False]
    one = found(course(*steps[:6]))
    assert one is not None
    assert (one.since.subject, one.looks) == ("day 0", 5)


def test_limits_of_the_gate_hold() -> None:
    steps = course(1, 0.99, 0.981, 0.97)
    assert found(steps) is not None
    assert found(steps, fail=0.04) is None
    assert found(steps, least_drop=0.05) is None
    few = course(1, 0.985, 0.94, queries=40)
    assert found(few) is None
    assert found(few, least_queries=30) is not None


def test_of_a_metric_whose_less_is_better_a_rise_is_the_loss() -> None:
    steps, leading = course(1, 1.01, 1.04), Metric("Empty")
    one = found(steps, gated=(leading,), leading=leading)
    assert one is not None
    assert "rose by 4.0%" in one.line
    assert found(course(1, 0.99, 0.96), gated=(leading,), leading=leading) is None


def test_other_data_begin_anew() -> None:
    *earlier, last = course(1, 0.985, 0.97)
    assert found([*earlier, last]) is not None
    assert found([*earlier, replace(last, keys=last.keys + np.uint64(300))]) is None


def test_a_strategy_that_is_new_has_no_past() -> None:
    *earlier, last = course(1, 0.985, 0.96)
    both = replace(last, values={**last.values, "fused": last.values["titles"]})
    assert [one.strategy for one in drift([*earlier, both], Limits())] == ["titles"]
    assert drift([], Limits()) == ()


def test_strategies_share_the_chance() -> None:
    steps = course(1, 0.99, 0.96)
    alone = found(steps)
    five = [replace(one, values={f"s{at}": one.values["titles"] for at in range(5)}) for one in steps]
    together = drift(five, Limits())
    assert alone is not None
    assert [one.strategy for one in together] == [f"s{at}" for at in range(5)]
    assert together[0].p == pytest.approx(5 * alone.p)


def test_the_bound_holds_for_every_sign_of_a_few_numbers() -> None:
    # all 2^10 signs of ten magnitudes: the share that is as far out is never above the bound
    rng = np.random.default_rng(1)
    for _ in range(5):
        magnitudes = np.abs(rng.standard_t(3, 10)) * 0.02
        drops = magnitudes * np.array([*itertools.product((-1, 1), repeat=10)])
        before = made(0, s=np.full(10, 0.5))
        p = np.array([_Change(before, made(1, s=0.5 - each), "s").p for each in drops])
        sums = drops.sum(axis=1)
        share = (sums[None, :] >= sums[:, None] - 1e-7).mean(axis=1)
        assert (share <= p).all()


def test_the_bound_is_that_of_the_normal_distribution_times_a_constant() -> None:
    before, after = (made(0, s=np.full(4, one)) for one in (0.5, 0.4))  # four equal drops: T = 2
    assert _Change(before, after, "s").p == pytest.approx(norm.sf(2) / (4 * norm.sf(math.sqrt(2))))
    assert _Change(after, before, "s").p == 1

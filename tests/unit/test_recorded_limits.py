"""Limits beside those of a baseline: which are looser, which hold, and which take the gate out of the way."""

from dataclasses import fields, replace
from typing import Any

import pytest
from helpers.snapshots import snapshot

from relevance.errors import InputError
from relevance.evaluation import AP10, NDCG10, RR10, Metric
from relevance.gate.choice import GATED, MetricChoice
from relevance.gate.limits import Limit, Limits, SegmentLimit, read_limits
from relevance.gate.recorded import (
    BLUNT,
    LOOSER,
    as_recorded,
    blunt_limits,
    looser_floors,
    looser_limits,
    recorded_floors,
    recorded_limits,
)

NAMES = ("own", "other")


def limits(gated: tuple[Metric, ...] = GATED, **table: Any) -> Limits:
    return read_limits(table, strategies=NAMES, gated=gated)


def test_every_limit_has_a_direction() -> None:
    """Whoever adds a limit says which value of it lets more pass."""
    named = {"gated", "leading", "metrics", "strategies", "segments", "lower_is_better"}
    names = {each.name for record in (Limits, Limit, SegmentLimit) for each in fields(record)}
    assert names - named <= set(LOOSER)
    assert set(BLUNT) <= set(LOOSER)


@pytest.mark.parametrize("name", sorted({each.name for each in fields(Limits)} & set(LOOSER)))
def test_the_looser_of_two_values_is_named_with_both(name: str) -> None:
    direction, default = LOOSER[name], getattr(Limits(), name)
    values = direction if isinstance(direction, tuple) else (default / 2, default * 1.5)
    strict, loose = (replace(Limits(), **{name: value}) for value in (values[0], values[-1]))
    if direction == "lower":
        strict, loose = loose, strict
    (line,) = looser_limits(strict, loose, NAMES)
    assert line == f"{name} {getattr(loose, name)} is looser than the baseline's {getattr(strict, name)}"
    assert looser_limits(loose, strict, NAMES) == ()
    assert looser_limits(loose, loose, NAMES) == ()


def test_a_metric_or_a_strategy_of_its_own() -> None:
    before = limits(fail=0.05, metrics={"RR@10": {"fail": 0.03}})
    now = limits(fail=0.05, strategies={"own": {"fail": 0.5, "AP@10": {"fail": 0.6}, "time_fail": 9.0}})
    assert looser_limits(before, now, NAMES) == (
        "fail 0.5 of own nDCG@10 is looser than the baseline's 0.05",
        "fail 0.6 of own AP@10 is looser than the baseline's 0.05",
        "fail 0.5 of own RR@10 is looser than the baseline's 0.03",
        "time_fail 9.0 of own is looser than the baseline's 2.0",
        "fail 0.05 of other RR@10 is looser than the baseline's 0.03",
    )
    assert looser_limits(before, now, ()) == (), "what is not compared has no limits"


def test_kinds_of_queries() -> None:
    before = limits(segments={"digits": {"hard": True, "floor": 0.4}, "one word": {"fail": 0.01}})
    assert looser_limits(before, limits(), NAMES) == (
        "floor 0.0 of queries of the kind digits is looser than the baseline's 0.4",
        "hard false of queries of the kind digits is looser than the baseline's true",
        "fail 0.05 of queries of the kind one word is looser than the baseline's 0.01",
    )


def test_metrics_that_gate_no_more() -> None:
    now = limits(gated=(AP10,), leading="AP@10")
    assert looser_limits(limits(), now, NAMES) == (
        "nDCG@10 is gated no more",
        "RR@10 is gated no more",
        "leading is AP@10, the baseline's is nDCG@10",
    )


def test_what_lets_nearly_everything_pass() -> None:
    assert blunt_limits(limits(), NAMES) == ()
    assert blunt_limits(limits(fail=0.1, p_sure=0.001), NAMES) == ()
    found = blunt_limits(limits(fail=1.0, p_sure=1e-6, strategies={"own": {"time_fail": 1000.0}}), NAMES)
    assert found == (
        "fail 1.0 lets nearly everything pass, the default is 0.02",
        "p_sure 1e-06 lets nearly everything pass, the default is 0.01",
        "time_fail 1000.0 of own lets nearly everything pass, the default is 2.0",
    )


def test_limits_are_read_as_they_were_recorded() -> None:
    own = limits(fail=0.03, unjudged_hits="fail", gated=(NDCG10, RR10), strategies={"own": {"RR@10": {"fail": 0.5}}})
    before = replace(
        snapshot(), gate={**as_recorded(own, MetricChoice()), "selected": ["own"], "of_a_later_release": 3}
    )
    read = recorded_limits(before, where="main.json")
    assert read == own
    assert read.gated == (NDCG10, RR10)
    assert recorded_limits(replace(before, gate={}), where="main.json") is None
    wrong = replace(before, gate={**before.gate, "fail": "much"})
    with pytest.raises(InputError, match=r"^main.json: gate: fail = 'much'; allowed: .*; make a new baseline by"):
        recorded_limits(wrong, where="main.json")
    with pytest.raises(InputError, match=r"^main.json: gate: segments = None; allowed: a table; make"):
        recorded_limits(replace(before, gate={**before.gate, "segments": None}), where="main.json")


def test_floors() -> None:
    before = {"own": {"MRR": 0.5, "NDCG": 0.4, "Empty": 0.02}, "other": {"P@5": 0.3}, "gone": {"MRR": 0.1}}
    now = {"own": {"MRR": 0.6, "NDCG": 0.39, "Empty": 0.1, "MAP": 0.1}}
    assert looser_floors(before, now, NAMES) == (
        "the floor NDCG 0.39 of own is looser than the baseline's 0.4",
        "the floor Empty 0.1 of own is looser than the baseline's 0.02",
        "the floor P@5 of other is gone, the baseline's is 0.3",
    )
    assert looser_floors(before, before, NAMES) == ()


@pytest.mark.parametrize(
    ("floors", "problem"),
    [
        ([], "floors are no tables"),
        ({"own": 0.5}, "floors are no tables"),
        ({"own": {"MRR": 2}}, "floor MRR of own is no number from 0 to 1"),
        ({"own": {"MRR": True}}, "floor MRR of own is no number from 0 to 1"),
        ({"own": {"NCG": 0.5}}, "floors of own: "),
    ],
)
def test_floors_that_are_none(floors: object, problem: str) -> None:
    with pytest.raises(InputError, match=f"main.json: gate: {problem}"):
        recorded_floors(replace(snapshot(), gate={"floors": floors}), where="main.json")


def test_recorded_floors() -> None:
    assert recorded_floors(replace(snapshot(), gate={}), where="main.json") is None
    assert recorded_floors(replace(snapshot(), gate={"floors": {"own": {"MRR": 0.5}}}), where="") == {
        "own": {"MRR": 0.5}
    }

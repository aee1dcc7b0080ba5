"""A session against a baseline: what fails, what warns, what passes, and what the finding says of it."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pytest
from helpers.snapshots import measured, session
from hypothesis import given, settings
from hypothesis import strategies as st

from relevance.errors import InputError
from relevance.evaluation import NDCG10, RR10
from relevance.gate import Limits, compare

if TYPE_CHECKING:
    from relevance.baseline import Snapshot
    from relevance.gate import Comparison, Finding

DRAWS = 4_000


def _numbers(queries: int, mean: float = 0.5, seed: int = 0) -> np.ndarray:
    """Numbers from 0 to 1 with that mean."""
    numbers = np.random.default_rng(seed).random(queries)
    return numbers * mean / numbers.mean()


def _compared(before: Snapshot, now: Snapshot, limits: Limits | None = None) -> Comparison:
    return compare(before, now, limits or Limits(), baseline="main.json", draws=DRAWS)


def _finding(before: np.ndarray, after: np.ndarray, measure: str = "nDCG@10", limits: Limits | None = None) -> Finding:
    """Of one strategy, all of whose metrics have these numbers."""
    found = _compared(session(own=measured(before)), session(own=measured(after)), limits)
    (one,) = [finding for finding in found.findings if finding.measure == measure]
    return one


def _dropped(before: np.ndarray, share: float, spread: float = 0.02, seed: int = 1) -> np.ndarray:
    """The numbers after a measured drop of that share of their mean, exactly, scattered by `spread`."""
    noise = np.random.default_rng(seed).normal(0, spread, len(before))
    return before - noise + noise.mean() - share * before.mean()


# fail, warn, pass


@pytest.mark.parametrize(
    ("drop", "measure", "status"),
    [
        (0.0201, "nDCG@10", "fail"),
        (0.0201, "AP@10", "fail"),
        (0.0199, "nDCG@10", "warn"),
        (0.0199, "RR@10", "warn"),
        (0.0051, "RR@10", "warn"),
        (0.0049, "RR@10", "pass"),
        (0.0049, "nDCG@10", "pass"),
        (-0.03, "nDCG@10", "pass"),
    ],
)
def test_a_sure_drop_fails_from_two_percent_and_warns_from_half(drop: float, measure: str, status: str) -> None:
    """1,000 queries whose numbers scatter little are sure of either."""
    before = _numbers(1_000)
    found = _finding(before, _dropped(before, drop), measure)
    assert found.status == status
    assert found.relative == pytest.approx(drop)
    assert (found.queries, found.changed) == (1_000, 1_000)


@pytest.mark.parametrize(
    ("drop", "spread", "measure", "status"),
    [
        (0.051, 0.11, "nDCG@10", "fail"),  # p is 0.05: hardly chance, and large
        (0.051, 0.11, "RR@10", "warn"),
        (0.051, 0.3, "nDCG@10", "warn"),  # p is 0.28
        (0.051, 0.3, "RR@10", "pass"),
        (0.021, 0.11, "nDCG@10", "warn"),
        (0.001, 0.11, "nDCG@10", "warn"),  # 2% is not excluded
        (0.001, 0.11, "RR@10", "pass"),
        (-0.001, 0.11, "nDCG@10", "pass"),
    ],
)
def test_what_is_not_sure_fails_only_where_it_is_large(drop: float, spread: float, measure: str, status: str) -> None:
    """Fifty queries are sure of little: the leading metric warns, the others where p is small."""
    before = _numbers(50)
    found = _finding(before, _dropped(before, drop, spread), measure)
    assert found.status == status
    if status == "warn":
        assert found.reasons[1].startswith(
            "2% or more (p " if drop > 0.02 else "too few queries to exclude a drop of 2%"
        )


@pytest.mark.parametrize(("queries", "status"), [(999, "fail"), (1_000, "warn")])
def test_with_many_queries_a_large_drop_has_to_be_sure_as_well(queries: int, status: str) -> None:
    """The same drop, as unlikely by chance: p is 0.03 on either side of the limit."""
    before = _numbers(queries)
    among = {f"s{number}": _dropped(before, 0, 0.4, seed=number) for number in range(2, 12)}
    was = session(own=measured({NDCG10: before}), **dict.fromkeys(among, measured({NDCG10: before})))
    now = session(
        own=measured({NDCG10: _dropped(before, 0.051, 0.42)}),
        **{name: measured({NDCG10: numbers}) for name, numbers in among.items()},
    )
    found = _compared(was, now).findings[0]
    assert found.p is not None
    assert 0.01 < found.p < 0.1
    assert (found.strategy, found.measure, found.status) == ("own", "nDCG@10", status)
    tight = _compared(was, now, Limits(large_queries=queries + 1)).findings[0]
    assert (tight.status, tight.p) == ("fail", found.p)


def test_below_fifty_queries_nothing_fails_by_statistics() -> None:
    """A drop of a half is a warning, and says that the queries are too few."""
    before = _numbers(49)
    found = _finding(before, before / 2)
    assert (found.status, found.smallest_visible) == ("warn", None)
    assert "not counted: 49 queries, below 50 nothing fails by statistics" in found.reasons
    assert _finding(_numbers(50), _numbers(50) / 2).status == "fail"


def test_a_small_base_makes_no_large_drop() -> None:
    """5% of a mean of 0.016 is less than 0.005: a warning."""
    before = _numbers(500, mean=0.016)
    found = _finding(before, before * 0.95)
    assert found.status == "warn"
    assert "not counted: the means differ by 0.0008, less than 0.005" in found.reasons


def test_a_base_of_zero_is_said_and_not_tested() -> None:
    """Nothing is relative to 0; no number is NaN."""
    found = _finding(np.zeros(60), np.full(60, 0.1))
    assert (found.status, found.relative, found.p, found.smallest_visible) == ("pass", None, None, None)
    assert found.reasons == ("the baseline's mean is 0, nothing can be relative to it (0.0000 → 0.1000)",)


def test_an_improvement_is_named() -> None:
    """One that is as sure as a fail would have to be; a small one is none."""
    before = _numbers(1_000)
    found = _finding(before, _dropped(before, -0.03))
    assert (found.status, found.improved) == ("pass", True)
    assert found.reasons[0] == "rose by 3% (0.5000 → 0.5150)"
    assert not _finding(before, _dropped(before, -0.01)).improved
    assert not _finding(before[:40], before[:40] * 1.5).improved


def test_identical_runs_pass_untested() -> None:
    """Nothing is drawn where nothing changed, and rounding is no change."""
    before = _numbers(200)
    for after in (before, before + 1e-12):
        found = _finding(before, after)
        assert (found.status, found.p, found.changed) == ("pass", None, 0)
        assert found.reasons == ("no query changed (0.5000)",)


def test_a_finding_says_how_sure_it_is() -> None:
    """The interval holds the measured difference, p is adjusted upwards, and the smallest drop is above the rule's."""
    before = _numbers(120)
    found = _finding(before, _dropped(before, 0.01, 0.1))
    assert found.interval is not None
    assert found.interval[0] < found.after - found.before < found.interval[1]
    assert found.p is not None
    assert found.adjusted_p is not None
    assert found.p <= found.adjusted_p
    assert found.smallest_visible is not None
    assert found.smallest_visible > 0.02
    assert found.reasons[-1].startswith("the smallest drop that such changes of these 120 queries would show is ")


def test_few_changed_queries_cannot_be_sure() -> None:
    """Four queries lost everything, 2^-4 is not 0.01: a warning, by the drop of the leading metric alone."""
    before = np.full(100, 0.5)
    after = before.copy()
    after[:4] = 0
    found = _finding(before, after)
    assert (found.status, found.changed, found.p) == ("warn", 4, 1 / 16)
    assert found.smallest_visible is not None  # a large drop needs less certainty


# directions and limits


def test_a_metric_whose_rise_is_worse() -> None:
    """The sign is turned once: a rise of 10% fails, a fall is an improvement."""
    limits = Limits(metrics={"RR@10": {"worse": "higher"}})
    before = _numbers(300)
    found = _finding(before, _dropped(before, -0.1), "RR@10", limits)
    assert (found.status, found.reasons[0]) == ("fail", "rose by 10% (0.5000 → 0.5500)")
    assert found.interval is not None
    assert found.interval[0] > 0
    assert _finding(before, _dropped(before, 0.1), "RR@10", limits).improved


def test_limits_of_a_strategy_are_its_own() -> None:
    """One that may lose more does, beside one that may not."""
    before = _numbers(1_000)
    was = session(strict=measured(before), loose=measured(before))
    now = session(strict=measured(_dropped(before, 0.03)), loose=measured(_dropped(before, 0.03)))
    limits = Limits(strategies={"loose": {"fail": 0.04}})
    found = _compared(was, now, limits)
    assert (found.status("strict"), found.status("loose"), found.status()) == ("fail", "warn", "fail")
    (one,) = [one for one in found.findings if (one.strategy, one.measure) == ("loose", "nDCG@10")]
    assert one.reasons[1].endswith("; 4% and adjusted p 0.01 fail)")


def test_all_columns_of_the_session_are_adjusted_together() -> None:
    """The same strategy among nine that move on their own has the same p, but it is not sure any more."""
    before = _numbers(100)
    one = measured(_dropped(before, 0.03, 0.055))
    others = {f"s{number}": measured(_dropped(before, 0, 0.06, seed=number)) for number in range(2, 11)}
    alone = _compared(session(own=measured(before)), session(own=one)).findings[0]
    was = session(own=measured(before), **dict.fromkeys(others, measured(before)))
    among = _compared(was, session(own=one, **others)).findings[0]
    assert alone.p == among.p
    assert among.adjusted_p is not None
    assert alone.adjusted_p is not None
    assert among.adjusted_p > 2 * alone.adjusted_p
    assert (alone.status, among.status) == ("fail", "warn")


# empty results


@pytest.mark.parametrize(
    ("queries", "newly", "status"),
    [(100, 0, "pass"), (100, 2, "pass"), (100, 3, "fail"), (400, 3, "warn"), (400, 4, "fail"), (1_000, 4, "pass")],
)
def test_queries_that_newly_return_nothing(queries: int, newly: int, status: str) -> None:
    """Three and half a percent warn, one percent fails, whatever the metrics say."""
    numbers = np.zeros(queries)
    found = _compared(session(own=measured(numbers, empty=1)), session(own=measured(numbers, empty=1 + newly)))
    (one,) = [one for one in found.findings if one.measure == "empty results"]
    assert (one.status, one.changed) == (status, newly)
    assert one.before == 1 / queries
    assert found.status() == status


@pytest.mark.parametrize(
    ("newly", "refilled", "status", "p"),
    [(8, 0, "fail", ""), (10, 1, "fail", "0.0059"), (8, 1, "warn", "0.02"), (5, 5, "warn", "0.62"), (0, 8, "pass", "")],
)
def test_as_many_that_newly_return_something_may_be_chance(newly: int, refilled: int, status: str, p: str) -> None:
    """Ten against one are more than a coin gives once in a hundred times; without any in return they are counted."""
    before = replace(measured(np.zeros(100)), hits=((),) * refilled + (("p",),) * (100 - refilled))
    now = replace(before, hits=(("p",),) * (100 - newly) + ((),) * newly)
    found = _compared(session(own=before), session(own=now)).findings[-1]
    assert (found.measure, found.status, found.changed) == ("empty results", status, newly)
    lines = [f"{newly} of 100 queries newly return nothing" if newly else "no query newly returns nothing"]
    lines += [f"{refilled} newly return something (p {p})"] if p else []
    lines += ["no failure: it may be chance which of them do (p 0.01 is enough)"] if status == "warn" else []
    assert list(found.reasons) == lines


# what is compared with what


@given(st.permutations(range(30)))
@settings(max_examples=20)
def test_the_order_of_queries_changes_nothing(order: list[int]) -> None:
    """Rows are joined by id and sorted, on both sides."""
    before, ids = _numbers(30), [f"q{number}" for number in range(30)]
    after = _dropped(before, 0.03, 0.1)
    straight = _compared(session(ids, own=measured(before)), session(ids, own=measured(after)))
    mixed_ids = [ids[row] for row in order]
    mixed = _compared(session(mixed_ids, own=measured(before[order])), session(ids, own=measured(after)))
    assert straight == mixed


def test_what_is_empty_is_joined_by_id_as_well() -> None:
    """The same three queries are empty on both sides, though they stand elsewhere."""
    before = measured(np.zeros(100), empty=3)
    now = replace(before, hits=before.hits[::-1])
    ids = [f"q{number:03}" for number in range(100)]
    found = _compared(session(ids, own=before), session(ids[::-1], own=now)).findings[-1]
    assert (found.measure, found.changed, found.before, found.after) == ("empty results", 0, 0.03, 0.03)


def test_other_queries_are_an_error() -> None:
    """It says how many are new and gone, and names some."""
    numbers = np.ones(5)
    was = session(["a", "b", "c", "d", "e"], own=measured(numbers))
    now = session(["e", "f", "g", "h", "i"], own=measured(numbers))
    with pytest.raises(InputError) as caught:
        _compared(was, now)
    found = "other queries than the baseline's: 4 new ('f', 'g', 'h', …), 4 gone ('a', 'b', 'c', …)"
    assert str(caught.value) == f"{found}; allowed: the same queries"
    with pytest.raises(InputError, match="holds a query twice"):
        _compared(was, session(["a", "a", "c", "d", "e"], own=measured(numbers)))


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_number_that_is_none_is_an_error(wrong: float) -> None:
    """It says whose, which metric and which query."""
    numbers = np.ones(5)
    broken = numbers.copy()
    broken[2] = wrong
    with pytest.raises(InputError) as caught:
        _compared(session(own=measured(numbers)), session(own=measured(broken)))
    assert str(caught.value) == f"this session, own, nDCG@10: {wrong} for query 'q3'; allowed: finite numbers"
    short = replace(measured(numbers), metrics=MappingProxyType({NDCG10: numbers[:3]}))
    with pytest.raises(
        InputError, match=r"the baseline, own, nDCG@10: numbers of shape \(3,\); allowed: one for each of 5"
    ):
        _compared(session(own=short), session(own=measured(numbers)))


def test_no_query_is_an_error() -> None:
    """A mean of nothing is no number."""
    with pytest.raises(InputError, match="no judged query"):
        _compared(session(own=measured([])), session(own=measured([])))


def test_what_stands_on_one_side_is_noted() -> None:
    """A new strategy, one that is gone, a metric that the baseline has not; the rest is compared."""
    numbers = np.ones(60)
    was = session(old=measured(numbers), own=measured({NDCG10: numbers, RR10: numbers}))
    found = _compared(was, session(own=measured(numbers), new=measured(numbers)))
    assert found.notes[:3] == (
        "new: not in the baseline, nothing to compare it with",
        "old: in the baseline, not measured now",
        "own: AP@10 is not on both sides, not compared",
    )
    assert [(one.strategy, one.measure) for one in found.findings] == [
        ("own", "nDCG@10"),
        ("own", "RR@10"),
        ("own", "empty results"),
    ]

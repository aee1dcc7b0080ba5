"""A session against a baseline: what fails, what warns, what passes, and what the finding says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers.snapshots import measured, session

from relevance.errors import InputError
from relevance.evaluation import NDCG10, RR10
from relevance.gate import Limits, compare

if TYPE_CHECKING:
    from relevance.baseline import Measurement, Snapshot
    from relevance.gate import Comparison, Finding

DRAWS = 4_000


def _numbers(queries: int, mean: float = 0.5) -> np.ndarray:
    """Numbers from 0 to 1 with that mean."""
    numbers = np.random.default_rng(0).random(queries)
    return numbers * mean / numbers.mean()


def _dropped(before: np.ndarray, share: float, spread: float = 0.02, seed: int = 1) -> np.ndarray:
    """The numbers after a measured drop of that share of their mean, exactly, scattered by `spread`."""
    noise = np.random.default_rng(seed).normal(0, spread, len(before))
    return before - noise + noise.mean() - share * before.mean()


def _compared(before: Snapshot, now: Snapshot, limits: Limits | None = None) -> Comparison:
    return compare(before, now, limits or Limits(), baseline="main.json", draws=DRAWS)


def _finding(before: np.ndarray, after: np.ndarray, measure: str = "nDCG@10", limits: Limits | None = None) -> Finding:
    """Of one strategy, all of whose metrics have these numbers."""
    comparison = _compared(session(own=measured(before)), session(own=measured(after)), limits)
    (one,) = [finding for finding in comparison.findings if finding.measure == measure]
    return one


SURE = "2% or more, and sure (adjusted p "
LARGE = "5% or more, and hardly chance (p 0.0"
SMALL = "small, but sure (adjusted p "
NOT_EXCLUDED = "too few queries to exclude a drop of 2%: it may be "


@pytest.mark.parametrize(
    ("queries", "drop", "spread", "measure", "expected"),
    [
        # a thousand queries whose numbers scatter little are sure of either
        (1_000, 0.0201, 0.02, "nDCG@10", ("fail", SURE)),
        (1_000, 0.0201, 0.02, "AP@10", ("fail", SURE)),
        (1_000, 0.0199, 0.02, "nDCG@10", ("warn", SMALL)),
        (1_000, 0.0051, 0.02, "RR@10", ("warn", SMALL)),
        (1_000, 0.0049, 0.02, "RR@10", ("pass", "")),
        (1_000, 0.0049, 0.02, "nDCG@10", ("pass", "")),
        (1_000, -0.03, 0.02, "nDCG@10", ("pass", SURE)),
        # fifty are sure of little: the leading metric warns, the others where p is small
        (50, 0.051, 0.11, "nDCG@10", ("fail", LARGE)),
        (50, 0.051, 0.11, "RR@10", ("warn", "2% or more (p 0.0")),
        (50, 0.051, 0.3, "nDCG@10", ("warn", "2% or more (p 0.2")),
        (50, 0.051, 0.3, "RR@10", ("pass", "the smallest drop")),
        (50, 0.021, 0.11, "nDCG@10", ("warn", "2% or more (p ")),
        (50, 0.001, 0.11, "nDCG@10", ("warn", NOT_EXCLUDED)),
        (50, 0.001, 0.11, "RR@10", ("pass", "the smallest drop that such changes of these 50 queries would show is ")),
        (50, -0.001, 0.11, "nDCG@10", ("pass", "the smallest drop")),
        # below fifty nothing fails by statistics
        (49, 0.5, 0.02, "nDCG@10", ("warn", SURE)),
        (50, 0.5, 0.02, "nDCG@10", ("fail", SURE)),
    ],
)
def test_fail_warn_or_pass(queries: int, drop: float, spread: float, measure: str, expected: tuple[str, str]) -> None:
    """By how large the drop is, how sure, and whether the metric leads; the second reason says which rule it was."""
    before = _numbers(queries)
    finding = _finding(before, _dropped(before, drop, spread), measure)
    assert finding.status == expected[0]
    assert (*finding.reasons, "")[1].startswith(expected[1])
    assert (finding.relative, finding.queries, finding.changed) == (pytest.approx(drop), queries, queries)


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
    finding = _compared(was, now).findings[0]
    assert 0.01 < finding.p < 0.1
    assert (finding.strategy, finding.measure, finding.status) == ("own", "nDCG@10", status)
    tight = _compared(was, now, Limits(large_queries=queries + 1)).findings[0]
    assert (tight.status, tight.p) == ("fail", finding.p)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            _numbers(49),
            _numbers(49) / 2,
            {"smallest_visible": None, "reasons[2]": "not counted: 49 queries, below 50 nothing fails by statistics",
             "reasons[3]": "49 queries cannot show that a drop is real; 50 are needed"},
        ),
        (
            _numbers(500, mean=0.016),
            _numbers(500, mean=0.016) * 0.95,
            {"status": "warn", "reasons[2]": "not counted: the means differ by 0.0008, less than 0.005"},
        ),
        (
            np.zeros(60),
            np.full(60, 0.1),
            {"status": "pass", "relative": None, "p": None, "adjusted_p": None, "smallest_visible": None,
             "reasons[0]": "the baseline's mean is 0, nothing can be relative to it (0.0000 → 0.1000)"},
        ),
        (_numbers(200), _numbers(200) + 1e-12, {"status": "pass", "p": None, "changed": 0,
                                               "reasons[0]": "no query changed (0.5000)"}),
        (
            np.full(100, 0.5),
            np.array([0.4, 0.6] * 50),
            {"status": "pass", "reasons[0]": "the mean is as before (0.5000 → 0.5000)"},
        ),
        (
            np.full(100, 0.5),
            np.array([0.0] * 4 + [0.5] * 96),
            {"status": "warn", "changed": 4, "p": 1 / 16},
        ),
        (
            _numbers(1_000),
            _dropped(_numbers(1_000), -0.03),
            {"improved": True, "reasons[0]": "rose by 3% (0.5000 → 0.5150)"},
        ),
        (_numbers(1_000), _dropped(_numbers(1_000), -0.01), {"improved": False}),
        (_numbers(40), _numbers(40) * 1.5, {"improved": False}),
        (_numbers(1), _numbers(1) / 2, {"interval": None, "status": "warn"}),
    ],
    ids=["too few", "small base", "base of 0", "same", "same mean", "few changed", "better", "little better",
         "few better", "one query"],
)  # fmt: skip
def test_what_a_finding_says(before: np.ndarray, after: np.ndarray, expected: dict[str, Any]) -> None:
    """Of queries that are too few, a base that is too small, nothing that changed, and what became better."""
    finding = _finding(before, after)
    values = {name: getattr(finding, name) for name in finding.__dataclass_fields__}
    values |= {f"reasons[{at}]": line for at, line in enumerate(finding.reasons)}
    assert {name: values[name] for name in expected} == expected


def test_a_finding_says_how_sure_it_is() -> None:
    """The interval holds the measured difference, p is adjusted upwards, and the smallest drop is above the rule's.

    By Student's t the interval of 120 differences of standard deviation s is 1.98 s / √120 to either side.
    """
    before = _numbers(120)
    after = _dropped(before, 0.01, 0.1)
    finding = _finding(before, after)
    error = (after - before).std(ddof=1) / np.sqrt(120)
    mean = (after - before).mean()
    # once in twenty the truth is 1.645 standard errors above
    assert finding.reasons[1] == f"{NOT_EXCLUDED}{1 + 100 * 1.645 * error / 0.5:.2f}%"
    assert finding.interval == pytest.approx((mean - 1.9801 * error, mean + 1.9801 * error), rel=1e-4)
    assert finding.p <= finding.adjusted_p
    # a mean of some 2.4 standard errors is sure, one of 1.28 hardly chance; 0.84 more is seen four times of five
    assert 2.2 < finding.smallest_visible * 0.5 / error - 0.8416 < 2.6
    assert _finding(_numbers(2), _numbers(2) / 2).interval is not None
    # all fell alike: no mean is sure, but 5% of the leading metric are hardly chance
    alike = _finding(np.full(7, 0.5), np.full(7, 0.4), limits=Limits(least_queries=7))
    assert alike.smallest_visible == pytest.approx(0.05)
    scattered = _finding(before, before * 0.5)
    error = (before * 0.5).std(ddof=1) / np.sqrt(120)
    assert scattered.smallest_visible == pytest.approx(0.05 + 0.8416 * error / 0.5, rel=1e-4)


def test_a_metric_whose_rise_is_worse() -> None:
    """The sign is turned once: a rise of 10% fails, a fall is an improvement."""
    limits, before = Limits(metrics={"RR@10": {"worse": "higher"}}), _numbers(300)
    finding = _finding(before, _dropped(before, -0.1), "RR@10", limits)
    assert (finding.status, finding.reasons[0]) == ("fail", "rose by 10% (0.5000 → 0.5500)")
    assert finding.interval[0] > 0
    assert _finding(before, _dropped(before, 0.1), "RR@10", limits).improved


def test_limits_of_a_strategy_are_its_own() -> None:
    """One that may lose more does, and take longer, beside one that may not."""
    before = _numbers(1_000)
    was, now = (
        session(calibration=1.0, **{name: measured(numbers, run_time_s=time, rounds=3) for name in ("strict", "loose")})
        for numbers, time in ((before, 1.0), (_dropped(before, 0.03), 2.5))
    )
    comparison = _compared(was, now, Limits(strategies={"loose": {"fail": 0.04, "time_fail": 3.0}}))
    assert [comparison.status(name) for name in ("strict", "loose", None)] == ["fail", "warn", "fail"]
    of = {(one.strategy, one.measure): one for one in comparison.findings}
    assert of["loose", "nDCG@10"].reasons[1].endswith("; 4% and adjusted p 0.01 fail)")
    for name, status, above in (("loose", "warn", 1.5), ("strict", "fail", 2)):
        reason = f"takes 2.50 times as long as before, above {above} (1.00 → 2.50 calibrations)"
        assert (of[name, "run time"].status, of[name, "run time"].reasons) == (status, (reason,))


def test_all_columns_of_the_session_are_adjusted_together() -> None:
    """The same strategy among nine that move on their own has the same p, but it is not sure any more."""
    before = _numbers(100)
    one = measured(_dropped(before, 0.03, 0.055))
    others = {f"s{number}": measured(_dropped(before, 0, 0.06, seed=number)) for number in range(2, 11)}
    alone = _compared(session(own=measured(before)), session(own=one)).findings[0]
    was = session(own=measured(before), **dict.fromkeys(others, measured(before)))
    among = _compared(was, session(own=one, **others)).findings[0]
    assert alone.p == among.p
    assert among.adjusted_p > 2 * alone.adjusted_p
    assert (alone.status, among.status) == ("fail", "warn")


# empty results


@pytest.mark.parametrize(
    ("queries", "newly", "refilled", "status", "p"),
    [
        (100, 0, 0, "pass", ""),
        (100, 2, 0, "pass", ""),
        (100, 3, 0, "fail", ""),
        (400, 3, 0, "warn", ""),
        (400, 4, 0, "fail", ""),
        (1_000, 4, 0, "pass", ""),
        # by a coin's chance where others newly return something: ten against one are not
        (100, 10, 1, "fail", "0.0059"),
        (100, 8, 1, "warn", "0.02"),
        (100, 5, 5, "warn", "0.62"),
        (100, 0, 8, "pass", ""),
    ],
)
def test_queries_that_newly_return_nothing(queries: int, newly: int, refilled: int, status: str, p: str) -> None:
    """Three and half a percent warn, one percent fails, whatever the metrics say."""
    before = [()] * (1 + refilled) + [("p",)] * (queries - refilled - 1)
    after = [()] + [("p",)] * (queries - newly - 1) + [()] * newly
    comparison = _compared(*(session(own=measured(np.zeros(queries), hits)) for hits in (before, after)))
    finding = comparison.findings[-1]
    assert (finding.measure, finding.status, finding.changed) == ("empty results", status, newly)
    assert (finding.before, finding.after) == ((1 + refilled) / queries, (1 + newly) / queries)
    assert comparison.status() == status
    lines = [f"{newly} of {queries} queries newly return nothing" if newly else "no query newly returns nothing"]
    lines += [f"{refilled} newly return something (p {p})"] if p else []
    lines += ["no failure: it may be chance which of them do (p 0.01 is enough)"] if p and status == "warn" else []
    assert list(finding.reasons) == lines


# what is compared with what


def test_the_order_of_queries_changes_nothing() -> None:
    """Rows are joined by id and sorted, on both sides, those without hits too."""
    before, ids = _numbers(30), [f"q{number}" for number in range(30)]
    after = _dropped(before, 0.03, 0.1)
    straight = _compared(session(ids, own=measured(before, empty=3)), session(ids, own=measured(after, empty=2)))
    order = np.random.default_rng(5).permutation(30)
    mixed = measured(before[order], [() if at < 3 else ("a",) for at in order])
    assert (
        _compared(session([ids[at] for at in order], own=mixed), session(ids, own=measured(after, empty=2))) == straight
    )


def test_other_queries_cannot_be_compared() -> None:
    """It says how many are new and gone, and names some."""
    before, now = (session(ids, own=measured(np.ones(5))) for ids in ("abcde", "efghi"))
    line = "other queries than the baseline's: 4 new ('f', 'g', 'h' and 1 more), 4 gone ('a', 'b', 'c' and 1 more)"
    with pytest.raises(InputError) as error:
        _compared(before, now)
    assert str(error.value) == f"{line}; allowed: the same queries"


def test_what_stands_on_one_side_is_left_out() -> None:
    """A strategy that is new or gone, and with a note a metric that the baseline has not; the rest is compared."""
    numbers = np.ones(60)
    was = session(old=measured(numbers), own=measured({NDCG10: numbers, RR10: numbers}))
    comparison = _compared(was, session(own=measured(numbers), new=measured(numbers)))
    assert comparison.notes == (
        "own: AP@10 is not on both sides, not compared",
        "run time: not compared, there are no times of the same queries on both sides",
    )
    measures = ["nDCG@10", "RR@10", "empty results"]
    assert [(one.strategy, one.measure) for one in comparison.findings] == [("own", name) for name in measures]


# run time


def _timed(seconds: float | None, rounds: int = 3) -> Measurement:
    return measured(np.ones(60), run_time_s=seconds, rounds=rounds)


@pytest.mark.parametrize(
    ("seconds", "status", "improved"),
    [
        (0.49, "pass", True),
        (0.51, "pass", False),
        (1.5, "pass", False),
        (1.51, "warn", False),
        (2.0, "warn", False),
        (2.01, "fail", False),
    ],
)
def test_run_time_is_in_calibrations(seconds: float, status: str, improved: bool) -> None:  # noqa: FBT001 - a case
    """The baseline's machine was half as fast, so that 2 s there are 1 s here; above 1.5 s warns, above 2 s fails."""
    before, now = session(calibration=0.5, own=_timed(2.0)), session(calibration=0.25, own=_timed(seconds))
    finding = _compared(before, now).findings[-1]
    assert (finding.measure, finding.status, finding.improved) == ("run time", status, improved)
    assert (finding.before, finding.after, finding.relative) == (4.0, 4 * seconds, seconds - 1)
    assert ("above" in finding.reasons[0]) == (status != "pass")


_GOOD, _SLOW = session(calibration=1.0, own=_timed(1.0)), session(calibration=1.0, own=_timed(9.0))


@pytest.mark.parametrize(
    ("before", "now", "note"),
    [
        (session(calibration=1.0, engine="elasticsearch", own=_timed(1.0)), _SLOW,
         "not compared, the baseline's engine is elasticsearch and this is embedded"),
        (session(own=_timed(1.0)), _SLOW, "not compared, the baseline has no calibration"),
        (_GOOD, session(own=_timed(9.0)), "not compared, this session has no calibration"),
        (_GOOD, session(own=_timed(None)), "not compared, there are no times of the same queries on both sides"),
        (_GOOD, session(calibration=1.0, own=_timed(9.0, rounds=1)),
         "own is not compared, this session has a single round, 2 are needed"),
        (session(calibration=1.0, own=_timed(1.0), other=_timed(1.0)),
         session(calibration=1.0, own=_timed(None), other=_timed(1.0)),
         "own is not compared, this session has no time of it"),
    ],
)  # fmt: skip
def test_run_times_that_cannot_be_compared(before: Snapshot, now: Snapshot, note: str) -> None:
    """Never a verdict, always a line."""
    comparison = _compared(before, now)
    assert f"run time: {note}" in comparison.notes
    assert not [one for one in comparison.findings if (one.strategy, one.measure) == ("own", "run time")]

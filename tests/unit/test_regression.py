"""A session against a baseline: which of the four answers it gets, and what the finding says of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers.snapshots import measured, session
from scipy.stats import norm

from relevance.baseline import Snapshot
from relevance.errors import InputError
from relevance.evaluation import NDCG10, RR10, Metric
from relevance.gate import Comparison, Finding, Limits, compare


def numbers(queries: int, mean: float = 0.5) -> Any:
    values = np.random.default_rng(0).random(queries)
    return values * mean / values.mean()


def dropped(before: Any, share: float, spread: float = 0.02, seed: int = 1) -> Any:
    """After a measured drop of exactly that share of the mean, scattered by `spread`."""
    noise = np.random.default_rng(seed).normal(0, spread, len(before))
    return before - noise + noise.mean() - share * before.mean()


def compared(before: Snapshot, now: Snapshot, **limits: Any) -> Comparison:
    return compare(before, now, Limits(**limits), baseline="main.json", draws=4_000)


def finding(before: Any, after: Any, measure: str = "nDCG@10", **limits: Any) -> Finding:
    """Of one strategy, all of whose metrics have these numbers."""
    comparison = compared(session(own=measured(before)), session(own=measured(after)), **limits)
    (one,) = [finding for finding in comparison.findings if finding.measure == measure]
    return one


SURE = "2% or more, and sure (adjusted p 0.00025, 0.01 is enough)"
LIKELY = "hardly chance (adjusted p 0."
TOO_FEW = f"{SURE}; not counted: 49 queries, below 50 nothing fails by statistics"


@pytest.mark.parametrize(
    ("queries", "drop", "spread", "measure", "verdict"),
    [
        # a thousand queries whose numbers scatter little are sure of either
        (1_000, 0.0201, 0.02, "nDCG@10", ["loss", SURE]),
        (1_000, 0.0201, 0.02, "AP@10", ["loss", SURE]),
        (1_000, 0.0199, 0.02, "nDCG@10", ["likely loss", LIKELY]),
        (1_000, 0.0051, 0.02, "RR@10", ["likely loss", LIKELY]),
        (1_000, 0.0049, 0.02, "RR@10", ["no loss"]),
        (1_000, 0.0049, 0.02, "nDCG@10", ["no loss", "no loss larger than 0.7%"]),
        (1_000, -0.03, 0.02, "nDCG@10", ["no loss", SURE, "no loss larger than 0%"]),
        # of fifty the leading metric can seldom exclude 5%, of the others a smaller measured drop is enough
        (50, 0.051, 0.11, "nDCG@10", ["likely loss", LIKELY]),
        (50, 0.051, 0.11, "RR@10", ["likely loss", LIKELY]),
        (50, 0.051, 0.3, "nDCG@10", ["undecided", "a loss of up to 17.5% cannot be excluded by 50 queries"]),
        (50, 0.051, 0.3, "RR@10", ["undecided", "5% or more, which may be chance (p 0.25)"]),
        (50, 0.049, 0.3, "RR@10", ["no loss"]),
        (
            50,
            0.021,
            0.11,
            "nDCG@10",
            ["undecided", "a loss of up to 6.65% cannot be excluded by 50 queries; about 122"],
        ),
        (50, 0.001, 0.11, "nDCG@10", ["no loss", "no loss larger than 4.65%"]),
        # from a thousand on 2% have to be excluded
        (999, 0.01, 0.3, "nDCG@10", ["no loss", "no loss larger than 4."]),
        (1_000, 0.01, 0.3, "nDCG@10", ["undecided", "a loss of up to 4."]),
        # below fifty nothing is a loss by statistics
        (49, 0.5, 0.02, "nDCG@10", ["likely loss", TOO_FEW]),
        (50, 0.5, 0.02, "nDCG@10", ["loss", SURE]),
    ],
)
def test_what_is_a_loss(queries: int, drop: float, spread: float, measure: str, verdict: list[str]) -> None:
    before = numbers(queries)
    found = finding(before, dropped(before, drop, spread), measure)
    said = [found.answer, *found.reasons[1:]]
    assert [line[: len(start)] for line, start in zip(said, verdict, strict=True)] == verdict
    assert (found.relative, found.queries, found.changed) == (pytest.approx(drop), queries, queries)


@pytest.mark.parametrize(
    ("measure", "limits", "answer", "reason"),
    [
        ("AP@10", {"fail": 0.25, "p_sure": 1 / 128, "least_drop": 0.125}, "loss", "25% or more, and sure"),
        (
            "RR@10",
            {"likely": 0.25, "p_likely": 1 / 128, "p_sure": 0.001},
            "likely loss",
            "hardly chance (adjusted p 0.0078",
        ),
        ("RR@10", {"fail": 0.5, "p_likely": 0.001, "p_sure": 0.001}, "undecided", "5% or more, which may be chance (p"),
    ],
)
def test_what_equals_a_limit_has_reached_it(measure: str, limits: dict[str, Any], answer: str, reason: str) -> None:
    # seven queries lose a quarter each: the only one of 128 patterns that is so far out
    found = finding(np.full(7, 0.5), np.full(7, 0.375), measure, least_queries=7, **limits)
    assert (found.relative, found.adjusted_p, found.answer) == (0.25, 1 / 128, answer)
    assert found.reasons[1].startswith(reason)


HALF, ALIKE = numbers(1_000), np.full(100, 0.5)
FINDINGS = {
    "too few": (numbers(49), numbers(49) / 2, {"smallest_visible": None, "answer": "likely loss"}, ""),
    "small base": (numbers(500, 0.016), numbers(500, 0.016) * 0.95, {"answer": "likely loss"},
                   f"{SURE}; not counted: the means differ by 0.0008, less than 0.005"),
    "base of 0": (np.zeros(60), np.full(60, 0.1), {"answer": "no loss", "relative": None, "p": None, "adjusted_p": None,
                                                   "smallest_visible": None},
                  "the baseline's mean is 0, nothing can be relative to it (0.0000 → 0.1000)"),
    "rounding": (HALF, HALF + 1e-12, {"answer": "no loss", "p": None, "changed": 0}, "no query changed (0.5000)"),
    "same mean": (ALIKE, np.array([0.4, 0.6] * 50), {"answer": "no loss"}, "the mean is as before (0.5000 → 0.5000)"),
    "few changed": (ALIKE, np.array([0.0] * 4 + [0.5] * 96), {"answer": "undecided", "changed": 4, "p": 1 / 16}, ""),
    "better": (HALF, dropped(HALF, -0.03), {"improved": True}, "rose by 3% (0.5000 → 0.5150)"),
    "little better": (HALF, dropped(HALF, -0.01), {"improved": False}, ""),
    "few better": (numbers(40), numbers(40) * 1.5, {"improved": False}, ""),
    "one query": (numbers(1), numbers(1) / 2, {"interval": None, "answer": "undecided", "cause": "queries"}, ""),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "values", "reason"), FINDINGS.values(), ids=FINDINGS)
def test_what_a_finding_says(before: Any, after: Any, values: dict[str, Any], reason: str) -> None:
    found = finding(before, after)
    assert {name: getattr(found, name) for name in values} == values
    assert reason in ("", *found.reasons)


def test_a_mean_that_was_0_is_named_in_a_note() -> None:
    comparison = compared(*(session(own=measured({RR10: np.full(60, one)})) for one in (0.0, 0.1)), gated=(RR10,))
    why = "the baseline's mean is 0, nothing can be relative to it (0.0000 → 0.1000)"
    assert f"own: RR@10 is not judged: {why}" in comparison.notes


def test_no_mean_loses_more_than_all_of_it() -> None:
    few = finding(np.repeat([1.0, 0.0], [2, 8]), np.repeat([0.0, 0.5], [9, 1]))
    assert few.at_most == 1
    assert "a loss of up to 100" in few.reasons[1]


def test_a_finding_says_how_sure_it_is() -> None:
    before = numbers(120)
    after = dropped(before, 0.01, 0.1)
    found = finding(before, after)
    differences = after - before
    error, mean = differences.std(ddof=1) / np.sqrt(120), differences.mean()
    # jointly one column, 1.645 standard errors above once in twenty
    assert found.at_most == pytest.approx(0.01 + 1.645 * error / 0.5, rel=0.02)
    assert found.reasons[1].startswith(f"no loss larger than {100 * found.at_most:.1f}"[:-1])
    # Student's t with 119 degrees of freedom
    assert found.interval == pytest.approx((mean - 1.9801 * error, mean + 1.9801 * error), rel=1e-4)
    assert finding(numbers(2), numbers(2) / 2).interval is not None
    assert found.p <= found.adjusted_p


def test_the_smallest_visible_drop_is_seen_four_times_of_five() -> None:
    before = numbers(120)
    power = norm.ppf(0.8) * before.std(ddof=1) / 2 / np.sqrt(120) / 0.5
    # a drop has to be sure: its sum over the root of the sum of squares is then that of few patterns
    sure = finding(before, before * 0.5).smallest_visible - power
    moved = before / 2 - 0.25 + sure * 0.5
    assert moved.sum() / np.sqrt((moved**2).sum()) == pytest.approx(norm.ppf(0.99), rel=0.03)
    # all fell alike: no mean is sure
    assert finding(np.full(7, 0.5), np.full(7, 0.4), least_queries=7).smallest_visible is None


def test_so_many_queries_exclude_a_loss() -> None:
    before = numbers(150)
    found = finding(before, dropped(before, 0.0, 0.3))
    # N = 1.3 ((q + 0.84) sd / (X mean))^2, with q of one column
    spread = (before - dropped(before, 0.0, 0.3)).std(ddof=1)
    assert found.needed == pytest.approx(1.3 * ((1.645 + 0.8416) * spread / (0.05 * 0.5)) ** 2, rel=0.05)
    # what fell further than is to be excluded: so many show such a drop for a sure one, p of 0.01 or less
    after = dropped(before, 0.06, 0.6)
    found = finding(before, after)
    needed = 1.3 * ((2.326 + 0.8416) * (before - after).std(ddof=1) / 0.03) ** 2
    assert found.needed == pytest.approx(needed, rel=0.1)
    assert found.reasons[-1].endswith(
        f"by 150 queries; about {found.needed:,} such queries would tell whether it is a loss"
    )


def test_a_rise_is_worse_where_less_is_better() -> None:
    empty, before = Metric("Empty"), numbers(300)
    was, worse, better = (
        session(own=measured({NDCG10: before, empty: values}))
        for values in (before, dropped(before, -0.1), dropped(before, 0.1))
    )
    found, other = (
        next(one for one in compared(was, now, gated=(NDCG10, empty)).findings if one.measure == "Empty")
        for now in (worse, better)
    )
    assert (found.answer, found.reasons[0]) == ("loss", "rose by 10% (0.5000 → 0.5500)")
    assert found.interval[0] > 0
    assert other.improved


def test_limits_of_a_strategy_are_its_own() -> None:
    was, now = (
        session(calibration=1.0, **{name: measured(values, run_time_s=time, rounds=3) for name in ("strict", "loose")})
        for values, time in ((HALF, 1.0), (dropped(HALF, 0.03), 2.5))
    )
    comparison = compared(was, now, strategies={"loose": {"fail": 0.04, "time_fail": 3.0}})
    assert [comparison.answer(name) for name in ("strict", "loose", None)] == ["loss", "likely loss", "loss"]
    of = {(one.strategy, one.measure): one for one in comparison.findings}
    assert of["loose", "nDCG@10"].reasons[1] == "hardly chance (adjusted p 0.00025, 0.05 is enough)"
    for name, answer, above in (("loose", "likely loss", 1.5), ("strict", "loss", 2)):
        reason = f"takes 2.50 times as long as before, above {above} (1.00 → 2.50 calibrations)"
        assert (of[name, "run time"].answer, of[name, "run time"].reasons) == (answer, (reason,))


def test_all_columns_of_a_session_are_adjusted_together() -> None:
    before = numbers(100)
    one = measured(dropped(before, 0.03, 0.055))
    others = {f"s{seed}": measured(dropped(before, 0, 0.06, seed=seed)) for seed in range(2, 11)}
    was = session(own=measured(before), **dict.fromkeys(others, measured(before)))
    alone, among = (compared(was, session(own=one, **beside)).findings[0] for beside in ({}, others))
    assert alone.p == among.p
    assert among.adjusted_p > 2 * alone.adjusted_p
    assert (alone.answer, among.answer) == ("loss", "likely loss")


@pytest.mark.parametrize(
    ("queries", "newly", "refilled", "answer", "reason"),
    [
        (100, 0, 0, "no loss", "no query newly returns nothing"),
        (100, 2, 0, "no loss", "2 of 100 queries newly return nothing"),
        (100, 3, 0, "loss", "3 of 100 queries newly return nothing"),
        (400, 3, 0, "likely loss", "3 of 400 queries newly return nothing"),
        (400, 4, 0, "loss", "4 of 400 queries newly return nothing"),
        (1_000, 4, 0, "no loss", "4 of 1000 queries newly return nothing"),
        # by a coin's chance where others newly return something
        (100, 10, 1, "loss", "1 newly return something (p 0.0059)"),
        (100, 8, 1, "likely loss", "no failure: it may be chance which of them do (p 0.01 is enough)"),
        (100, 5, 5, "likely loss", "no failure: it may be chance which of them do (p 0.01 is enough)"),
        (100, 0, 8, "no loss", "no query newly returns nothing"),
    ],
)
def test_queries_that_newly_return_nothing(queries: int, newly: int, refilled: int, answer: str, reason: str) -> None:
    before = [()] * (1 + refilled) + [("a",)] * (queries - refilled - 1)
    after = [()] + [("a",)] * (queries - newly - 1) + [()] * newly
    comparison = compared(*(session(own=measured(np.zeros(queries), hits)) for hits in (before, after)))
    found = comparison.findings[-1]
    assert (found.measure, found.answer, found.changed, found.reasons[-1]) == ("empty results", answer, newly, reason)
    assert (found.before, found.after) == ((1 + refilled) / queries, (1 + newly) / queries)
    assert comparison.answer() == answer


def part_numbers(fallen: int) -> tuple[Snapshot, Snapshot]:
    """Of 1,000 queries 100 are part numbers, so many of which fall; the others rise by as much in the mean."""
    ids = [f"q{at:04}" for at in range(1_000)]
    texts = tuple(f"dcb{at}x bit" if at < 100 else f"drill {at}" for at in range(1_000))
    before = numbers(1_000)
    now = before + np.where(np.arange(1_000) < fallen, -0.2, 0.2 * fallen / (1_000 - fallen))
    was, session_now = (replace(session(ids, own=measured(values)), texts=texts) for values in (before, now))
    return was, session_now


def of_kinds(comparison: Comparison) -> dict[str, Finding]:
    return {one.segment: one for one in comparison.findings if one.segment}


def test_a_kind_of_query_can_be_a_loss_of_its_own() -> None:
    comparison = compared(*part_numbers(100))
    whole = [one.answer for one in comparison.findings if not one.segment]
    assert (set(whole), comparison.answer("own"), comparison.fails()) == ({"no loss"}, "loss", True)
    found = of_kinds(comparison)["part numbers"]
    assert (found.answer, found.measure, found.queries) == ("loss", "nDCG@10", 100)
    assert found.reasons[1].startswith("5% or more, and sure (adjusted p 0.0")
    assert {name for name, one in of_kinds(comparison).items() if one.answer == "loss"} == {"part numbers"}


@pytest.mark.parametrize(
    ("limits", "answer", "reason"),
    [
        ({}, "no loss", "fell by "),
        ({"hard": True}, "loss", "3 queries fell, and none may"),
        ({"floor": 0.9}, "loss", ", below its floor 0.9 ("),
        ({"fail": 0.005}, "undecided", "0.5% or more, which may be chance"),
    ],
)
def test_a_kind_of_query_has_limits_of_its_own(limits: dict[str, Any], answer: str, reason: str) -> None:
    comparison = compared(*part_numbers(3), segments={"part numbers": limits} if limits else {})
    found = of_kinds(comparison)["part numbers"]
    assert found.answer == answer
    assert any(reason in line for line in found.reasons)
    assert comparison.answer() == ("loss" if answer == "loss" else "no loss")  # a kind alone leaves nothing undecided


@pytest.mark.parametrize("queries", range(1, 7))
def test_a_handful_of_queries_excludes_nothing(queries: int) -> None:
    before = np.full(queries, 0.5)
    better = finding(before, before + 0.1)
    if queries < 6:
        assert (better.answer, better.cause, better.at_most, better.needed) == ("undecided", "queries", None, None)
        said = f"{queries} {'query' if queries == 1 else 'queries'} cannot exclude any loss, from 6 on there is a bound"
        assert better.reasons[-1] == said
    else:
        assert (better.answer, better.reasons[-1]) == ("no loss", "no loss larger than 0%")
    assert finding(before, before).answer == "no loss", "no query changed"


@pytest.mark.parametrize("rise", [0.0, 0.3])
def test_a_kind_below_its_floor_or_that_is_hard_gives_no_other_reason(rise: float) -> None:
    texts = tuple(f"dcb{at}x bit" if at < 20 else f"drill {at}" for at in range(200))
    before = np.full(200, 0.4)
    after = before + np.where(np.arange(200) < 20, rise, 0.0)
    after[0] -= 0.1 + rise
    ids = [f"q{at:03}" for at in range(200)]
    was, now = (replace(session(ids, own=measured(values)), texts=texts) for values in (before, after))
    kinds = {name: of_kinds(compared(was, now, segments={"part numbers": limits}))["part numbers"].reasons
             for name, limits in (("floor", {"floor": 0.9}), ("hard", {"hard": True}))}  # fmt: skip
    mean = float(after[:20].mean())
    assert kinds["floor"] == (f"is {mean:.4f}, below its floor 0.9 (0.4000 before)",)
    assert kinds["hard"][1:] == ("1 query fell, and none may ([gate.segments] hard)",)


def test_a_kind_of_few_queries_is_judged_only_where_it_has_limits() -> None:
    sides = part_numbers(0)
    assert "part numbers" in of_kinds(compared(*sides))
    assert "part numbers" not in of_kinds(compared(*sides, segment_queries=101))
    assert "part numbers" in of_kinds(compared(*sides, segment_queries=101, segments={"part numbers": {"hard": True}}))


def test_limits_of_a_kind_that_there_is_not_fail_and_of_one_without_queries_are_noted() -> None:
    limits = {
        name: {"hard": True} for name in ("part number", "tag contrakt", "tag contract", "without a digit", "head")
    }
    sides = [replace(one, tags=(("contract",),) * 60) for one in [session(own=measured(numbers(60)))] * 2]
    comparison = compared(*sides, segments=limits)
    said = [line.partition("; allowed: ")[0] for line in comparison.problems]
    assert said == [
        "[gate.segments] 'part number': no query is of this kind (did you mean 'part numbers'?)",
        "[gate.segments] 'tag contrakt': no query is of this kind (did you mean 'tag contract'?)",
        "[gate.segments] 'head': no query is of this kind",
    ]
    assert comparison.fails()
    assert "[gate.segments] 'without a digit': no query is of this kind" in comparison.notes


def test_weights_make_columns_of_their_own() -> None:
    before = numbers(200)
    after = before - np.where(np.arange(200) < 100, 0.1, -0.1)
    weights = tuple([9.0] * 100 + [1.0] * 100)
    was, now = (replace(session(own=measured(values)), weights=weights) for values in (before, after))
    comparison = compared(was, now)
    weighted = {one.measure: one for one in comparison.findings if not one.segment}["nDCG@10 weighted"]
    assert weighted.before == pytest.approx(np.average(before, weights=weights))
    assert weighted.after == pytest.approx(np.average(after, weights=weights))
    assert comparison.effective_queries == pytest.approx(1000**2 / (100 * 81 + 100))
    assert weighted.answer == "loss"
    heavy = (1e6, *[1.0] * 199)
    few = compared(*(replace(one, weights=heavy) for one in (was, now)))
    found = {one.measure: one for one in few.findings if not one.segment}["nDCG@10 weighted"]
    assert (found.answer, round(few.effective_queries or 0)) != ("loss", 200)
    assert found.answer == "undecided"
    # sure by many queries, and by few of them in weight
    heavy = (50.0,) * 20 + (1.0,) * 180
    few = compared(*(replace(session(own=measured(one)), weights=heavy) for one in (before, before - 0.1)))
    found = {one.measure: one for one in few.findings if not one.segment}["nDCG@10 weighted"]
    said = "; not counted: the weights leave 28 queries' worth of evidence, below 50 a weighted mean does not fail"
    assert (found.answer, said in found.reasons[1]) == ("likely loss", True)


@pytest.mark.parametrize(("setting", "fails"), [("pass", False), ("fail", True)])
def test_what_queries_leave_undecided_fails_where_the_setting_says_so(setting: str, fails: bool) -> None:  # noqa: FBT001
    before = numbers(50)
    was, now = session(own=measured(before)), session(own=measured(dropped(before, 0.021, 0.11)))
    comparison = compared(was, now, too_few_queries=setting)
    assert (comparison.answer(), comparison.fails()) == ("undecided", fails)


def test_rows_are_joined_by_query() -> None:
    before, ids = numbers(30), [f"q{at}" for at in range(30)]
    now = session(ids, own=measured(dropped(before, 0.03, 0.1), empty=2))
    order = np.random.default_rng(5).permutation(30)
    mixed = measured(before[order], [() if at < 3 else ("a",) for at in order])
    straight = compared(session(ids, own=measured(before, empty=3)), now)
    assert compared(session([ids[at] for at in order], own=mixed), now) == straight


def test_other_queries_cannot_be_compared() -> None:
    before, now = (session(ids, own=measured(np.ones(5))) for ids in ("abcde", "efghi"))
    with pytest.raises(InputError) as error:
        compared(before, now)
    assert str(error.value) == (
        "other queries than the baseline's: 4 new ('f', 'g', 'h' and 1 more), 4 gone ('a', 'b', 'c' and 1 more); "
        "allowed: the same queries"
    )


def test_what_stands_on_one_side_is_left_out() -> None:
    ones = np.ones(60)
    was = session(old=measured(ones), own=measured({NDCG10: ones, RR10: ones}))
    comparison = compared(was, session(own=measured(ones), new=measured(ones)))
    assert comparison.notes == (
        "own: AP@10 is not on both sides, not compared; --update-baseline adds it",
        "run time: not compared, there are no times of the same queries on both sides",
    )
    measures = ["nDCG@10", "RR@10", "empty results"]
    assert [(one.strategy, one.measure) for one in comparison.findings] == [("own", name) for name in measures]
    nothing = compared(was, session(new=measured(ones)))
    assert (nothing.findings, nothing.notes, nothing.answer()) == ((), (), "no loss")


def timed(seconds: float | None, rounds: int = 3) -> Any:
    return measured(np.ones(60), run_time_s=seconds, rounds=rounds)


@pytest.mark.parametrize(
    ("seconds", "answer", "improved", "above"),
    [
        (0.49, "no loss", True, ""),
        (0.51, "no loss", False, ""),
        (1.5, "no loss", False, ""),
        (1.51, "likely loss", False, ", above 1.5"),
        (2.0, "likely loss", False, ", above 1.5"),
        (2.01, "loss", False, ", above 2"),
    ],
)
def test_run_time_is_in_calibrations(seconds: float, answer: str, improved: bool, above: str) -> None:  # noqa: FBT001
    # the baseline's machine was half as fast: 2 s there are 1 s here
    before, now = session(calibration=0.5, own=timed(2.0)), session(calibration=0.25, own=timed(seconds))
    found = compared(before, now).findings[-1]
    assert (found.measure, found.answer, found.improved) == ("run time", answer, improved)
    assert (found.before, found.after, found.relative) == (4.0, 4 * seconds, seconds - 1)
    times = f"(4.00 → {4 * seconds:.2f} calibrations)"
    assert found.reasons == (f"takes {seconds:.2f} times as long as before{above} {times}",)


@pytest.mark.parametrize(
    ("before", "now", "note"),
    [
        ({"calibration": 1.0, "engine": "elasticsearch"}, {},
         "not compared, the baseline's engine is elasticsearch and this is embedded"),
        ({"calibration": None}, {}, "not compared, the baseline has no calibration"),
        ({}, {"calibration": None}, "not compared, this session has no calibration"),
        ({}, {"own": timed(None)}, "not compared, there are no times of the same queries on both sides"),
        ({}, {"own": timed(9.0, rounds=1)}, "own is not compared, this session has a single round, 2 are needed"),
        ({"other": timed(1.0)}, {"own": timed(None), "other": timed(1.0)},
         "own is not compared, this session has no time of it"),
    ],
)  # fmt: skip
def test_run_times_that_cannot_be_compared(before: dict[str, Any], now: dict[str, Any], note: str) -> None:
    was = session(**{"calibration": 1.0, "own": timed(1.0), **before})
    comparison = compared(was, session(**{"calibration": 1.0, "own": timed(9.0), **now}))
    assert f"run time: {note}" in comparison.notes
    assert ("own", "run time") not in [(one.strategy, one.measure) for one in comparison.findings]

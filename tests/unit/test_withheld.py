"""Judgments withheld from planted changes: what stays judged, what the gate is told, and which answers are wrong."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from helpers.snapshots import measured, session

from relevance.baseline import Snapshot
from relevance.evaluation import NDCG10
from relevance.gate import Limits
from relevance.mutation import KINDS, LOOKS, Outcome, Outcomes, Said, Tried, withhold
from relevance.mutation.withheld import asked, complete_grades, judged_by, judged_of
from relevance.report.withheld import withheld_files, withheld_lines, wrong_lines

QUERIES = tuple(f"q{at:02}" for at in range(60))
OLD, NEW = (tuple(f"{side}{at}" for at in range(10)) for side in ("old", "new"))
LIMITS = Limits(segment_queries=100)


def side(hits: Sequence[str], *, good: int, **more: Sequence[str]) -> Snapshot:
    """A strategy with these hits for each query; three of `old` and `good` of `new` are relevant."""
    grades = {product: float(at < good) for at, product in enumerate(NEW)}
    grades |= {product: float(at % 3 == 1) for at, product in enumerate(OLD)}
    strategies = {name: measured([0.5] * 60, [shown] * 60) for name, shown in {"title": hits, **more}.items()}
    return replace(session(QUERIES, **strategies), grades=(grades,) * 60)


def answers(good: int) -> tuple[Tried, Tried]:
    """A change from `OLD` to `NEW`, and its undoing."""
    before, after = side(OLD, good=good, other=OLD), side(NEW, good=good, other=OLD)
    outcomes = Outcomes(before, (Outcome(KINDS["title_lost"], 1, after, changed=("title",)),), "nDCG@10", 1.0, 0, 0, 1)
    planted, undone = withhold(outcomes, LIMITS, "ten", seed=1)
    return planted, undone


def test_a_better_change_is_no_loss_once_its_hits_are_judged_and_its_undoing_is_a_loss() -> None:
    planted, undone = answers(good=6)
    assert [one.undone for one in (planted, undone)] == [False, True]
    assert {(one.kind, one.seed, one.strategy, one.holes) for one in (planted, undone)} == {
        ("title_lost", 1, "title", 600)
    }
    assert (planted.truth, planted.complete, planted.answers[0]) == ("better", "no loss", "undecided, fails")
    assert set(planted.answers[2:]) == {"no loss"}
    assert planted.change == pytest.approx(1 / (1 - abs(undone.change)) - 1)
    assert (undone.truth, undone.complete, undone.answers[-1]) == ("loss", "loss", "loss")
    assert planted.wrong is None
    assert undone.wrong is None


def test_a_loss_that_hides_behind_unjudged_hits_is_one_once_they_are_judged() -> None:
    planted, _ = answers(good=1)
    assert (planted.truth, planted.answers[0], planted.answers[-1]) == ("loss", "undecided, fails", "loss")


def test_what_is_settled_is_not_asked_again_and_no_more_is_judged_than_the_look_says() -> None:
    before, after = side(OLD, good=6), side(NEW, good=6)
    truth = complete_grades(before, after)
    looks = [*asked(before, after, truth, judged_of("ten", before, truth, 1), LIMITS)]
    judged = [one.holes["title"].judged for one in looks]
    assert judged[:2] == [0, 50]
    assert all(judged[at] in (judged[at - 1], LOOKS[at]) for at in range(1, len(LOOKS)))
    assert looks[-1] is looks[-2]


def test_other_data_are_no_change_of_a_strategy() -> None:
    before = side(OLD, good=6)
    others = [
        Outcome(KINDS["judgments_lost"], 1, before, changed=("title",), data="judgments"),
        Outcome(KINDS["title_lost"], 1),
    ]
    told: list[str] = []
    found = withhold(
        Outcomes(before, tuple(others), "nDCG@10", 1.0, 0, 0, 1), LIMITS, "five", seed=1, done=lambda: told.append("")
    )
    assert [*found] == []
    assert len(told) == 2


def test_queries_that_newly_return_nothing_are_left_out() -> None:
    before = side(OLD, good=6)
    one = before.strategies["title"]
    after = replace(before, strategies={"title": replace(one, hits=((),) * 30 + one.hits[30:])})
    truth = complete_grades(before, after)
    (found,) = asked(before, after, truth, truth, LIMITS, looks=(0,))
    assert {finding.measure for finding in found.findings} == {"nDCG@10", "AP@10", "RR@10"}


def test_what_stays_judged_depends_on_the_pool() -> None:
    shown = (*OLD, "deeper")
    before = side(shown, good=6)
    truth = complete_grades(before, side((*NEW[:5], "unknown"), good=6))
    assert truth[0]["unknown"] == 0
    assert "deeper" not in truth[0]
    for pool, kept in (("ten", OLD), ("five", OLD[:5])):
        assert judged_of(pool, before, truth, 1)[0] == {product: truth[0][product] for product in kept}
    drawn, again, other = (judged_of("random", before, truth, seed) for seed in (1, 1, 2))
    assert drawn == again != other
    assert all(len(known) == 10 and known.items() <= truth[0].items() for known in drawn)
    assert len({frozenset(known) for known in drawn}) > 30


def test_a_metric_deeper_than_the_hits_that_are_kept_is_left_out() -> None:
    deep = replace(LIMITS, gated=(NDCG10, replace(NDCG10, cutoff=50)))
    (one,) = judged_by(side(OLD, good=6), [{}] * 60, deep, highest=1.0).strategies.values()
    assert [*one.metrics] == [NDCG10]
    assert not one.metrics[NDCG10].any()


def tried(change: float, complete: Said, *said: Said) -> Tried:
    return Tried("title_lost", 1, "rrf", undone=True, change=change, complete=complete, holes=70, answers=said)


OPEN: tuple[Said, ...] = ("undecided, fails",) * 5
TABLE: list[tuple[Tried, str, tuple[int, Said] | None]] = [
    (tried(0.02, "no loss", *OPEN[:2], "no loss", "no loss", "no loss"), "better", None),
    (tried(0.02, "no loss", *OPEN), "better", (400, "undecided, fails")),
    (tried(0.02, "no loss", *OPEN[:2], "loss", "loss", "loss"), "better", (100, "loss")),
    (tried(0.02, "undecided", *("undecided",) * 5), "better", None),
    (tried(0.009, "no loss", *("loss",) * 5), "neither", None),
    (tried(0.02, "loss", *("loss",) * 5), "loss", None),
    (tried(-0.1, "loss", "undecided, fails", "likely loss", "loss", "loss", "loss"), "loss", (50, "likely loss")),
    (tried(-0.1, "likely loss", *("no loss",) * 5), "neither", None),
]  # fmt: skip


@pytest.mark.parametrize(("one", "truth", "wrong"), TABLE)
def test_wrong_is_a_better_change_that_is_a_loss_and_a_loss_that_passes(
    one: Tried, truth: str, wrong: tuple[int, Said] | None
) -> None:
    assert (one.truth, one.wrong) == (truth, wrong)


def test_lines_and_files_count_by_truth_and_by_hits_judged() -> None:
    every = [one for one, _, _ in TABLE]
    lines = [line.text for line in withheld_lines(every, "five")]
    assert lines[0] == "judgments withheld: what the baseline's first five show is judged"
    better, loss = lines[2:9], lines[10:17]
    assert better[:2] == ["truly better: 4 changes", "  hits judged       0  50  100  200  400"]
    assert [row.split()[-5:] for row in better[2:]] == [
        ["0", "0", "1", "1", "1"], ["3", "3", "1", "1", "1"], ["0"] * 5, ["1"] * 5, ["0", "0", "1", "1", "1"],
    ]  # fmt: skip
    assert loss[0] == "truly a loss: 2 changes"
    assert [row.split()[-4] for row in loss[2:]] == ["1", "0", "1", "0", "0"]
    assert max(map(len, lines)) <= 80
    assert lines[-1].startswith("2 changes more")
    assert next(wrong_lines(every)) == (
        "title_lost, undone: rrf is better (+2.0%), and the gate says undecided, fails with 70 of 70 hits judged"
    )
    files = withheld_files(every, "five", of=["a shop"])
    document = json.loads(files["mutations.json"])
    assert (document["pool"], len(document["counts"]), len(document["tried"])) == ("five", 10, 8)
    assert document["tried"][0]["at 100"] == "no loss"
    assert files["mutations.csv"].splitlines()[0].endswith("complete,holes,at 0,at 50,at 100,at 200,at 400")
    assert "| truly better | 4 | 0 | 0 | 3 | 0 | 1 | 0 |" in files["mutations.md"]
    assert "| title_lost | 1 | True | rrf | +2.0% | better | no loss | 70 |" in files["mutations.md"]

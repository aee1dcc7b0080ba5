"""The two sides of a split: boosts are tried on one and reported on the other."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers import shop
from hypothesis import given, settings
from hypothesis import strategies as st

from relevance import runner
from relevance.engines import Engine, QueryBatch
from relevance.errors import InputError
from relevance.evaluation import AP10, NDCG10, RR10, evaluate
from relevance.records import Dataset, Judgments
from relevance.significance import paired_interval
from relevance.strategies import STRATEGIES, Strategy
from relevance.tuning import make_grid, search, split_queries

TEXT = STRATEGIES["textsearch_boosted"]


def strictly_judged() -> Dataset:
    """The shop, where a grade of 1 is not relevant."""
    own = shop.shop().judgments
    return replace(shop.shop(), judgments=Judgments(own.queries, own.products, own.grades, relevant_from=2))


def means_of(strategy: Strategy, codes: Any) -> dict[Any, float]:
    """The means of some queries, by a search for all of them."""
    dataset = strictly_judged()
    texts = dataset.queries.texts
    batch = QueryBatch(texts, {strategy.model: shop.rows_of(texts)})
    ranking = runner.search(shop.indexed(dataset.catalogue), strategy, batch)
    evaluation = evaluate(ranking, dataset.judgments, n_products=len(dataset.catalogue))
    chosen = np.isin(evaluation.queries, codes)
    return {metric: float(evaluation.per_query[metric][chosen].mean()) for metric in (RR10, AP10, NDCG10)}


@pytest.mark.parametrize(
    ("kind", "today"),
    [
        ("text", TEXT),
        ("multifield", Strategy("own", vectors={"title": 8, "whole": 1}, candidates=20)),
        ("hybrid", replace(STRATEGIES["hybrid_boosted"], candidates=20)),
    ],
)
def test_means_are_those_of_strategies_that_are_really_run(kind: str, today: Strategy) -> None:
    grid = make_grid(kind, today)
    tuning = shop.tuned(grid, strictly_judged())
    for outcome in tuning.outcomes[::5]:
        assert outcome.means == pytest.approx(
            means_of(grid.strategy(outcome.combination), tuning.split.tuning), abs=1e-12
        )
    assert tuning.today == pytest.approx(means_of(today, tuning.split.tuning), abs=1e-12)
    assert tuning.winner.means[NDCG10] == max(one.means[NDCG10] for one in tuning.outcomes)
    both = (today, grid.strategy(tuning.winner.combination))
    sides = [means_of(each, tuning.split.held_out)[NDCG10] for each in both]
    assert tuning.held_out.mean(axis=1).tolist() == pytest.approx(sides, abs=1e-12)
    assert tuning.interval == paired_interval(*tuning.held_out, seed=tuning.split.seed)
    assert tuning.interval.difference == pytest.approx(sides[1] - sides[0])


class Recording(Engine):
    """Keeps what it was asked, leg by leg, as a server is."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, tuple[str, ...]]] = []

    def search(self, leg: Any, batch: QueryBatch, *, hits: int) -> Any:
        self.asked.append((leg, tuple(batch.texts)))
        return shop.indexed(shop.shop().catalogue).search(leg, batch, hits=hits)


def test_held_out_queries_are_asked_of_today_and_winner_alone() -> None:
    engine = Recording()
    grid = make_grid("text", TEXT)
    tuning = shop.tuned(grid, engine=engine)
    texts = shop.shop().queries.texts
    tuned, held_out = (tuple(texts[code] for code in side) for side in (tuning.split.tuning, tuning.split.held_out))
    # combinations of one ranking are asked once, today's boosts among them
    assert [asked for _, asked in engine.asked] == [tuned] * 33 + [held_out] * 2
    assert [leg for leg, _ in engine.asked[33:]] == [*TEXT.legs(), *grid.strategy(tuning.winner.combination).legs()]


def test_of_equal_combinations_the_one_nearest_to_today_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_EQUAL", 2.0)  # all of them are equal
    grid = make_grid("text", replace(TEXT, name="own", text={"title": 3, "description": 2, "attributes": 1}))
    tuning = shop.tuned(grid)
    assert tuning.winner.combination == (6, 4, 2)
    assert tuning.equals == [one for one in tuning.outcomes if one is not tuning.winner]
    even = shop.tuned(make_grid("text", replace(TEXT, text={"title": 5, "description": 5, "attributes": 5})))
    assert even.winner.combination == (1, 1, 1)  # before (2, 2, 2) and (4, 4, 4), which are as near


@pytest.mark.parametrize(
    ("text", "todays", "same_as"),
    [
        ({"title": 16, "description": 4, "attributes": 2}, (8, 2, 1), (8, 2, 1)),  # up to a factor
        ({"title": 4, "description": 4, "attributes": 4}, (4, 4, 4), (1, 1, 1)),
        ({"title": 7, "description": 2, "attributes": 1}, (7, 2, 1), (7, 2, 1)),  # beside it
    ],
)
def test_todays_boosts_in_the_grid(text: dict[str, float], todays: Any, same_as: Any) -> None:
    tuning = shop.tuned(make_grid("text", replace(TEXT, text=text)))
    assert tuning.todays is not None
    assert (tuning.todays.combination, tuning.todays.same_as) == (todays, same_as)
    assert tuning.ranked == [*([] if tuning.todays in tuning.outcomes else [tuning.todays]), *tuning.outcomes]
    assert not tuning.keeps_today
    assert replace(tuning, winner=tuning.todays).keeps_today


@pytest.mark.parametrize("trials", [None, 3])
@pytest.mark.parametrize("without", [(), ("attributes",)])
def test_todays_boosts_take_part_where_they_are_not_in_the_grid(trials: int | None, without: tuple[str, ...]) -> None:
    axes = [("title", (0.001, 0.002)), ("description", (10, 20, 40)), ("attributes", (0.1, 0.2))]
    tried = [axis for axis in axes if axis[0] not in without]
    tuning = shop.tuned(make_grid("text", TEXT, axes=tried, without=without), trials=trials)
    assert tuning.falls_short
    if not without:
        assert tuning.winner is tuning.todays is tuning.ranked[0]
        assert tuning.keeps_today
        assert tuning.held_out[0].tolist() == tuning.held_out[1].tolist()


def test_a_field_left_out_may_have_mattered() -> None:
    grid = make_grid("text", TEXT, without=["attributes"])
    assert shop.tuned(grid).todays is None
    bare = shop.tuned(grid, shop.without_attributes()).todays  # they are empty everywhere and change nothing
    assert bare is not None
    assert bare.combination == (8, 2)


def test_a_boost_that_changes_no_mean_is_idle() -> None:
    whole = make_grid("text", TEXT)
    assert shop.tuned(whole, shop.without_attributes()).idle == ["attributes"]
    assert shop.tuned(whole).idle == []
    # what is not varied is not called idle
    fixed = make_grid("text", TEXT, axes=[("attributes", (2,))])
    assert shop.tuned(fixed, shop.without_attributes()).idle == []


def test_groups_of_combinations_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = make_grid("text", TEXT)
    whole = shop.tuned(grid)
    monkeypatch.setattr(search, "_STRATEGIES_AT_ONCE", 7)
    assert shop.tuned(grid).outcomes == whole.outcomes


def test_a_few_trials_come_near_the_best_of_the_grid_the_same_each_time() -> None:
    grid = make_grid("text", TEXT, axes=[("title", tuple(range(1, 17)))])
    whole = shop.tuned(grid)
    tried = [shop.tuned(grid, trials=40) for _ in range(2)]
    assert tried[0].outcomes == tried[1].outcomes
    assert tried[0].outcomes[0].combination == grid.todays()
    assert tried[0].trials == 40 >= len(tried[0].outcomes)
    means = dict(zip((one.combination for one in whole.outcomes), (one.means for one in whole.outcomes), strict=True))
    assert all(one.means == means[one.combination] for one in tried[0].outcomes)
    assert tried[0].winner.means[NDCG10] >= np.quantile([one[NDCG10] for one in means.values()], 0.9)


def of_texts(texts: list[str], judged: int | None = None) -> Dataset:
    """Queries of these texts; all or the first have a judgment."""
    queries = {f"q{number:04}": text for number, text in enumerate(texts)}
    count = len(texts) if judged is None else judged
    return shop.dataset(shop.shop().catalogue, queries, [(number, 0, 1) for number in range(count)])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0.3, 0.7))
def test_every_judged_query_is_on_one_side(seed: int, share: float) -> None:
    dataset = of_texts([f"query {number}" for number in range(410)], judged=400)
    split = split_queries(dataset, share=share, seed=seed)
    assert sorted([*split.tuning, *split.held_out]) == list(range(400))
    assert abs(len(split.tuning) / 400 - share) < 0.15


def test_a_querys_side_depends_on_its_text_and_the_seed_alone() -> None:
    texts = [f"query {number}" for number in range(100)]
    few, many = of_texts(texts[:60]), of_texts(texts[::-1])  # other ids, in another order
    some, all_ = split_queries(few), split_queries(many)
    tuned = {many.queries.texts[code] for code in all_.tuning}
    assert {few.queries.texts[code] for code in some.tuning} == tuned & set(few.queries.texts)
    assert split_queries(many, seed=1).tuning.tolist() != all_.tuning.tolist()


def test_spellings_of_a_text_are_on_one_side() -> None:
    texts = [f"Café groß {number}" for number in range(40)]
    twins = [f"  CAFE\u0301   GRO\uff33\uff33 {number} " for number in range(40)]
    tuned = set(split_queries(of_texts([*texts, *twins])).tuning.tolist())
    assert all((code in tuned) == (code + 40 in tuned) for code in range(40))


def test_the_split_stays_from_version_to_version() -> None:
    split = split_queries(of_texts([f"query {number}" for number in range(30)]))
    assert split.tuning.tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 11, 14, 16, 19, 24, 28]


def test_ten_queries_are_enough_for_a_side() -> None:
    split = split_queries(of_texts([f"query {number}" for number in range(20)]), seed=3)
    assert (len(split.tuning), len(split.held_out)) == (10, 10)


def test_a_side_of_too_few_queries_is_refused() -> None:
    with pytest.raises(InputError, match=r"has 12 judged queries; a tuning needs 20 or more, 10 to choose"):
        split_queries(of_texts([f"query {number}" for number in range(12)]))
    with pytest.raises(InputError, match=r"the tuning split has \d of 22 .* allowed: 10 or more on each"):
        split_queries(of_texts([f"query {number}" for number in range(22)]), share=0.1)


def test_a_share_that_gives_both_sides_enough_is_named() -> None:
    with pytest.raises(InputError) as caught:
        split_queries(of_texts([f"query {number}" for number in range(24)]), share=0.1)
    share = float(str(caught.value).partition("as with --share ")[2])
    split = split_queries(of_texts([f"query {number}" for number in range(24)]), share=share)
    assert min(len(split.tuning), len(split.held_out)) >= 10
    with pytest.raises(InputError, match="as with another --seed"):
        split_queries(of_texts(["sofa"] * 22))


@pytest.mark.parametrize("share", [0, 1, -0.5, 1.5, float("nan")])
def test_a_share_that_leaves_one_side_empty_is_refused(share: float) -> None:
    with pytest.raises(InputError, match=r"--share .* between 0 and 1"):
        split_queries(shop.shop(), share=share)

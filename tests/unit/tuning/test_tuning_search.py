"""The two sides of a split: boosts are tried on one and reported on the other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from helpers.tuned import indexed, made_dataset, tuned
from hypothesis import given, settings
from hypothesis import strategies as st

from relevance import runner
from relevance.engines import Engine
from relevance.errors import InputError
from relevance.evaluation import NDCG10, evaluate
from relevance.records import Dataset, Judgments, Queries
from relevance.significance import paired_interval
from relevance.strategies import STRATEGIES, Strategy
from relevance.tuning import make_grid, search, split_queries

if TYPE_CHECKING:
    from relevance.engines import QueryBatch
    from relevance.records import Ranking
    from relevance.strategies import Leg

TEXT = STRATEGIES["textsearch_boosted"]


def mean_of(strategy: Strategy, dataset: Dataset, codes: np.ndarray) -> float:
    """The mean nDCG of some queries, by a search for all of them."""
    engine, batch = indexed(dataset)
    found = evaluate(runner.search(engine, strategy, batch), dataset.judgments, n_products=len(dataset.catalogue))
    return float(found.per_query[NDCG10][np.isin(found.queries, codes)].mean())


@pytest.mark.parametrize(
    ("kind", "today"),
    [
        ("text", TEXT),
        ("multifield", Strategy("own", vectors={"title": 8, "whole": 1}, candidates=20)),
        ("hybrid", replace(STRATEGIES["hybrid_boosted"], candidates=20)),
    ],
)
def test_means_are_those_of_the_strategies(kind: str, today: Strategy) -> None:
    """Each combination has the mean that its strategy reaches when it is really run, on either side of the split."""
    dataset = made_dataset()
    grid = make_grid(kind, today)
    found = tuned(grid, dataset)
    for outcome in found.outcomes[::5]:
        mean = mean_of(grid.strategy(outcome.boosts), dataset, found.split.tuning)
        assert outcome.means[NDCG10] == pytest.approx(mean, abs=1e-12)
    winner = grid.strategy(found.winner.boosts)
    assert found.today[NDCG10] == pytest.approx(mean_of(today, dataset, found.split.tuning), abs=1e-12)
    sides = [mean_of(each, dataset, found.split.held_out) for each in (today, winner)]
    assert found.held_out.mean(axis=1).tolist() == pytest.approx(sides, abs=1e-12)
    assert found.winner.means[NDCG10] == max(one.means[NDCG10] for one in found.outcomes)
    assert found.interval == paired_interval(*found.held_out, seed=found.split.seed)
    assert found.interval.difference == pytest.approx(sides[1] - sides[0])


class Recording(Engine):
    """Keeps what it was asked, leg by leg, as a server is."""

    def __init__(self, dataset: Dataset) -> None:
        self.inner, _ = indexed(dataset)
        self.asked: list[tuple[Leg, tuple[str, ...]]] = []

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        """Answer one leg."""
        self.asked.append((leg, tuple(batch.texts)))
        return self.inner.search(leg, batch, hits=hits)


def test_held_out_queries_are_asked_for_two_strategies() -> None:
    """Of the grid no combination but the winner ever sees them, and combinations of one ranking are asked once."""
    dataset = made_dataset()
    engine = Recording(dataset)
    grid = make_grid("text", TEXT)
    found = tuned(grid, dataset, engine)
    held_out = tuple(dataset.queries.texts[code] for code in found.split.held_out)
    asked = [leg for leg, texts in engine.asked if texts == held_out]
    assert asked == [*TEXT.legs(), *grid.strategy(found.winner.boosts).legs()]
    assert len(engine.asked) == 1 + 33 + 2
    assert not set(held_out) & {text for _, texts in engine.asked[:34] for text in texts}


def test_equal_combinations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of combinations with one nDCG the one nearest to today's boosts wins, the others are counted."""
    monkeypatch.setattr(search, "_EQUAL", 2.0)  # all of them are equal
    grid = make_grid("text", replace(TEXT, name="own", text={"title": 3, "description": 2, "attributes": 1}))
    found = tuned(grid, made_dataset())
    assert found.winner.boosts == (6, 4, 2)
    assert len(found.equals) == 44
    assert found.winner not in found.equals
    even = tuned(make_grid("text", replace(TEXT, text={"title": 5, "description": 5, "attributes": 5})), made_dataset())
    assert even.winner.boosts == (1, 1, 1)  # before (2, 2, 2) and (4, 4, 4), which are as near


def test_todays_boosts_in_the_grid() -> None:
    """They are found up to a factor; boosts that the grid lacks are none of it."""
    dataset = made_dataset()
    own = [{"title": 16, "description": 4, "attributes": 2}, {"title": 7, "description": 2, "attributes": 1}]
    on_grid, off_grid = (tuned(make_grid("text", replace(TEXT, text=boosts)), dataset) for boosts in own)
    assert on_grid.todays is not None
    assert on_grid.todays.boosts == (8, 2, 1)
    assert off_grid.todays is None
    assert not off_grid.keeps_today


def test_a_field_left_out_may_have_mattered() -> None:
    """Without the attributes no combination is today's boosts, unless they are empty everywhere and change nothing."""
    grid = make_grid("text", TEXT, without=["attributes"])
    assert tuned(grid, made_dataset()).todays is None
    bare = tuned(grid, made_dataset(attributes=False)).todays
    assert bare is not None
    assert bare.boosts == (8, 2)
    whole = make_grid("text", TEXT)
    assert tuned(whole, made_dataset(attributes=False)).idle == ["attributes"]
    assert tuned(whole, made_dataset()).idle == []


def test_many_combinations_are_tried_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded, and the groups change nothing."""
    dataset, grid = made_dataset(), make_grid("text", TEXT)
    whole = tuned(grid, dataset)
    monkeypatch.setattr(search, "_STRATEGIES_AT_ONCE", 7)
    assert tuned(grid, dataset).outcomes == whole.outcomes


def of_texts(texts: list[str]) -> Dataset:
    """Each query with a judgment."""
    ids = [f"q{number:04}" for number in range(len(texts))]
    count = np.arange(len(texts))
    judgments = Judgments(count, 0 * count, 0 * count + 1)
    queries = Queries(pd.DataFrame({"id": ids, "text": texts}))
    return replace(made_dataset(), queries=queries, judgments=judgments)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0.3, 0.7))
def test_every_judged_query_is_on_one_side(seed: int, share: float) -> None:
    """Both sides together are the judged queries; about the share of them is tuned on."""
    dataset = of_texts([f"query {number}" for number in range(400)])
    split = split_queries(dataset, share=share, seed=seed)
    assert sorted([*split.tuning, *split.held_out]) == list(range(400))
    assert abs(len(split.tuning) / 400 - share) < 0.15


def test_a_query_stays_where_it_is() -> None:
    """Its side depends on its text and the seed: other queries and other ids change nothing, another seed does."""
    texts = [f"query {number}" for number in range(100)]
    few, many = of_texts(texts[:60]), of_texts(texts[::-1])
    some, all_ = split_queries(few), split_queries(many)
    tuned = {many.queries.texts[code] for code in all_.tuning}
    assert {few.queries.texts[code] for code in some.tuning} == tuned & set(few.queries.texts)
    assert split_queries(many, seed=1).tuning.tolist() != all_.tuning.tolist()


def test_spellings_of_a_text_are_on_one_side() -> None:
    """Case, white space and Unicode forms part no query from its twin."""
    texts = [f"Café {number}" for number in range(40)]
    twins = [f"  CAFE\u0301   {number} " for number in range(40)]
    split = split_queries(of_texts([*texts, *twins]))
    tuned = set(split.tuning.tolist())
    assert all((code in tuned) == (code + 40 in tuned) for code in range(40))


def test_queries_without_judgments_are_on_no_side() -> None:
    """They are not evaluated."""
    dataset = of_texts([f"query {number}" for number in range(60)])
    judged = Judgments(dataset.judgments.queries[:50], dataset.judgments.products[:50], dataset.judgments.grades[:50])
    split = split_queries(replace(dataset, judgments=judged))
    assert sorted([*split.tuning, *split.held_out]) == list(range(50))


def test_too_few_queries() -> None:
    """One line says which side, how many, and how many are needed."""
    with pytest.raises(InputError, match=r"the (tuning|held-out) split has \d of 12 .* allowed: 10 or more on each"):
        split_queries(of_texts([f"query {number}" for number in range(12)]))


@pytest.mark.parametrize("share", [0, 1, -0.5, 1.5, float("nan")])
def test_shares_that_are_none(share: float) -> None:
    """A split has two sides."""
    with pytest.raises(InputError, match=r"--share .* between 0 and 1"):
        split_queries(made_dataset(), share=share)

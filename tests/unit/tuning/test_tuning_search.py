"""Boosts that are tried on one side and reported on the other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tuning_data import made_dataset

from relevance import runner
from relevance.engines.base import Engine, QueryBatch
from relevance.engines.embedded import EmbeddedEngine
from relevance.evaluation import NDCG10, evaluate
from relevance.fields import TEXT_FIELDS
from relevance.records import Vectors
from relevance.significance import paired_interval
from relevance.strategies import STRATEGIES, Strategy
from relevance.tuning import make_grid, search, split_queries, tune

if TYPE_CHECKING:
    from relevance.records import Dataset, Ranking
    from relevance.strategies import Leg
    from relevance.tuning import Grid, Tuning

TEXT = STRATEGIES["textsearch_boosted"]


def indexed(dataset: Dataset) -> tuple[EmbeddedEngine, QueryBatch]:
    """With a made vector for each product and each query, the same for the whole text and the title."""
    draw = np.random.default_rng(4)
    matrix = draw.normal(size=(len(dataset.catalogue) + len(dataset.queries), 8)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    products = Vectors(matrix, np.arange(len(dataset.catalogue)))
    engine = EmbeddedEngine.index(
        dataset.catalogue, text_fields=TEXT_FIELDS, vectors={("base", name): products for name in ("title", "whole")}
    )
    return engine, QueryBatch(dataset.queries.texts, {"base": matrix[len(dataset.catalogue) :]})


def tuned(grid: Grid, dataset: Dataset, engine: Engine | None = None) -> Tuning:
    """With the usual split."""
    own, batch = indexed(dataset)
    return tune(engine or own, batch, dataset, grid, split_queries(dataset))


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

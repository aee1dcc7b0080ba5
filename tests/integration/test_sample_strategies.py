"""The sample tells strategies apart: measured with the real model and the embedded engine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relevance import runner, suite
from relevance.analysis.standard import analyze
from relevance.config.reading import read_config
from relevance.evaluation import NDCG10
from relevance.records import embedded_texts
from relevance.strategies import BASE

pytestmark = pytest.mark.needs("model")


@pytest.fixture(scope="module")
def measured() -> Iterator[suite.Suite]:
    """All strategies on the sample but those that need a fine-tuned model."""
    config = read_config(options={"device": "cpu", "engine": "embedded"}, environ={}, file=None, root=Path())
    plan = suite.make_plan(config, [strategy for strategy in config.selected if strategy.model == BASE])
    prepared = suite.prepare(plan, progress=False)
    for strategy in plan.strategies:
        prepared.judge(strategy, prepared.search(strategy), None)
    yield prepared
    prepared.close()


@pytest.fixture(scope="module")
def best(measured: suite.Suite) -> list[set[int]]:
    """The products of the highest grade, per query."""
    judgments, queries = measured.plan.dataset.judgments, len(measured.batch)
    highest = np.zeros(queries, dtype=np.int64)
    np.maximum.at(highest, judgments.queries, judgments.grades)
    is_best = (judgments.grades == highest[judgments.queries]) & (judgments.grades > 0)
    products: list[set[int]] = [set() for _ in range(queries)]
    for query, product in zip(judgments.queries[is_best], judgments.products[is_best], strict=True):
        products[query].add(int(product))
    return products


def found(measured: suite.Suite, strategy: str, best: list[set[int]]) -> Any:
    """Whether one of the best products is among the first ten, per query."""
    codes = measured.results[strategy].ranking.codes
    return np.array([not products.isdisjoint(row.tolist()) for row, products in zip(codes, best, strict=True)])


def test_strategies_differ_and_fusing_text_and_vectors_beats_both(measured: suite.Suite) -> None:
    ndcg = {name: result.evaluation.mean(NDCG10) for name, result in measured.results.items()}
    assert len(ndcg) == 9
    assert max(ndcg.values()) - min(ndcg.values()) >= 0.08
    assert 0.35 <= ndcg["textsearch"] <= 0.75
    assert ndcg["rrf"] > max(ndcg["textsearch_boosted"], ndcg["vectorsearch"])


def test_twenty_hits_begin_with_the_ten_that_are_scored(measured: suite.Suite) -> None:
    for name, result in measured.results.items():
        ten = runner.search(measured.engine, result.strategy, measured.batch, hits=10)
        assert result.deep.codes.shape[1] == 20, name
        for ranking in (result.ranking, result.deep):
            assert ranking.codes[:, :10].tolist() == ten.codes.tolist(), name
            assert ranking.scores[:, :10].tolist() == ten.scores.tolist(), name


def test_vectors_find_what_shares_no_word(measured: suite.Suite, best: list[set[int]]) -> None:
    words = [set(analyze(text)) for text in embedded_texts(measured.plan.dataset.catalogue, "whole")]
    asked = [set(analyze(text)) for text in measured.batch.texts]
    foreign = [
        all(words[product].isdisjoint(tokens) for product in products)
        for tokens, products in zip(asked, best, strict=True)
    ]
    gaps = np.array(foreign) & found(measured, "vectorsearch", best)
    assert not (gaps & found(measured, "textsearch", best)).any()
    assert gaps.sum() >= 20


def test_text_finds_what_vectors_do_not(measured: suite.Suite, best: list[set[int]]) -> None:
    text, vector = (found(measured, name, best) for name in ("textsearch", "vectorsearch"))
    assert (text & ~vector).sum() >= 20

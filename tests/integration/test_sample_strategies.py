"""The sample tells strategies apart: measured with the real model and the embedded engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from relevance import suite
from relevance.config.reading import read_config
from relevance.engines.embedded.analysis import analyze
from relevance.evaluation import NDCG10
from relevance.records import embedded_texts
from relevance.strategies import BASE

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from relevance.records import Judgments

pytestmark = pytest.mark.needs("model")


@pytest.fixture(scope="module")
def measured() -> Iterator[suite.Suite]:
    """All strategies on the sample but those that need a fine-tuned model.

    The cache is the one that the main job uses: its vectors are keyed by content, and making them takes half a minute.
    """
    config = read_config(options={"device": "cpu", "engine": "embedded"}, environ={}, file=None, root=Path())
    plan = suite.make_plan(config, [strategy for strategy in config.selected if strategy.model == BASE])
    prepared = suite.prepare(plan, progress=False)
    for strategy in plan.strategies:
        prepared.judge(strategy, prepared.search(strategy), None)
    yield prepared
    prepared.close()


@pytest.fixture(scope="module")
def ndcg(measured: suite.Suite) -> dict[str, float]:
    """The mean nDCG@10 by strategy."""
    return {name: result.evaluation.mean(NDCG10) for name, result in measured.results.items()}


@pytest.fixture(scope="module")
def best(measured: suite.Suite) -> list[set[int]]:
    """The products of the highest grade, per query."""
    return _best(measured.plan.dataset.judgments, len(measured.batch))


def _best(judgments: Judgments, queries: int) -> list[set[int]]:
    highest = np.zeros(queries, dtype=np.int64)
    np.maximum.at(highest, judgments.queries, judgments.grades)
    is_best = (judgments.grades == highest[judgments.queries]) & (judgments.grades > 0)
    products: list[set[int]] = [set() for _ in range(queries)]
    for query, product in zip(judgments.queries[is_best], judgments.products[is_best], strict=True):
        products[query].add(int(product))
    return products


def _found(measured: suite.Suite, strategy: str, best: list[set[int]]) -> npt.NDArray[np.bool_]:
    """Whether one of the best products is among the first ten, per query."""
    codes = measured.results[strategy].ranking.codes
    return np.array([not products.isdisjoint(row.tolist()) for row, products in zip(codes, best, strict=True)])


def test_strategies_differ(ndcg: dict[str, float]) -> None:
    """The nine strategies span 0.08 nDCG@10 or more."""
    assert len(ndcg) == 9
    assert max(ndcg.values()) - min(ndcg.values()) >= 0.08


def test_text_search_is_neither_hopeless_nor_perfect(ndcg: dict[str, float]) -> None:
    """The text search lies between 0.35 and 0.75, and fusing it with the vector search beats both."""
    assert 0.35 <= ndcg["textsearch"] <= 0.75
    assert ndcg["rrf"] > max(ndcg["textsearch_boosted"], ndcg["vectorsearch"])


def test_vectors_find_what_shares_no_word(measured: suite.Suite, best: list[set[int]]) -> None:
    """On 20 queries or more no best product shares a word with the query in any field, and the vector finds one."""
    words = [set(analyze(text)) for text in embedded_texts(measured.plan.dataset.catalogue, "whole")]
    asked = [set(analyze(text)) for text in measured.batch.texts]
    foreign = [
        all(words[product].isdisjoint(tokens) for product in products)
        for tokens, products in zip(asked, best, strict=True)
    ]
    gaps = np.array(foreign) & _found(measured, "vectorsearch", best)
    assert not (gaps & _found(measured, "textsearch", best)).any()
    assert gaps.sum() >= 20


def test_text_finds_what_vectors_do_not(measured: suite.Suite, best: list[set[int]]) -> None:
    """On 20 queries or more it is the other way round: the text finds a best product, the vector none."""
    text, vector = (_found(measured, name, best) for name in ("textsearch", "vectorsearch"))
    assert (text & ~vector).sum() >= 20

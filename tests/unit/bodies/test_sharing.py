"""What is indexed when, and what indices of the same products share."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import own_search

from relevance import engines, runner
from relevance.analysis import Analysis
from relevance.engines import Engine, Indexer, QueryBatch
from relevance.engines.elasticsearch.settings import Settings
from relevance.engines.embedded.bodies import BodyIndex, levels
from relevance.fields import index_body, own_fields
from relevance.records import Dataset
from relevance.schema import Schema
from relevance.strategies import Strategy


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of text fields, as they are indexed."""
    paths: list[str] = []
    text_index = levels.text_index

    def noted(field: Any, *others: Any) -> Any:
        paths.append(field.path)
        return text_index(field, *others)

    monkeypatch.setattr(levels, "text_index", noted)
    return paths


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return own_search.dataset(tmp_path)


@pytest.fixture
def strategy(dataset: Dataset) -> Strategy:
    return Strategy("shop", template=own_search.SEARCH, fields=dataset.catalogue.fields)


@pytest.fixture
def indexer(dataset: Dataset, strategy: Strategy) -> Iterator[Indexer]:
    choice = engines.choose("embedded", Settings(), [strategy], dataset.catalogue.fields)
    with choice.open(progress=False) as indexer:
        yield indexer


def opened(indexer: Indexer, dataset: Dataset, body: dict[str, Any] = own_search.BODY) -> Engine:
    catalogue = dataset.catalogue.indexed_as(own_fields(index_body(body, "index.json")))
    return indexer.index(catalogue, text_fields=(), vectors={}, progress=False)


def test_what_strategies_name_is_indexed_at_once(
    dataset: Dataset, strategy: Strategy, indexer: Indexer, read: list[str]
) -> None:
    engine = opened(indexer, dataset)
    assert read == ["name", "name.plain", "brand", "facets.value"]
    runner.search(engine, strategy, QueryBatch(dataset.queries.texts))
    assert len(read) == 4


@pytest.mark.parametrize(
    ("change", "again"),
    [
        (("settings.analysis.filter.shop_synonyms.synonyms", ["sofa, settee"]), []),
        (("mappings.properties.name.search_analyzer", "shop"), []),
        (("mappings.properties.price.type", "float"), []),
        (("mappings.properties.brand.analyzer", "shop"), ["brand"]),
        (("settings.analysis.analyzer.shop.filter", ["lowercase"]), ["name"]),
        (("mappings.properties.brand.copy_to", "name"), ["name", "name.plain", "brand", "facets.value"]),
    ],
)
def test_a_change_of_the_mapping_indexes_what_it_is_about(
    dataset: Dataset, indexer: Indexer, read: list[str], change: tuple[str, Any], again: list[str]
) -> None:
    first = opened(indexer, dataset)
    read.clear()
    body: dict[str, Any] = deepcopy(own_search.BODY)
    *above, last = change[0].split(".")
    place = body
    for name in above:
        place = place[name]
    place[last] = change[1]
    opened(indexer, dataset, body)
    assert read == again
    first.close()


def test_other_products_are_indexed_anew(dataset: Dataset, indexer: Indexer, read: list[str]) -> None:
    first = opened(indexer, dataset)
    read.clear()
    fewer = dataset.catalogue.mapped(lambda _, text: text.upper())
    indexer.index(fewer, text_fields=(), vectors={}, progress=False)
    assert len(read) == 4
    first.close()


def test_fields_that_are_scored_otherwise_share_their_terms(read: list[str]) -> None:
    body = {
        "settings": {"similarity": {"flat": {"type": "BM25", "k1": 0.3, "b": 0.1}, "one": {"type": "boolean"}}},
        "mappings": {
            "properties": {
                "name": {
                    "type": "text",
                    "fields": {
                        "flat": {"type": "text", "similarity": "flat"},
                        "one": {"type": "text", "similarity": "one", "norms": False},
                    },
                }
            }
        },
    }
    documents = [{"name": "a b a"}, {"name": "a"}, {"name": ["b", "b c"]}]
    search = [{"query": {"match_phrase": {path: "a"}}} for path in ("name", "name.flat", "name.one")]

    def index() -> BodyIndex:
        return BodyIndex(Schema.of(body), Analysis(), documents)

    together = index().search(search, hits=3)
    assert read == ["name"]
    for alone, found in zip(search, together, strict=True):
        (answer,) = index().search([alone], hits=3)
        assert np.array_equal(answer.codes, found.codes)
        assert np.array_equal(answer.scores, found.scores)
    assert len({found.scores.tobytes() for found in together}) == 3

"""Shops in other languages: stems, parts and corrections by the keys of strategies, on both engines alike."""

from typing import Any, NamedTuple

import pytest
from parity.server import ReferenceServer

from relevance import engines, runner
from relevance.engines import QueryBatch
from relevance.engines.elasticsearch.settings import Settings
from relevance.fields import ProductFields, own_fields
from relevance.records import NO_HIT, Catalogue
from relevance.spelling import Spellers
from relevance.strategies import Strategy, readings_of


class Shop(NamedTuple):
    """Products, what else stands before the stemmer, and queries with the names of those that are found."""

    names: tuple[str, ...]
    before: dict[str, Any]
    queries: dict[str, set[str]]


SHOPS = {
    "german": Shop(
        (
            *("Gartenschlauch 20m", "Gartenschläuche aus Gummi", "Gartenschlauch, grün", "Gartenstuhl aus Holz"),
            *(
                "Grüne Gartenstühle",
                "Tisch aus Holz",
                "Tische für den Garten",
                "Bohrmaschine 500W",
                "Bohrmaschine, klein",
            ),
        ),
        {"folded": {"type": "german_normalization"}},
        {
            "Gartenschlaeuche": {"Gartenschlauch 20m", "Gartenschläuche aus Gummi", "Gartenschlauch, grün"},
            "bohrmaschinne": {"Bohrmaschine 500W", "Bohrmaschine, klein"},
            "20 m": {"Gartenschlauch 20m"},
        },
    ),
    "french": Shop(
        (
            *("Chaise de jardin", "Chaises de jardin vertes", "Tuyau d'arrosage 20m", "Tuyaux d'arrosage"),
            *("Perceuse 500W", "Perceuse à percussion", "Table de jardin", "L'arrosage du jardin"),
        ),
        {"articles": {"type": "elision", "articles": ["l", "d", "qu"]}},
        {
            "perceuzes": {"Perceuse 500W", "Perceuse à percussion"},
            "arrosages": {"Tuyau d'arrosage 20m", "Tuyaux d'arrosage", "L'arrosage du jardin"},
            "500 w": {"Perceuse 500W"},
        },
    ),
}
PARTS = {"type": "word_delimiter", "split_on_case_change": False}


def fields(language: str) -> ProductFields:
    """A name, and an analyzer `parts` of the language."""
    filters = {**SHOPS[language].before, "parts_only": PARTS, "stems": {"type": "stemmer", "language": language}}
    chain = {"tokenizer": "standard", "filter": ["lowercase", *filters]}
    analysis = {"filter": filters, "analyzer": {"parts": chain}}
    return own_fields({"settings": {"analysis": analysis}, "mappings": {"properties": {"name": {"type": "text"}}}})


@pytest.mark.parametrize("language", SHOPS)
def test_strategies_of_another_language(reference: ReferenceServer, language: str) -> None:
    shop, own, release = SHOPS[language], fields(language), int(reference.release)
    text: Any = {"text": {"name": 1}, "fields": own}
    strategies = [
        Strategy("stemmed", analyzer=language, **text),
        Strategy("tuned", analyzer="parts", k1=0.2, b=0.8, **text),
        Strategy("spelled", analyzer="parts", k1=0.2, b=0.8, spelling=True, **text),
    ]
    documents = [{"name": name} for name in shop.names]
    ids = [f"p{at}" for at in range(len(documents))]
    catalogue = Catalogue.of_documents(ids, documents, own).read(readings_of(strategies))
    batch = QueryBatch(list(shop.queries), spelling=Spellers(catalogue, release=release))
    rankings = []
    for name, settings in (("elasticsearch", Settings(reference.url)), ("embedded", Settings())):
        choice = engines.choose(name, settings, strategies, own, release)
        with choice.open(progress=False) as indexer:
            engine = indexer.index(catalogue, text_fields=(), vectors={}, progress=False)
            rankings.append([runner.search(engine, one, batch) for one in strategies])
    for of_server, ours in zip(*rankings, strict=True):
        assert (of_server.codes == ours.codes).all()
        assert (of_server.scores == ours.scores).all()
    found = [{shop.names[code] for code in row if code != NO_HIT} for row in rankings[1][2].codes.tolist()]
    assert dict(zip(shop.queries, found, strict=True)) == shop.queries

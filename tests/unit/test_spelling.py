from typing import Any

import pytest
from helpers import own_search

from relevance.analysis import Analysis
from relevance.fields import index_body, own_fields
from relevance.records import Catalogue
from relevance.spelling import Analyzers, Speller, Spellers
from relevance.strategies import Strategy

SETTINGS = {"analysis": {"analyzer": {"stems": {"tokenizer": "standard", "filter": ["lowercase", "porter_stem"]}}}}
STEMS, STANDARD = (Analysis(SETTINGS).analyzer(name) for name in ("stems", "standard"))
PRODUCTS = [
    ["Door stopper", "stops doors"],
    ["Kitchen faucet", "brass"],
    ["Kitchen door", "faucets in chrome"],
    ["Bath faucet, 4-inch", "chrome"],
    ["Shower head", "chrome"],
    ["Garden hose", "brass"],
    ["Shower door", "bath"],
]


def speller(products: list[list[str]], analyzers: Analyzers = Analyzers(STEMS, STEMS)) -> Speller:  # noqa: B008 - a value
    return Speller([[texts] for texts in products], [analyzers])


@pytest.mark.parametrize(
    ("query", "corrected"),
    [
        ("kitchen Faucet", "kitchen Faucet"),  # as it is, letter case too
        ("kitchens", "kitchens"),  # its stem is there
        ("fuacet", "faucet"),  # neighbours swapped
        ("Chrom FAUCETT", "chrome faucet"),
        ("kicthn", "kitchen"),  # two edits from six letters on
        ("brss", "brass"),  # one edit from four
        ("bss", "bss"),  # none below
        ("doorbath", "door bath"),  # run together
        ("kitchenhose", "kitchenhose"),  # one product alone has a hose
        ("garten", "garten"),  # and a garden
        ("4in", "4in"),  # not of letters alone
        ("xylophone", "xylophone"),
        ("", ""),
    ],
)
def test_words_that_no_product_has_become_words_of_two(query: str, corrected: str) -> None:
    assert speller(PRODUCTS)(query) == corrected


def test_of_words_at_one_distance_that_of_most_products_is_taken_then_the_first() -> None:
    products = [["lamp"], ["lamp"], ["lame"], ["lamb"], ["lamb"], ["lamb"], ["lame"], ["lame"]]
    for _ in products:  # whatever the order of the products is
        products = [*products[3:], *products[:3]]
        assert speller(products)("lamx") == "lamb"


def test_words_are_known_as_queries_are_read() -> None:
    assert speller(PRODUCTS, Analyzers(STANDARD, STANDARD))("kitchens") == "kitchen"
    assert speller(PRODUCTS, Analyzers(STANDARD, STEMS))("kitchens") == "kitchens"


def test_a_word_is_known_in_fields_of_one_analyzer() -> None:
    products = [[["Sofas"], ["sofa"]], [["Sofas"], ["couch"]], [["Beds"], ["couch"]]]
    analyzers = [Analyzers(STANDARD, STANDARD), Analyzers(STEMS, STEMS)]
    corrected = Speller(products, analyzers)
    assert [corrected(word) for word in ("sofas", "couches", "cuch")] == ["sofas", "couches", "couch"]


def leg(**table: object) -> Any:
    fields = own_fields(index_body(own_search.BODY, "index.json"))
    (one,) = Strategy("mine", fields=fields, **table).legs()  # type: ignore[arg-type] - keys by name
    return one


def test_the_fields_of_a_mapping_are_read_by_their_own_analyzers() -> None:
    fields = own_fields(index_body(own_search.BODY, "index.json"))
    documents = [{"name": name, "brand": brand} for name in ("Grey sofas", "Couch cover") for brand in ("Lund", "Haus")]
    spellers = Spellers(Catalogue.of_documents(list("abcd"), documents, fields))
    template = {"query": {"match": {"name": "{{query}}"}}}
    assert spellers(leg(template=template, spelling=("name",)))("sofa lunt") == "sofa lunt"
    assert spellers(leg(template=template, spelling=True))("sofa lunt") == "sofa lund"
    assert spellers(leg(text={"brand": 1}, spelling=True))("lunt telly") == "lund telly"
    asked = leg(text={"name": 1, "brand": 1}, spelling=True)
    assert spellers(asked) is spellers(asked)


@pytest.mark.parametrize(("release", "corrected"), [(8, "böden"), (9, "boeden")])
def test_words_are_made_as_of_the_release(release: int, corrected: str) -> None:
    """Release 9 reads `oe` as `ö`, so that the products have the word."""
    chain = {"tokenizer": "standard", "filter": ["lowercase", "german_stem"]}
    german = {"filter": {"german_stem": {"type": "stemmer", "language": "german"}}, "analyzer": {"german_stems": chain}}
    mapping = {"properties": {"name": {"type": "text", "analyzer": "german_stems"}}}
    fields = own_fields(index_body({"settings": {"analysis": german}, "mappings": mapping}, "index.json"))
    catalogue = Catalogue.of_documents(["a", "b"], [{"name": "Böden"}] * 2, fields)
    (asked,) = Strategy("mine", text={"name": 1}, spelling=True, fields=fields).legs()
    assert Spellers(catalogue, release=release)(asked)("boeden") == corrected

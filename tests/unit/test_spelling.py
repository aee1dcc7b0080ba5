import pytest

from relevance.analysis import Analysis
from relevance.spelling import Speller

SETTINGS = {"analysis": {"analyzer": {"stems": {"tokenizer": "standard", "filter": ["lowercase", "porter_stem"]}}}}
PRODUCTS = [
    ["Door stopper", "stops doors"],
    ["Kitchen faucet", "brass"],
    ["Kitchen door", "faucets in chrome"],
    ["Bath faucet, 4-inch", "chrome"],
    ["Shower head", "chrome"],
    ["Garden hose", "brass"],
    ["Shower door", "bath"],
]


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
    assert Speller(PRODUCTS, Analysis(SETTINGS).analyzer("stems"))(query) == corrected


def test_of_words_at_one_distance_that_of_most_products_is_taken_then_the_first() -> None:
    analyzer = Analysis({}).analyzer("standard")
    products = [["lamp"], ["lamp"], ["lamb"], ["lamb"], ["lamb"], ["lame"], ["lame"], ["lame"]]
    assert Speller(products, analyzer)("lamx") == "lamb"

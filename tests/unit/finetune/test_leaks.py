"""The leak detector: five planted leaks, a clean split, and what is only near."""

from __future__ import annotations

import pytest
from helpers.pairs import made_dataset, made_frame
from hypothesis import given
from hypothesis import strategies as some

from relevance.errors import InputError
from relevance.finetune.pairs import Trained, build_pairs, find_leaks, one_edit_apart, stems, text_key

PLANTED = {
    "same text": ("café garden hose", "p99", "a hose"),
    "other case": ("CAFÉ Garden hose", "p99", "a hose"),
    "other spacing": ("  café garden\u00a0\those ", "p99", "a hose"),
    "other Unicode form": ("cafe\u0301 garden hose", "p99", "a hose"),
    "the query as the whole product text": ("a hose", "p99", "Café garden hose"),
}


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_planted_leaks_are_errors(planted: tuple[str, str, str]) -> None:
    """Each of the five is found among clean pairs and is one line that shows the evaluated query."""
    query, product, text = planted
    clean = Trained("a chair", "p01", text_key("red chair"))
    with pytest.raises(
        InputError, match=r"leak in the pairs: 1 query is evaluated and .*: 'café garden hose'; allowed"
    ):
        find_leaks(
            [clean, Trained(query, product, text_key(text))], made_dataset(("café garden hose",)), where="the pairs"
        )


def test_what_the_builder_made_is_clean() -> None:
    """The pairs of the builder pass, with every planted leak in its input."""
    dataset = made_dataset(("café garden hose",))
    extra = [(*planted, 3.0) for planted in PLANTED.values()]
    pairs = build_pairs(made_frame(extra), dataset, drop_unknown=False)
    leaks = find_leaks(pairs.trained, dataset, where="the pairs")
    assert pairs.dropped_pairs == 5
    assert leaks.near_queries == ()
    assert leaks.products == len({pair.product for pair in pairs.trained})


def test_near_queries_and_shared_products_are_counted() -> None:
    """The same words in another order or number, and one edit, are near; neither they nor shared products fail."""
    trained = [
        Trained("hoses garden", "p01", "k"),
        Trained("garden hoes", "x", "k"),
        Trained("garden hos", "x", "k"),
        Trained("lamp", "x", "k"),
    ]
    leaks = find_leaks(trained, made_dataset(("garden hose",)), where="the pairs")
    assert leaks.near_queries == (("garden hos", "garden hose"), ("hoses garden", "garden hose"))
    assert leaks.shared_products == ("p01",)
    assert leaks.products == 2


@given(some.text(alphabet="ab", max_size=5), some.text(alphabet="ab", max_size=5))
def test_one_edit_is_a_distance_of_one(left: str, right: str) -> None:
    """One edit apart means an edit distance (Levenshtein) of exactly 1."""
    assert one_edit_apart(left, right) == (_distance(left, right) == 1)


def _distance(left: str, right: str) -> int:
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        before, row = row, [i]
        for j, b in enumerate(right, start=1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b)))
    return row[-1]


@pytest.mark.parametrize(
    ("word", "stem"),
    [("batteries", "battery"), ("boxes", "boxe"), ("shoes", "shoe"), ("glass", "glass"), ("bus", "bus")],
)
def test_plurals_are_stemmed(word: str, stem: str) -> None:
    """The S stemmer's three rules, with their exceptions."""
    assert stems(f"a {word}") == ("a", stem)

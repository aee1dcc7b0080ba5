"""The Chorus catalogue: what its files become."""

from __future__ import annotations

from typing import TYPE_CHECKING

from written import CHORUS, RATINGS, as_csv, as_json, load, write

if TYPE_CHECKING:
    from pathlib import Path


def test_products_attributes_and_judgments(tmp_path: Path) -> None:
    """All products are there, judged or not; attributes stand in file order, their values as JSON writes them."""
    dataset = load("chorus", write(tmp_path, CHORUS))
    assert dataset.name == "chorus"
    assert dataset.catalogue.products.to_numpy().tolist() == [
        ["21", "Café mug", "0.3 l"],
        ["22", "Tea pot", ""],
        ["23", "Tea cup", "small"],
        ["24", "Tray", ""],
    ]
    assert dataset.catalogue.attributes.to_numpy().tolist() == [
        [0, "attr_n_volume", "0.3"],
        [0, "attr_b_handle", "true"],
        [0, "attr_t_colour", "rouge"],
        [2, "attr_n_weight", "200.0"],
    ]
    texts, judgments = dataset.queries.texts, dataset.judgments
    rated = {(texts[q], p, g) for q, p, g in zip(judgments.queries, judgments.products, judgments.grades, strict=True)}
    assert rated == {("mug", 0, 3), ("mug", 2, 1), ("thé", 1, 0)}
    assert dataset.notes == ()


def test_numbers_keep_their_text(tmp_path: Path) -> None:
    """A number's digits are not rounded, whatever their number."""
    product = (
        b'[{"id": "22", "title": "t", "attr_n_a": 1e-06, "attr_n_b": 0.10000000000000000000000001, "attr_n_c": 7}]'
    )
    dataset = load("chorus", write(tmp_path, {**CHORUS, "2.json": product}))
    values = dataset.catalogue.attributes.set_index("name")["value"]
    assert values["attr_n_a"] == "1e-06"
    assert values["attr_n_b"] == "0.10000000000000000000000001"
    assert values["attr_n_c"] == "7"


def test_equal_products_and_ratings_count_once(tmp_path: Path) -> None:
    """A product that stands in two files with the same text is one, as is a rating given twice."""
    ratings = as_csv(RATINGS, [("mug", "21", 3), ("mug", "21", 3)], "utf-8")
    doubled = {
        "2.json": CHORUS["1.json"],
        "3.json": as_json({"id": "23", "title": "cup"}, {"id": "23", "title": "cup"}),
    }
    dataset = load("chorus", write(tmp_path, {**CHORUS, **doubled, "Broad_Query_Set_rated.csv": ratings}))
    assert dataset.catalogue.ids == ("21", "23", "24")
    assert dataset.judgments.grades.tolist() == [3]
    assert dataset.notes == (
        "1.json to 4.json: 2 products are repeated and count once",
        "Broad_Query_Set_rated.csv: 1 judgment is repeated and counts once",
    )


def test_ratings_of_products_that_are_gone(tmp_path: Path) -> None:
    """They are dropped where that is asked for, and the lowest relevant grade is a setting."""
    ratings = as_csv(RATINGS, [("mug", "21", 3), ("mug", "98", 1), ("cup", "99", 1), ("cup", "98", 1)], "utf-8")
    folder = write(tmp_path, {**CHORUS, "Broad_Query_Set_rated.csv": ratings})
    dataset = load("chorus", folder, unknown_products="drop", relevant_from=3)
    assert (dataset.queries.texts, dataset.judgments.relevant_from) == (("mug",), 3)
    assert dataset.notes == (
        "Broad_Query_Set_rated.csv: 3 judgments of 2 products that are gone are dropped",
        "Broad_Query_Set_rated.csv: 1 query loses all its judgments and is dropped",
    )

"""The real files beside the repository load, and hold what is known of them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from relevance import datasets
from relevance.datasets import Source

if TYPE_CHECKING:
    from pathlib import Path

    from relevance.records import Dataset

pytestmark = pytest.mark.needs("data")

HEADER = '"id","product_uid","product_title","search_term","relevance"\n'


def test_homedepot(homedepot: Dataset) -> None:
    """The part of the Home Depot files: titles only, six products with two titles."""
    dataset = homedepot
    assert (len(dataset.judgments), len(dataset.queries), len(dataset.catalogue)) == (36_975, 5_859, 30_961)
    assert len(dataset.catalogue.attributes) == 0
    assert dataset.notes == (
        "train.csv.zip: 6 products have several titles: that of the row with the smallest id counts",
        "no product_descriptions.csv: products have no description",
        "no attributes.csv: products have no attributes",
        "train.csv.zip: 1 query differs from another in white space or case only ('fence  mesh' and 'fence mesh')",
    )
    assert set(dataset.judgments.grades.tolist()) == {0, 1, 2}


def test_homedepot_pairs(homedepot: Dataset, shared_data: Path) -> None:
    """Of 22,178 pairs 2,218 are ignored; the others ask other queries, mostly about products that are not indexed."""
    dataset = homedepot
    pairs = datasets.load_pairs(Source("homedepot", "homedepot", shared_data / "homedepot"))
    assert len(pairs) == 22_178 - 2_218
    assert pairs["relevance"].between(1, 3).all()
    assert not set(pairs["query"]) & set(dataset.queries.texts)
    products = set(pairs["product"])
    assert (len(products), len(products - set(dataset.catalogue.ids))) == (17_900, 13_371)


def test_homedepot_descriptions(shared_data: Path, tmp_path: Path) -> None:
    """The real descriptions of the first 1,387 products load, and each finds its product."""
    shutil.copy(shared_data / "homedepot_descriptions" / "product_descriptions.csv.zip", tmp_path)
    rows = (f'{number},{100_000 + number},"a title","a query",3\n' for number in range(1, 1_501))
    (tmp_path / "train.csv").write_text(HEADER + "".join(rows), encoding="latin-1")
    dataset = datasets.load(Source("homedepot", "homedepot", tmp_path))
    assert sum(map(bool, dataset.catalogue.products["description"])) == 1_387
    assert dataset.notes == ("no attributes.csv: products have no attributes",)


def test_chorus(chorus: Dataset) -> None:
    """The Chorus catalogue: 721 products without description, 19 attributes a product, their values as text."""
    dataset = chorus
    assert (len(dataset.judgments), len(dataset.queries), len(dataset.catalogue)) == (3_668, 135, 19_406)
    assert (dataset.catalogue.products["description"] == "").sum() >= 721
    attributes = dataset.catalogue.attributes
    assert len(attributes) == 52_268 + 151_562 + 167_575
    assert set(attributes.loc[attributes["name"].str.startswith("attr_b_"), "value"]) == {"true", "false"}
    assert set(dataset.judgments.grades.tolist()) == {0, 1, 2, 3}
    assert dataset.notes == ()

"""The real files beside the repository load, and hold what is known of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from relevance import datasets
from relevance.datasets import Source
from relevance.records import Dataset

pytestmark = pytest.mark.needs("data")

HEADER = '"id","product_uid","product_title","search_term","relevance"\n'


def test_homedepot(homedepot: Dataset) -> None:
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
    dataset = homedepot
    pairs = datasets.load_pairs(Source("homedepot", "homedepot", shared_data / "homedepot"))
    assert len(pairs) == 22_178 - 2_218
    assert pairs["relevance"].between(1, 3).all()
    assert not set(pairs["query"]) & set(dataset.queries.texts)
    products = set(pairs["product"])
    assert (len(products), len(products - set(dataset.catalogue.ids))) == (17_900, 13_371)


def test_homedepot_descriptions(shared_data: Path, tmp_path: Path) -> None:
    shutil.copy(shared_data / "homedepot_descriptions" / "product_descriptions.csv.zip", tmp_path)
    rows = (f'{number},{100_000 + number},"a title","a query",3\n' for number in range(1, 1_501))
    (tmp_path / "train.csv").write_text(HEADER + "".join(rows), encoding="latin-1")
    dataset = datasets.load(Source("homedepot", "homedepot", tmp_path))
    assert sum(map(bool, dataset.catalogue.products["description"])) == 1_387
    assert dataset.notes == ("no attributes.csv: products have no attributes",)


def test_chorus(chorus: Dataset) -> None:
    dataset = chorus
    assert (len(dataset.judgments), len(dataset.queries), len(dataset.catalogue)) == (3_668, 135, 19_406)
    assert (dataset.catalogue.products["description"] == "").sum() >= 721
    attributes = dataset.catalogue.attributes
    assert len(attributes) == 52_268 + 151_562 + 167_575
    assert set(attributes.loc[attributes["name"].str.startswith("attr_b_"), "value"]) == {"true", "false"}
    assert set(dataset.judgments.grades.tolist()) == {0, 1, 2, 3}
    assert dataset.notes == ()

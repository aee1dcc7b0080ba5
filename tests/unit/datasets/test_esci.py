"""The layout of ESCI: what its files become, and what is wrong with them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from written import load

from relevance.errors import CouldNotRunError, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

EXAMPLES, PRODUCTS = "shopping_queries_dataset_examples.parquet", "shopping_queries_dataset_products.parquet"
Columns = dict[str, list[Any]]


def _examples() -> Columns:
    return {
        "example_id": [0, 1, 2, 3, 4, 5, 6],
        "query": ["lamp", "lamp", "lamp", "bulb", "lamp", "lampe", "lamp"],
        "query_id": [11, 11, 11, 12, 11, 13, 11],
        "product_id": ["B1", "B2", "B3", "B1", "B4", "B1", "B4"],
        "product_locale": ["us", "us", "us", "us", "us", "es", "us"],
        "esci_label": ["E", "S", "C", "I", "E", "E", "S"],
        "small_version": [1, 1, 1, 1, 0, 1, 1],
        "large_version": [1, 1, 1, 1, 1, 1, 1],
        "split": ["test", "test", "test", "test", "test", "test", "train"],
    }


def _products() -> Columns:
    return {
        "product_id": ["B2", "B1", "B3", "B4", "B1"],
        "product_title": ["table lamp", "desk lamp", "bulb", "shade", "lámpara"],
        "product_description": [None, "bright", "<p>warm</p>", "", "x"],
        "product_bullet_point": ["one\n\ntwo ", None, None, None, None],
        "product_brand": ["Acme", None, None, None, None],
        "product_color": [None, "Red", None, None, None],
        "product_locale": ["us", "us", "us", "us", "es"],
    }


def _write(folder: Path, examples: Columns, products: Columns) -> Path:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    for name, columns in ((EXAMPLES, examples), (PRODUCTS, products)):
        parquet.write_table(arrow.table(columns), folder / name)
    return folder


def test_products_queries_and_labels(tmp_path: Path) -> None:
    """Locale us, the small version and the split test count; brand, colour and bullet points are attributes."""
    dataset = load("esci", _write(tmp_path, _examples(), _products()))
    assert dataset.catalogue.products.to_numpy().tolist() == [
        ["B1", "desk lamp", "bright"],
        ["B2", "table lamp", ""],
        ["B3", "bulb", "<p>warm</p>"],
        ["B4", "shade", ""],
    ]
    assert dataset.catalogue.attributes.to_numpy().tolist() == [
        [0, "color", "Red"],
        [1, "brand", "Acme"],
        [1, "bullet point", "one"],
        [1, "bullet point", "two"],
    ]
    assert (dataset.queries.ids, dataset.queries.texts) == (("11", "12"), ("lamp", "bulb"))
    assert dataset.judgments.grades.tolist() == [3, 2, 1, 0]
    assert dataset.notes == (f"{EXAMPLES}: locale us, small version, split test",)


@pytest.mark.parametrize(
    ("settings", "grades", "relevant_from"),
    [
        ({}, [3, 2, 1, 0], 2),
        ({"gains": {"E": 100, "S": 10}}, [100, 10, 1, 0], 10),
        ({"gains": {"E": 1, "S": 0, "C": 0}}, [1, 0, 0, 0], 1),
        ({"relevant_from": 3}, [3, 2, 1, 0], 3),
    ],
)
def test_gains_and_relevance(
    tmp_path: Path, settings: Mapping[str, Any], grades: list[int], relevant_from: int
) -> None:
    """Relevant is what has at least the grade of a substitute, unless that is set."""
    judgments = load("esci", _write(tmp_path, _examples(), _products()), **settings).judgments
    assert (judgments.grades.tolist(), judgments.relevant_from) == (grades, relevant_from)


def test_products_that_are_gone(tmp_path: Path) -> None:
    """An error that names the row, or dropped and counted."""
    products = {name: values[:2] for name, values in _products().items()}
    folder = _write(tmp_path, _examples(), products)
    with pytest.raises(InputError, match=r"examples\.parquet, row 3, column product_id: found 'B3'; allowed: the id"):
        load("esci", folder)
    note = f"{EXAMPLES}: 1 judgment of 1 product that is gone is dropped"
    assert note in load("esci", folder, unknown_products="drop").notes


def test_many_batches(tmp_path: Path) -> None:
    """Rows behind the first batch count, and their numbers go on."""
    many = {name: [values[1]] * 20_000 for name, values in _products().items()}
    many["product_id"] = [f"B{number}" for number in range(1, 20_001)]
    folder = _write(tmp_path, _examples(), many)
    assert len(load("esci", folder).catalogue) == 20_000
    many["product_id"][-1] = "B1"
    message = r"products\.parquet, row 20000: found B1 again \(row 1\); allowed: an id once$"
    with pytest.raises(InputError, match=message):
        load("esci", _write(tmp_path, _examples(), many))


@pytest.mark.parametrize(
    ("column", "row", "value", "expected"),
    [
        ("esci_label", 1, "X", "examples.parquet, row 2, column esci_label: found 'X'; allowed: E, S, C, I"),
        (
            "query",
            2,
            "other",
            "examples.parquet, row 3: found 'other', another text of query 11; allowed: one text an id",
        ),
        (
            "query",
            0,
            " ",
            "examples.parquet, row 1: found query_id '11', query ' '; allowed: an id and a text",
        ),
    ],
)
def test_bad_rows(tmp_path: Path, column: str, row: int, value: object, expected: str) -> None:
    """One line names the file, the row and what is allowed."""
    examples = _examples()
    examples[column][row] = value
    with pytest.raises(InputError) as caught:
        load("esci", _write(tmp_path, examples, _products()))
    assert str(caught.value) == f"{tmp_path}/shopping_queries_dataset_{expected}"


def test_bad_files(tmp_path: Path) -> None:
    """A missing column, another kind of file and no file are errors of one line."""
    examples = _examples()
    del examples["split"]
    folder = _write(tmp_path, examples, _products())
    with pytest.raises(InputError, match=r"examples\.parquet: found columns 'example_id, .*; missing: split$"):
        load("esci", folder)
    (folder / EXAMPLES).write_bytes(b"query,query_id\n")
    with pytest.raises(InputError, match=r"examples\.parquet cannot be read: Parquet .*$"):
        load("esci", folder)
    (folder / EXAMPLES).unlink()
    with pytest.raises(InputError, match=r" has no .*examples\.parquet; it is needed as it was published$"):
        load("esci", folder)


def test_nothing_of_the_split(tmp_path: Path) -> None:
    """A file of another locale has no row that counts."""
    examples = _examples() | {"product_locale": ["jp"] * 7}
    with pytest.raises(InputError, match=r"examples\.parquet has no rows of locale us, small version, split test"):
        load("esci", _write(tmp_path, examples, _products()))


def test_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line says what to install."""
    folder = _write(tmp_path, _examples(), _products())
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    message = r"^format 'esci' needs pyarrow; pip install relevance-benchmarks\[esci\]$"
    with pytest.raises(CouldNotRunError, match=message):
        load("esci", folder)

"""Queries and judgments over the products of an index that exists."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from written import CHORUS, HOMEDEPOT, write

from relevance import datasets
from relevance.datasets import Source
from relevance.datasets.over import laid_over
from relevance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from relevance.records import Catalogue, Dataset

PRODUCTS = [
    {"id": "p2", "title": "oak shelf", "description": "holds 20 kg", "attributes": {"Wood": "oak", "Colour": "brown"}},
    {"id": "p1", "title": "Café mug", "attributes": {"Volume": "0.3 l"}},
]
QUERIES: Mapping[str, bytes] = {
    "queries.tsv": b"q1\tshelf\nq2\tmug\n",
    "qrels.txt": b"q1 0 p2 2\nq1 0 p1 0\nq2 0 p3 1\n",
}
SHOP: Mapping[str, bytes] = {
    **QUERIES,
    "products.jsonl": b"".join(json.dumps(product).encode() + b"\n" for product in PRODUCTS),
}
BEIR: Mapping[str, bytes] = {
    "queries.jsonl": b'{"_id": "q1", "text": "what"}\n',
    "qrels/test.tsv": b"query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\n",
}


def _over(format_: str, path: Path | None, products: Sequence[str], **settings: object) -> Dataset:
    return datasets.load_over(Source(format_, format_, path, **settings), products)  # type: ignore[arg-type]


def _written(folder: Path, files: Mapping[str, bytes]) -> Path:
    (folder / "qrels").mkdir(parents=True)
    return write(folder, files)


def _triples(dataset: Dataset) -> set[tuple[str, str, int]]:
    judgments = dataset.judgments
    rows = zip(judgments.queries, judgments.products, judgments.grades, strict=True)
    return {(dataset.queries.ids[query], dataset.catalogue.ids[product], int(grade)) for query, product, grade in rows}


def _products(dataset: Dataset) -> list[list[str]]:
    rows: list[list[str]] = dataset.catalogue.products.to_numpy().tolist()
    return rows


def test_the_catalogue_is_the_index(tmp_path: Path) -> None:
    """It has the index's products and no others, with the texts of the files; one that the files lack can be judged."""
    dataset = _over("files", write(tmp_path, SHOP), ["p3", "p2", "p4", "p1"])
    assert _products(dataset) == [
        ["p1", "Café mug", ""],
        ["p2", "oak shelf", "holds 20 kg"],
        ["p3", "", ""],
        ["p4", "", ""],
    ]
    assert dataset.catalogue.attributes.to_numpy().tolist() == [
        [0, "Volume", "0.3 l"],
        [1, "Wood", "oak"],
        [1, "Colour", "brown"],
    ]
    assert _triples(dataset) == {("q1", "p2", 2), ("q1", "p1", 0), ("q2", "p3", 1)}
    assert dataset.notes == ("2 products of the index are not in the files: no title here",)


def test_judgments_that_the_index_lacks_are_an_error(tmp_path: Path) -> None:
    """Counted and named; that the files have the product does not help: nothing can find it."""
    with pytest.raises(InputError) as caught:
        _over("files", write(tmp_path, SHOP), ["p2"])
    assert str(caught.value) == (
        f"{tmp_path}/qrels.txt: 2 judgments are of 2 products that the index does not have: 'p1', 'p3'; "
        "allowed: judgments of its products, or --unknown-products drop"
    )


def test_judgments_that_the_index_lacks_are_dropped(tmp_path: Path) -> None:
    """Where that is asked for, in the words that the loaders have for it."""
    dataset = _over("files", write(tmp_path, SHOP), ["p2"], unknown_products="drop")
    assert _triples(dataset) == {("q1", "p2", 2)}
    assert dataset.queries.texts == ("shelf",)
    assert dataset.notes == (
        "1 product of the files is not in the index: left out",
        "qrels.txt: 2 judgments of 2 products that are gone are dropped",
        "qrels.txt: 1 query loses all its judgments and is dropped",
    )


@pytest.mark.parametrize("unknown_products", ["error", "drop"])
def test_ids_of_another_kind(tmp_path: Path, unknown_products: str) -> None:
    """No id in common is a field map that names another field, not a changed catalogue: both sides' ids are shown."""
    with pytest.raises(InputError) as caught:
        _over("files", write(tmp_path, SHOP), [f"SKU-{n}" for n in range(1234)], unknown_products=unknown_products)
    assert str(caught.value) == (
        f"{tmp_path}/qrels.txt: no judgment is of a product of the index: they are of 'p2', 'p1', 'p3', the index has "
        "'SKU-0', 'SKU-1', 'SKU-2' and 1,231 more; allowed: judgments of its products; id of [elasticsearch.fields] "
        "names the field of their ids"
    )


def test_files_without_products(tmp_path: Path) -> None:
    """Queries and judgments are enough over an index; to index there has to be a file of products."""
    dataset = _over("files", write(tmp_path, QUERIES), ["p1", "p2", "p3"])
    assert _products(dataset) == [["p1", "", ""], ["p2", "", ""], ["p3", "", ""]]
    assert len(dataset.catalogue.attributes) == 0
    assert _triples(dataset) == {("q1", "p2", 2), ("q1", "p1", 0), ("q2", "p3", 1)}
    assert dataset.notes == ("no products.jsonl and no products.csv: products have no title here",)
    with pytest.raises(InputError, match=r"has no products\.jsonl and no products\.csv"):
        datasets.load(Source("files", "files", tmp_path))


def test_two_files_of_products_are_refused(tmp_path: Path) -> None:
    """That none is needed does not make two of them clear."""
    folder = write(tmp_path, {**SHOP, "products.csv": b"id,title\np1,mug\n"})
    with pytest.raises(InputError, match=r"has products\.jsonl and products\.csv; only one of"):
        _over("files", folder, ["p1", "p2", "p3"])


def test_columns_without_products(tmp_path: Path) -> None:
    """The names of the products' columns may stay in the configuration; a name that no file could have may not."""
    folder = write(tmp_path, QUERIES)
    assert _over("files", folder, ["p1", "p2", "p3"], columns={"title": "name"}).queries.ids == ("q1", "q2")
    with pytest.raises(InputError, match=r"columns: unknown column 'titel' \(did you mean 'title'\?\)"):
        _over("files", folder, ["p1", "p2", "p3"], columns={"titel": "name"})


def test_beir_without_a_corpus(tmp_path: Path) -> None:
    """The same for the layout of BEIR."""
    folder = _written(tmp_path, BEIR)
    dataset = _over("beir", folder, ["d1", "d2", "d3"])
    assert dataset.catalogue.ids == ("d1", "d2", "d3")
    assert _triples(dataset) == {("q1", "d1", 2), ("q1", "d2", 0)}
    assert dataset.notes == ("no corpus.jsonl: products have no title here",)
    with pytest.raises(InputError, match=r"has no corpus\.jsonl"):
        datasets.load(Source("beir", "beir", folder))
    write(folder, {"corpus.jsonl": b'{"_id": "d2", "title": "two", "text": "second"}\n'})
    assert _products(_over("beir", folder, ["d2", "d1"])) == [["d1", "", ""], ["d2", "two", "second"]]


@pytest.mark.parametrize(
    ("format_", "files", "known"), [("homedepot", HOMEDEPOT, ["p1", "p2"]), ("chorus", CHORUS, ["21", "22", "23"])]
)
def test_other_formats(tmp_path: Path, format_: str, files: Mapping[str, bytes], known: list[str]) -> None:
    """They load as before, over other products; judgments are the same, whatever codes their products have now."""
    folder = write(tmp_path, files)
    loaded = datasets.load(Source(format_, format_, folder))
    over = _over(format_, folder, ["0-new", *reversed(known)])
    assert over.catalogue.ids == ("0-new", *known)
    assert _triples(over) == _triples(loaded)
    title_of = dict(row[:2] for row in _products(loaded))
    assert dict(row[:2] for row in _products(over)) == {"0-new": ""} | {name: title_of[name] for name in known}


def test_the_sample() -> None:
    """The data set of the package goes with an index of its products."""
    loaded = datasets.load(Source("sample", "sample"))
    over = _over("sample", None, list(loaded.catalogue.ids))
    assert over.catalogue.sha256 == loaded.catalogue.sha256
    assert over.judgments.sha256(over.queries, over.catalogue) == loaded.judgments.sha256(
        loaded.queries, loaded.catalogue
    )
    assert over.notes == loaded.notes


def test_an_id_occurs_twice(tmp_path: Path) -> None:
    """Two products of one id are none."""
    with pytest.raises(InputError, match=r"^product 'p1' occurs twice"):
        _over("files", write(tmp_path, SHOP), ["p1", "p2", "p1", "p3"])


_LOADED = datasets.load(Source("sample", "sample")).catalogue


@given(st.lists(st.sampled_from(_LOADED.ids), unique=True), st.lists(st.text("0aZ", max_size=3), unique=True))
def test_a_known_product_keeps_its_texts(known: list[str], new: list[str]) -> None:
    """Each product has its own title, description and attributes, or none; whatever else is in the index."""
    new = [identifier for identifier in new if identifier not in _LOADED.ids]
    made, notes = laid_over(_LOADED, [*new, *known])
    assert set(made.ids) == {*known, *new}
    assert _texts(made) == {name: texts for name, texts in _texts(_LOADED).items() if name in known} | dict.fromkeys(
        new, ("", "", ())
    )
    assert len(notes) == bool(new) + (len(known) < len(_LOADED))


def _texts(catalogue: Catalogue) -> dict[str, tuple[str, str, tuple[tuple[str, str], ...]]]:
    products, attributes = catalogue.products, catalogue.attributes
    bounds = catalogue.attribute_offsets.tolist()
    pairs = list(zip(attributes["name"], attributes["value"], strict=True))
    return {
        row.id: (row.title, row.description, tuple(pairs[bounds[row.Index] : bounds[row.Index + 1]]))
        for row in products.itertuples()
    }

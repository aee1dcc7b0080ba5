"""What the hashes of a data set depend on, for any data set."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st
from written import ATTRIBUTES, DESCRIPTIONS, RATINGS, TRAIN, as_csv, as_json, as_zip, load, write

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import pytest

    from relevance.records import Dataset

Rows = list[tuple[Any, ...]]

# Latin-1 without NUL and without the letters that begin two-byte characters of UTF-8: no text here looks like UTF-8.
_LATIN = st.characters(min_codepoint=1, max_codepoint=0xBF)
_PRODUCTS = st.sampled_from(["7", "70", "8", "100001", "p-1", "P1"])
_TEXT = st.text(_LATIN, max_size=8)
_TERM = st.text(_LATIN, max_size=6).map(lambda text: f"{text}x")


@st.composite
def _homedepot(draw: st.DrawFn) -> dict[str, Rows]:
    pairs = draw(st.lists(st.tuples(_PRODUCTS, _TERM), min_size=1, max_size=12, unique=True))
    relevance = st.sampled_from(["1", "1.5", "2", "2.33", "2.5", "3"])
    train: Rows = [
        (number, product, draw(_TEXT), term, draw(relevance)) for number, (product, term) in enumerate(pairs)
    ]
    described = draw(st.lists(_PRODUCTS, unique=True, min_size=1))
    attributes = draw(st.lists(st.tuples(_PRODUCTS, _TEXT, _TEXT), min_size=1, max_size=8))
    return {
        "train.csv": train,
        "product_descriptions.csv": [(product, draw(_TEXT)) for product in described],
        "attributes.csv": list(attributes),
    }


_COLUMNS = {"train.csv": TRAIN, "product_descriptions.csv": DESCRIPTIONS, "attributes.csv": ATTRIBUTES}


def _hashes(dataset: Dataset) -> tuple[str, str, str]:
    judgments = dataset.judgments.sha256(dataset.queries, dataset.catalogue)
    return dataset.catalogue.sha256, dataset.queries.sha256, judgments


def _loaded(folder: Path, tables: Mapping[str, Rows], zipped: Iterable[str] = ()) -> Dataset:
    contents = {name: as_csv(_COLUMNS[name], rows) for name, rows in tables.items()}
    packed = {f"{name}.zip": as_zip(name, contents.pop(name)) for name in zipped}
    return load("homedepot", write(folder, contents | packed))


def _shuffled(tables: Mapping[str, Rows], chance: random.Random) -> dict[str, Rows]:
    """Every table in another order of rows, but the attributes of a product in theirs."""
    shuffled = {name: chance.sample(rows, len(rows)) for name, rows in tables.items()}
    waiting = {
        row[0]: [other for other in tables["attributes.csv"] if other[0] == row[0]] for row in tables["attributes.csv"]
    }
    shuffled["attributes.csv"] = [waiting[row[0]].pop(0) for row in shuffled["attributes.csv"]]
    return shuffled


@settings(max_examples=60, deadline=None)
@given(_homedepot(), st.randoms(use_true_random=False), st.sets(st.sampled_from(sorted(_COLUMNS))))
def test_order_of_rows_and_packing_mean_nothing(
    tmp_path_factory: pytest.TempPathFactory, tables: dict[str, Rows], chance: random.Random, zipped: set[str]
) -> None:
    """Other orders of rows, repeated judgments and zipped files give the same three hashes."""
    folder = tmp_path_factory.mktemp("homedepot")
    expected = _loaded(folder / "plain", tables)
    others = _shuffled(tables, chance)
    others["train.csv"].append((10**6, *others["train.csv"][0][1:]))
    assert _hashes(_loaded(folder / "other", others, sorted(zipped))) == _hashes(expected)


@settings(max_examples=60, deadline=None)
@given(_homedepot())
def test_every_text_arrives_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, tables: dict[str, Rows]
) -> None:
    """Terms, titles, descriptions and attributes come out character for character, line ends and quotes included."""
    dataset = _loaded(tmp_path_factory.mktemp("homedepot"), tables)
    train = tables["train.csv"]
    assert set(dataset.queries.texts) == {row[3] for row in train}
    titles = {row[1]: row[2] for row in reversed(train)}
    described: dict[str, str] = dict(tables["product_descriptions.csv"])
    expected = [(product, titles[product], described.get(product, "")) for product in sorted(map(str, titles))]
    assert list(dataset.catalogue.products.itertuples(index=False, name=None)) == expected
    codes = {product: code for code, (product, _, _) in enumerate(expected)}
    kept = [(codes[str(product)], *text) for product, *text in tables["attributes.csv"] if product in codes]
    attributes = list(dataset.catalogue.attributes.itertuples(index=False, name=None))
    assert attributes == sorted(kept, key=lambda row: row[0])


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False), st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9))
def test_order_of_chorus_means_nothing(
    tmp_path_factory: pytest.TempPathFactory, chance: random.Random, text: str
) -> None:
    """Products in other files and ratings in another order give the same three hashes."""
    folder = tmp_path_factory.mktemp("chorus")
    products = [{"id": str(number), "title": f"{text}{number}", f"attr_{text}": text} for number in range(8)]
    rows = [(f"{text}{number // 2}x", str(number), number % 4) for number in range(8)]

    def loaded(where: str) -> Dataset:
        files = {f"{part + 1}.json": as_json(*products[2 * part : 2 * part + 2]) for part in range(4)}
        packed = {"2.json.zip": as_zip("2.json", files.pop("2.json"))} if where == "other" else {}
        ratings = {"Broad_Query_Set_rated.csv": as_csv(RATINGS, rows, "utf-8")}
        return load("chorus", write(folder / where, files | packed | ratings))

    expected = loaded("one")
    chance.shuffle(products)
    chance.shuffle(rows)
    assert _hashes(loaded("other")) == _hashes(expected)


_UNICODE = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(_UNICODE, _UNICODE, _UNICODE), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_own_files_say_the_same_in_either_format(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str, str]], chance: random.Random
) -> None:
    """Any text arrives as it was written, line ends and quotes included, from JSON lines and from CSV, in any order."""
    folder = tmp_path_factory.mktemp("files")
    header = ("id", "title", "description", "attr_x")
    rows = [(f"p{number}", *text) for number, text in enumerate(texts)]
    lines = [
        json.dumps({"id": id_, "title": title, "description": text, "attributes": {"attr_x": value or None}})
        for id_, title, text, value in rows
    ]
    judgments = {"judgments.csv": b"query,product,grade\nq,p0,1\n"}
    chance.shuffle(rows)
    as_lines = write(folder / "lines", {"products.jsonl": "\n".join(lines).encode(), **judgments})
    as_rows = write(folder / "rows", {"products.csv": as_csv(header, rows, "utf-8"), **judgments})
    expected, found = load("files", as_lines), load("files", as_rows)
    assert _hashes(found) == _hashes(expected)
    titles = {f"p{number}": (title, text) for number, (title, text, _) in enumerate(texts)}
    products = found.catalogue.products.itertuples(index=False, name=None)
    assert {product: (title, text) for product, title, text in products} == titles

"""What holds for every data set: how one is named, its settings, its hashes, and queries over an index that exists."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers.datasets import (
    ATTRIBUTES,
    BEIR,
    CHORUS,
    DESCRIPTIONS,
    HOMEDEPOT,
    SHOP,
    TRAIN,
    as_csv,
    as_zip,
    hashes,
    load,
    load_pairs,
    products,
    triples,
    write,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from relevance import datasets
from relevance.datasets import Source
from relevance.errors import InputError
from relevance.records import Dataset

MINE = Source("shop", "files", Path("/shop"), relevant_from=2)
BARE = Source("bare", "chorus")

# Names


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("sample", Source("sample", "sample")),
        ("homedepot:data/hd", Source("homedepot", "homedepot", Path("data/hd"))),
        ("chorus:C:/data", Source("chorus", "chorus", Path("C:/data"))),
        ("shop", MINE),
        ("bare:data", Source("bare", "chorus", Path("data"))),
    ],
)
def test_a_name_and_a_path(spec: str, expected: Source) -> None:
    assert datasets.parse(spec, {"shop": MINE, "bare": BARE}) == expected


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("homdepot:x", "unknown data set 'homdepot' (did you mean 'homedepot'?); allowed: sample, homedepot, cho"),
        ("", "unknown data set ''"),
        ("../shop",
         "unknown data set '../shop' (did you mean 'files:../shop'?); allowed: NAME or NAME:PATH, NAME one of"),
        ("shopp", "(did you mean 'shop'?)"),
        ("chorus: ", "data set 'chorus: ': nothing stands behind the colon; allowed: chorus or chorus:PATH"),
        ("shop:x", "data set 'shop:x': its path is part of the alias; allowed: shop"),
    ],
)  # fmt: skip
def test_a_spec_that_names_nothing(spec: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        datasets.parse(spec, {"shop": MINE})
    assert problem in str(caught.value)


def test_not_every_format_has_pairs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown data set with pairs for fine-tuning 'chorus'; allowed: sample, home"):
        load_pairs("chorus", tmp_path)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"relevant_from": 0}, "relevant_from = 0; allowed: a number above 0"),
        ({"relevant_from": float("nan")}, "relevant_from = nan"),
        ({"gains": {"bad": -1}}, "gains.bad = -1; allowed: a number from 0 to 999,999,999"),
        ({"gains": {"bad": float("inf")}}, "gains.bad = inf"),
    ],
)
def test_a_source_checks_its_settings(wrong: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        Source("shop", "files", **wrong)
    assert f"data set 'shop': {problem}" in str(caught.value)


def test_whole_numbers_are_whole() -> None:
    source = Source("shop", "files", gains={"good": 2.0, "fair": 0.5}, relevant_from=2.0)
    assert repr((dict(source.gains), source.relevant_from)) == "({'good': 2, 'fair': 0.5}, 2)"


# Over an index that exists

BY_ID = {name: SHOP[name] for name in ("queries.tsv", "qrels.txt")}


def _over(format_: str, path: Path | None, ids: Sequence[str], **others: object) -> Dataset:
    return datasets.load_over(Source(format_, format_, path, **others), ids)  # type: ignore[arg-type]


def test_the_catalogue_is_the_index(tmp_path: Path) -> None:
    files = {**SHOP, "qrels.txt": SHOP["qrels.txt"] + b"q2 0 new 1\n"}
    dataset = _over("files", write(tmp_path, files), ["p2", "new", "7", "other"])
    assert products(dataset) == [
        ["7", "Café mug", ""],
        ["new", "", ""],
        ["other", "", ""],
        ["p2", "oak shelf", "holds 20 kg"],
    ]
    assert dataset.catalogue.attributes.to_numpy().tolist() == [[3, "Wood", "oak"], [3, "Colour", "brown"]]
    assert triples(dataset) == {("shelf", "p2", 2), ("shelf", "7", 0), ("thé mug", "7", 1), ("thé mug", "new", 1)}
    assert dataset.notes == ("2 products of the index are not in the files: no title here",)
    with pytest.raises(InputError, match=r"^product '7' occurs twice"):
        _over("files", tmp_path, ["7", "p2", "7", "new"])


def test_judgments_that_the_index_lacks(tmp_path: Path) -> None:
    folder = write(tmp_path, SHOP)
    with pytest.raises(
        InputError, match=r"qrels\.txt: 2 judgments are of 1 product that the index does not have: '7';"
    ):
        _over("files", folder, ["p2"])
    dataset = _over("files", folder, ["p2"], unknown_products="drop")
    assert triples(dataset) == {("shelf", "p2", 2)}
    assert dataset.notes == (
        "1 product of the files is not in the index: left out",
        "qrels.txt: 2 judgments of 1 product that is gone are dropped",
        "qrels.txt: 1 query loses all its judgments and is dropped",
    )


@pytest.mark.parametrize("unknown_products", ["error", "drop"])
def test_ids_of_another_kind(tmp_path: Path, unknown_products: str) -> None:
    with pytest.raises(InputError) as caught:
        _over("files", write(tmp_path, SHOP), [f"SKU-{n}" for n in range(1234)], unknown_products=unknown_products)
    ids = "they are of 'p2', '7', the index has 'SKU-0', 'SKU-1', 'SKU-2' and 1,231 more; allowed: judgments of its"
    assert ids in str(caught.value)


def test_files_without_products(tmp_path: Path) -> None:
    folder = write(tmp_path, BY_ID)
    dataset = _over("files", folder, ["p2", "7"], columns={"title": "name"})
    assert products(dataset) == [["7", "", ""], ["p2", "", ""]]
    assert dataset.notes == ("no products.jsonl and no products.csv: products have no title here",)
    with pytest.raises(InputError, match=r"has no products\.jsonl and no products\.csv"):
        load("files", folder)
    with pytest.raises(InputError, match=r"columns: unknown column 'titel'"):
        _over("files", folder, ["p2", "7"], columns={"titel": "name"})
    write(tmp_path, {"products.jsonl": b"", "products.csv": b"id,title\n"})
    with pytest.raises(InputError, match=r"has products\.jsonl and products\.csv; only one of"):
        _over("files", folder, ["p2", "7"])


def test_beir_without_a_corpus(tmp_path: Path) -> None:
    dataset = _over("beir", write(tmp_path, {**BEIR, "corpus.jsonl": None}), ["d1", "d2", "1"])
    assert products(dataset) == [["1", "", ""], ["d1", "", ""], ["d2", "", ""]]
    assert dataset.notes[0] == "no corpus.jsonl: products have no title here"
    assert dataset.own_products is not None
    assert dataset.own_products.tolist() == [0]


@pytest.mark.parametrize(
    ("format_", "files", "known"), [("homedepot", HOMEDEPOT, ["p1", "p2"]), ("chorus", CHORUS, ["21", "22", "23"])]
)
def test_other_formats(tmp_path: Path, format_: str, files: Mapping[str, bytes], known: list[str]) -> None:
    loaded = load(format_, write(tmp_path, files))
    over = _over(format_, tmp_path, ["0-new", *reversed(known)])
    assert over.catalogue.ids == ("0-new", *known)
    assert triples(over) == triples(loaded)
    assert products(over)[1:] == [row for row in products(loaded) if row[0] in known]


# Hashes

# Latin-1 without NUL and without the letters that begin two-byte characters of UTF-8: no text here looks like UTF-8
_LATIN = st.characters(min_codepoint=1, max_codepoint=0xBF)
_PRODUCTS = st.sampled_from(["7", "70", "8", "100001", "p-1", "P1"])
_TEXT = st.text(_LATIN, max_size=8)
_UNICODE = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9)
Rows = list[tuple[Any, ...]]
FEW = settings(max_examples=12, deadline=None)


@st.composite
def _homedepot(draw: st.DrawFn) -> dict[str, Rows]:
    terms = _TEXT.map(lambda text: f"{text}x")
    pairs = draw(st.lists(st.tuples(_PRODUCTS, terms), min_size=1, max_size=12, unique=True))
    relevance = st.sampled_from(["1", "1.5", "2", "2.33", "2.5", "3"])
    described = draw(st.lists(_PRODUCTS, unique=True, min_size=1))
    return {
        "train.csv": [(n, product, draw(_TEXT), term, draw(relevance)) for n, (product, term) in enumerate(pairs)],
        "product_descriptions.csv": [(product, draw(_TEXT)) for product in described],
        "attributes.csv": list(draw(st.lists(st.tuples(_PRODUCTS, _TEXT, _TEXT), min_size=1, max_size=8))),
    }


_COLUMNS = {"train.csv": TRAIN, "product_descriptions.csv": DESCRIPTIONS, "attributes.csv": ATTRIBUTES}


def _loaded(folder: Path, tables: Mapping[str, Rows], *, zipped: bool = False) -> Dataset:
    contents = {name: as_csv(_COLUMNS[name], rows) for name, rows in tables.items()}
    packed = {f"{name}.zip": as_zip(name, content) for name, content in contents.items()}
    return load("homedepot", write(folder, packed if zipped else contents))


@FEW
@given(_homedepot(), st.randoms(use_true_random=False))
def test_order_of_rows_and_packing_mean_nothing(
    tmp_path_factory: pytest.TempPathFactory, tables: dict[str, Rows], chance: random.Random
) -> None:
    folder = tmp_path_factory.mktemp("homedepot")
    expected = _loaded(folder / "plain", tables)
    train = tables["train.csv"]
    titles = {row[1]: row[2] for row in reversed(train)}
    described: dict[str, str] = dict(tables["product_descriptions.csv"])
    assert set(expected.queries.texts) == {row[3] for row in train}
    assert products(expected) == [[one, titles[one], described.get(one, "")] for one in sorted(titles)]
    others = {name: chance.sample(rows, len(rows)) for name, rows in tables.items()}
    # the attributes of a product stay in their order
    others["attributes.csv"] = sorted(tables["attributes.csv"], key=lambda row: str(row[0]))
    others["train.csv"].append((10**6, *others["train.csv"][0][1:]))
    assert hashes(_loaded(folder / "other", others, zipped=True)) == hashes(expected)


@FEW
@given(st.lists(st.tuples(_UNICODE, _UNICODE, _UNICODE), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_own_files_say_the_same_in_either_format(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str, str]], chance: random.Random
) -> None:
    folder = tmp_path_factory.mktemp("files")
    rows = [(f"p{number}", *text) for number, text in enumerate(texts)]
    lines = [
        json.dumps({"id": id_, "title": title, "description": text, "attributes": {"attr_x": value or None}})
        for id_, title, text, value in rows
    ]
    judgments = {"judgments.csv": b"query,product,grade\nq,p0,1\n"}
    chance.shuffle(rows)
    header = ("id", "title", "description", "attr_x")
    as_lines = load("files", write(folder / "lines", {"products.jsonl": "\n".join(lines).encode(), **judgments}))
    as_rows = load("files", write(folder / "rows", {"products.csv": as_csv(header, rows, "utf-8"), **judgments}))
    assert hashes(as_rows) == hashes(as_lines)
    assert sorted(products(as_rows)) == sorted([id_, title, text] for id_, title, text, _ in rows)

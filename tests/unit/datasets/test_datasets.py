"""What holds for every data set: how one is named, its settings and its hashes."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from helpers.datasets import (
    ATTRIBUTES,
    DESCRIPTIONS,
    SHOP,
    TRAIN,
    as_csv,
    as_zip,
    hashes,
    load,
    load_pairs,
    products,
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


def test_an_index_has_each_product_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^product '7' occurs twice"):
        datasets.load_over(Source("files", "files", write(tmp_path, SHOP)), ["7", "p2", "7"])


# Latin-1 without NUL and without the letters that begin two-byte characters of UTF-8: no text here looks like UTF-8
_LATIN = st.characters(min_codepoint=1, max_codepoint=0xBF)
_PRODUCTS = st.sampled_from(["7", "70", "8", "100001", "p-1", "P1"])
_TEXT = st.text(_LATIN, max_size=8)
_UNICODE = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9)
Rows = list[tuple[Any, ...]]
FEW = settings(max_examples=8, deadline=None)


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

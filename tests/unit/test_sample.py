"""The committed sample holds what it promises: it is like the real files, blemishes included."""

from __future__ import annotations

import csv
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from relevance.datasets import Source, load, load_pairs

SAMPLE = Path(__file__).resolve().parents[2] / "fixtures" / "sample"


@cache
def rows(name: str) -> tuple[dict[str, str], ...]:
    with (SAMPLE / f"{name}.csv").open(encoding="latin-1", newline="") as file:
        return tuple(csv.DictReader(file))


def column(name: str, column: str) -> set[str]:
    return {row[column] for row in rows(name)}


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


DESCRIPTIONS = {row["product_uid"]: row["product_description"] for row in rows("product_descriptions")}


def test_it_loads_with_every_kind_of_query_and_judgment() -> None:
    sample = load(Source("sample", "sample"))
    assert set(sample.catalogue.ids) == column("train", "product_uid")
    assert set(sample.queries.texts) == column("train", "search_term")
    assert (len(sample.catalogue), len(sample.queries), len(sample.judgments)) == (609, 305, 8_021)
    grades = [sample.judgments.grades[sample.judgments.queries == query] for query in range(305)]
    assert min(map(len, grades)) >= 20
    assert all(max(of_query) >= 1 and (of_query == 0).sum() >= 2 for of_query in grades)
    assert sum(max(of_query) == 2 for of_query in grades) >= 0.95 * 305
    values = Counter(row["relevance"] for row in rows("train"))
    assert set(values) == {"1", "1.33", "1.67", "2", "2.33", "2.67", "3"}
    assert min(values.values()) >= 100


def test_fine_tuning_pairs_ask_other_queries() -> None:
    relevance = load_pairs(Source("sample", "sample"))["relevance"]
    assert (relevance == 3).sum() >= 400
    assert relevance.isin([1, 2, 2.33, 2.67]).sum() >= 400
    train, test = (
        {" ".join(term.casefold().split()) for term in column(name, "search_term")} for name in ("train", "test")
    )
    assert not train & test
    assert len(column("test", "product_uid") - column("train", "product_uid")) >= 100


def test_products_lack_texts_as_real_ones_do() -> None:
    indexed = column("train", "product_uid")
    assert round(1 - len(column("attributes", "product_uid") & indexed) / len(indexed), 2) == 0.31
    assert 0.05 <= 1 - len(DESCRIPTIONS.keys() & indexed) / len(indexed) <= 0.08
    assert sum(not any(row.values()) for row in rows("attributes")) >= 10
    assert sum(bool(row["name"]) and not row["value"] for row in rows("attributes")) >= 20


@pytest.mark.parametrize(
    ("pattern", "least"), [(r"[a-z]\.[A-Z0-9]", 100), (r"<br\s*/?>|&lt;br", 30), (r"&amp;", 30), (r"\n", 10), ('"', 10)]
)
def test_descriptions_have_the_blemishes_of_real_ones(pattern: str, least: int) -> None:
    assert sum(bool(re.search(pattern, text)) for text in DESCRIPTIONS.values()) >= least


def test_one_length_is_written_in_several_ways() -> None:
    titles = " | ".join(column("train", "product_title"))
    assert set("éüñ°®½öÉ") <= set(titles + "".join(DESCRIPTIONS.values()))
    assert all(form in titles for form in ("1/2 in.", "1/2-Inch", '1/2"', "½ in."))
    assert {"1/2 in", "0.5 in", "1/2 in (13 mm)"} <= column("attributes", "value")


@pytest.mark.parametrize(
    ("kind", "least"),
    [
        (r"\d+(?: ?inch| ?in|\"| ?mm| ?cm| ?ft| ?foot|'| ?v| ?w| volt| watt)\b|\d[\"']", 15),
        (r"(?i)[a-z]+-?\d{3,}|\d{2}-?\d{4}|\d{4}-[a-z]{2}", 35),
        (r"^\w+$", 25),
        (r"(?:\w+ ){4,}", 15),
    ],
    ids=["sizes", "part numbers", "one word", "a shopper's own words"],
)
def test_kinds_of_queries(kind: str, least: int) -> None:
    for name, share in (("train", 1.0), ("test", 0.4)):
        assert sum(bool(re.search(kind, term)) for term in column(name, "search_term")) >= share * least


def test_accessories_share_the_words_of_the_wrong_product() -> None:
    texts = {row["product_uid"]: words(row["product_title"]) for row in rows("train")}
    irrelevant = [row for row in rows("train") if row["relevance"] == "1"]
    wrong = {row["search_term"] for row in irrelevant if words(row["search_term"]) <= texts[row["product_uid"]]}
    assert len(wrong) >= 10

"""The committed sample holds what it promises."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

from relevance.datasets import Source, load, load_pairs

SAMPLE = Path(__file__).resolve().parents[2] / "fixtures" / "sample"
COLUMNS = {
    "attributes": "product_uid name value",
    "product_descriptions": "product_uid product_description",
    "solution": "id relevance Usage",
    "test": "id product_uid product_title search_term",
    "train": "id product_uid product_title search_term relevance",
}


@cache
def _rows(name: str) -> tuple[dict[str, str], ...]:
    with (SAMPLE / f"{name}.csv").open(encoding="latin-1", newline="") as file:
        return tuple(csv.DictReader(file))


def _distinct(name: str, column: str) -> set[str]:
    return {row[column] for row in _rows(name)}


def _descriptions() -> dict[str, str]:
    return {row["product_uid"]: row["product_description"] for row in _rows("product_descriptions")}


def test_layout() -> None:
    for name, columns in COLUMNS.items():
        content = (SAMPLE / f"{name}.csv").read_bytes()
        assert content.startswith(b",".join(b'"%b"' % column.encode() for column in columns.split()) + b"\n")
        assert b"\r" not in content


def test_judgments() -> None:
    grades: dict[str, dict[str, int]] = defaultdict(dict)
    titles: dict[str, set[str]] = defaultdict(set)
    for row in _rows("train"):
        grade = round(float(row["relevance"])) - 1
        assert grades[row["search_term"]].setdefault(row["product_uid"], grade) == grade
        titles[row["product_uid"]].add(row["product_title"])
    rated = [list(of_query.values()) for of_query in grades.values()]
    assert 570 <= len(titles) <= 650
    assert len(rated) >= 150
    assert min(map(len, rated)) >= 20
    assert 3_000 <= sum(map(len, rated)) < len(_rows("train"))
    assert min(map(max, rated)) >= 1
    assert sum(max(of_query) == 2 for of_query in rated) >= 0.95 * len(rated)
    assert min(of_query.count(0) for of_query in rated) >= 2
    assert 2 <= sum(len(of_product) == 2 for of_product in titles.values()) <= 4
    values = Counter(row["relevance"] for row in _rows("train"))
    assert set(values) == {"1", "1.33", "1.67", "2", "2.33", "2.67", "3"}
    assert min(values.values()) >= 100


def test_fine_tuning_pairs_ask_other_queries() -> None:
    relevances = Counter(row["relevance"] for row in _rows("solution"))
    assert [row["id"] for row in _rows("test")] == [row["id"] for row in _rows("solution")]
    assert relevances["3"] >= 400
    assert sum(relevances[value] for value in ("1", "2", "2.33", "2.67")) >= 400
    assert {row["relevance"] for row in _rows("solution") if row["Usage"] == "Ignored"} == {"-1"}
    train, test = (
        {" ".join(term.casefold().split()) for term in _distinct(name, "search_term")} for name in ("train", "test")
    )
    assert not train & test
    assert len(_distinct("test", "product_uid") - _distinct("train", "product_uid")) >= 100


def test_products_without_texts() -> None:
    indexed = _distinct("train", "product_uid")
    assert round(1 - len(_distinct("attributes", "product_uid") & indexed) / len(indexed), 2) == 0.31
    assert 0.05 <= 1 - len(_descriptions().keys() & indexed) / len(indexed) <= 0.08
    rows = _rows("attributes")
    assert sum(not any(row.values()) for row in rows) >= 10
    assert sum(bool(row["name"]) and not row["value"] for row in rows) >= 20
    assert min(Counter(row["product_uid"] for row in rows if row["value"]).values()) >= 3


def test_blemishes_and_spellings_of_real_texts() -> None:
    for pattern, least in (
        (r"[a-z]\.[A-Z0-9]", 100),
        (r"<br\s*/?>|&lt;br", 30),
        (r"&amp;", 30),
        (r"\n", 10),
        ('"', 10),
    ):
        assert sum(bool(re.search(pattern, text)) for text in _descriptions().values()) >= least, pattern
    titles = " | ".join(_distinct("train", "product_title"))
    assert set("éüñ°®½öÉ") <= set(titles + "".join(_descriptions().values()))
    assert all(form in titles for form in ("1/2 in.", "1/2-Inch", '1/2"', "½ in."))
    assert {"1/2 in", "0.5 in", "1/2 in (13 mm)"} <= _distinct("attributes", "value")


def test_kinds_of_queries() -> None:
    kinds = {
        r"\d+(?: ?inch| ?in|\"| ?mm| ?cm| ?ft| ?foot|'| ?v| ?w| volt| watt)\b|\d[\"']": 15,
        r"(?i)[a-z]+-?\d{3,}|\d{2}-?\d{4}|\d{4}-[a-z]{2}": 35,
        r"^\w+$": 25,
        r"(?:\w+ ){4,}": 15,
    }
    for name, share in (("train", 1.0), ("test", 0.4)):
        for pattern, least in kinds.items():
            found = sum(bool(re.search(pattern, term)) for term in _distinct(name, "search_term"))
            assert found >= share * least, (name, pattern)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def test_accessories_share_the_words_of_the_wrong_product() -> None:
    titles = {row["product_uid"]: _words(row["product_title"]) for row in _rows("train")}
    words = {uid: of_title | _words(_descriptions().get(uid, "")) for uid, of_title in titles.items()}
    for row in _rows("attributes"):
        words.get(row["product_uid"], set()).update(_words(f"{row['name']} {row['value']}"))
    irrelevant = [(row["search_term"], row["product_uid"]) for row in _rows("train") if row["relevance"] == "1"]
    for texts, least in ((words, 20), (titles, 10)):
        assert len({term for term, uid in irrelevant if _words(term) <= texts[uid]}) >= least


def test_it_loads() -> None:
    sample = load(Source("sample", "sample"))
    assert set(sample.catalogue.ids) == _distinct("train", "product_uid")
    assert set(sample.queries.texts) == _distinct("train", "search_term")
    assert (load_pairs(Source("sample", "sample"))["relevance"] == 3).sum() >= 400

"""The committed sample: made again it is the same, and it holds what it promises."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from collections import Counter, defaultdict
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from relevance.datasets import Source, load, load_pairs

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
SAMPLE = FIXTURES / "sample"
NAMES = ["attributes.csv", "product_descriptions.csv", "solution.csv", "test.csv", "train.csv"]


@cache
def _rows(name: str) -> tuple[dict[str, str], ...]:
    with (SAMPLE / f"{name}.csv").open(encoding="latin-1", newline="") as file:
        return tuple(csv.DictReader(file))


def _descriptions() -> dict[str, str]:
    return {row["product_uid"]: row["product_description"] for row in _rows("product_descriptions")}


def _indexed() -> set[str]:
    return {row["product_uid"] for row in _rows("train")}


def _terms(name: str) -> set[str]:
    return {row["search_term"] for row in _rows(name)}


def _normalised(texts: set[str]) -> set[str]:
    return {" ".join(text.casefold().split()) for text in texts}


def _make(folder: Path, *options: str) -> dict[str, bytes]:
    command = [sys.executable, str(FIXTURES / "make_sample.py"), "--out", str(folder), *options]
    subprocess.run(command, check=True)  # noqa: S603 - a script of ours
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_made_again_it_is_the_same(tmp_path: Path) -> None:
    """The script writes the committed bytes, and nothing else into the folder; another seed writes others."""
    again = _make(tmp_path / "again")
    assert sorted(again) == NAMES
    for name, content in again.items():
        assert content == (SAMPLE / name).read_bytes(), f"{name} differs: run fixtures/make_sample.py"
    assert _make(tmp_path / "other", "--seed", "1")["train.csv"] != again["train.csv"]


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("train", "id product_uid product_title search_term relevance"),
        ("test", "id product_uid product_title search_term"),
        ("solution", "id relevance Usage"),
        ("product_descriptions", "product_uid product_description"),
        ("attributes", "product_uid name value"),
    ],
)
def test_layout(name: str, columns: str) -> None:
    """Columns as in the Home Depot files; text in quotes and no carriage return."""
    content = (SAMPLE / f"{name}.csv").read_bytes()
    header = ",".join(f'"{column}"' for column in columns.split())
    assert content.startswith(header.encode() + b"\n")
    assert b"\r" not in content


def test_sizes() -> None:
    """About 600 products, 150 or more queries with 20 or more judgments each, 3,000 or more in all."""
    pairs = {(row["search_term"], row["product_uid"]) for row in _rows("train")}
    per_query = Counter(term for term, _ in pairs)
    assert 570 <= len(_indexed()) <= 650
    assert len(per_query) >= 150
    assert len(pairs) >= 3_000
    assert min(per_query.values()) >= 20


def test_every_query_has_a_best_product() -> None:
    """No query is without a product of grade 1 or 2, and most have several that are irrelevant."""
    grades = defaultdict(list)
    for row in _rows("train"):
        grades[row["search_term"]].append(round(float(row["relevance"])) - 1)
    assert min(map(max, grades.values())) >= 1
    assert sum(max(of_query) == 2 for of_query in grades.values()) >= 0.95 * len(grades)
    assert min(of_query.count(0) for of_query in grades.values()) >= 2


def test_relevance_is_a_mean_of_three() -> None:
    """Relevance has the seven values of three raters, each of them often."""
    values = Counter(row["relevance"] for row in _rows("train"))
    assert set(values) == {"1", "1.33", "1.67", "2", "2.33", "2.67", "3"}
    assert min(values.values()) >= 100


def test_fine_tuning_pairs_ask_other_queries() -> None:
    """400 or more pairs are rated 3; none of their queries is evaluated, whatever its case and white space."""
    solution = {row["id"]: row for row in _rows("solution")}
    assert [row["id"] for row in _rows("test")] == list(solution)
    relevances = Counter(row["relevance"] for row in solution.values())
    assert relevances["3"] >= 400
    assert sum(relevances[value] for value in ("1", "2", "2.33", "2.67")) >= 400
    ignored = {row["relevance"] for row in solution.values() if row["Usage"] == "Ignored"}
    assert ignored == {"-1"}
    assert {row["Usage"] for row in solution.values()} == {"Ignored", "Private", "Public"}
    assert not _normalised(_terms("train")) & _normalised(_terms("test"))


def test_fine_tuning_names_products_that_are_not_indexed() -> None:
    """As in the real files some pairs name products that train.csv does not."""
    others = {row["product_uid"] for row in _rows("test")} - _indexed()
    assert len(others) >= 100


def test_products_without_texts() -> None:
    """31% of the indexed products have no attributes, 5 to 8% no description."""
    indexed = _indexed()
    with_attributes = {row["product_uid"] for row in _rows("attributes")} & indexed
    described = set(_descriptions()) & indexed
    assert round(1 - len(with_attributes) / len(indexed), 2) == 0.31
    assert 0.05 <= 1 - len(described) / len(indexed) <= 0.08


def test_attributes_have_blank_rows_and_null_values() -> None:
    """Blank rows and empty values occur; a product that has attributes has some that are not empty."""
    rows = _rows("attributes")
    assert sum(not any(row.values()) for row in rows) >= 10
    assert sum(bool(row["name"]) and not row["value"] for row in rows) >= 20
    per_product = Counter(row["product_uid"] for row in rows if row["value"])
    assert min(per_product.values()) >= 3


def test_two_titles_and_repeated_judgments() -> None:
    """A few products have two titles, the first of which counts, and a few judgments stand there twice."""
    titles: dict[str, set[str]] = defaultdict(set)
    pairs: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in _rows("train"):
        titles[row["product_uid"]].add(row["product_title"])
        pairs[row["product_uid"], row["search_term"]].append(row["relevance"])
    assert 2 <= sum(len(of_product) == 2 for of_product in titles.values()) <= 4
    repeated = [values for values in pairs.values() if len(values) > 1]
    assert repeated
    assert all(len(set(values)) == 1 for values in repeated)
    ids = [int(row["id"]) for row in _rows("train")]
    assert all(left < right for left, right in pairwise(ids))


@pytest.mark.parametrize(
    ("pattern", "at_least"),
    [
        (r"[a-z]\.[A-Z0-9]", 100),  # run-together sentences
        (r"<br\s*/?>|&lt;br", 30),  # remnants of HTML
        (r"&amp;", 30),
        (r"\n", 10),
        (r'"', 10),
    ],
)
def test_blemishes_of_descriptions(pattern: str, at_least: int) -> None:
    """Descriptions have the blemishes of real ones, each in a good number of products."""
    assert sum(bool(re.search(pattern, text)) for text in _descriptions().values()) >= at_least


@pytest.mark.parametrize("letter", list("éüñ°®½öÉ"))
def test_letters_beyond_ascii(letter: str) -> None:
    """Titles and descriptions hold letters and signs that Latin-1 has and ASCII has not."""
    texts = [*(row["product_title"] for row in _rows("train")), *_descriptions().values()]
    assert any(letter in text for text in texts)


def test_sizes_are_written_in_several_ways() -> None:
    """The same length stands as `1/2 in.`, `1/2-Inch`, `1/2"` and `½ in.`, in data sheets as `0.5 in` and `13 mm`."""
    titles = " | ".join({row["product_title"] for row in _rows("train")})
    values = {row["value"] for row in _rows("attributes")}
    for form in ("1/2 in.", "1/2-Inch", '1/2"', "½ in."):
        assert form in titles, form
    assert {"1/2 in", "0.5 in", "1/2 in (13 mm)"} <= values


@pytest.mark.parametrize(
    ("pattern", "at_least"),
    [
        (r"\d+(?: ?inch| ?in|\"| ?mm| ?cm| ?ft| ?foot|'| ?v| ?w| volt| watt)\b|\d[\"']", 15),  # sizes and units
        (r"(?i)[a-z]+-?\d{3,}|\d{2}-?\d{4}|\d{4}-[a-z]{2}", 35),  # part numbers
        (r"^\w+$", 25),  # one word
        (r"(?:\w+ ){4,}", 15),  # the need in a shopper's words
    ],
)
def test_kinds_of_queries(pattern: str, at_least: int) -> None:
    """Both evaluated queries and those for fine-tuning are a mixture of kinds."""
    for name, share in (("train", 1.0), ("test", 0.4)):
        assert sum(bool(re.search(pattern, term)) for term in _terms(name)) >= share * at_least, name


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def test_accessories_share_the_words_of_the_wrong_product() -> None:
    """For 20 queries or more an irrelevant product holds every word of the query, for 10 or more in its title."""
    titles = {row["product_uid"]: _words(row["product_title"]) for row in _rows("train")}
    words = {uid: set(of_title) for uid, of_title in titles.items()}
    for uid in words.keys() & _descriptions().keys():
        words[uid] |= _words(_descriptions()[uid])
    for row in _rows("attributes"):
        if row["product_uid"] in words:
            words[row["product_uid"]] |= _words(f"{row['name']} {row['value']}")
    for texts, at_least in ((words, 20), (titles, 10)):
        irrelevant = [(row["search_term"], row["product_uid"]) for row in _rows("train") if row["relevance"] == "1"]
        misled = {term for term, uid in irrelevant if _words(term) <= texts[uid]}
        assert len(misled) >= at_least


def test_it_loads() -> None:
    """The loader takes it as it is, and settles by rule what the real files hold as well."""
    sample = load(Source("sample", "sample"))
    assert sample.name == "sample"
    assert set(sample.catalogue.ids) == _indexed()
    assert set(sample.queries.texts) == _terms("train")
    pairs = load_pairs(Source("sample", "sample"))
    assert (pairs["relevance"] == 3).sum() >= 400

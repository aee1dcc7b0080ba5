"""Weights and tags of queries beside a data set of any format, and in the formats that have a place for them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from helpers.datasets import BEIR, CHORUS, HOMEDEPOT, SHOP, WANDS, load, refusal, write

from relevance.datasets.tables import query_id

MARKS = "queries.overlay.csv"
QRELS = BEIR["qrels/test.tsv"] + b"2\td1\t1\n"
BEIR_QUERIES = b"""{"_id": "1", "text": "what", "metadata": {"weight": 12, "tags": ["b", "a"], "url": "x"}}
{"_id": 2, "text": "which"}
"""
OWN = {"queries.tsv": b"id\ttext\tweight\ttags\nq1\tshelf\t5\ta\nq2\tmug\t\tb\n"}


@pytest.mark.parametrize(
    ("name", "files", "marks", "weights", "tags"),
    [
        ("beir", {**BEIR, "queries.jsonl": BEIR_QUERIES, "qrels/test.tsv": QRELS}, "", {"what": 12}, {"what": "ab"}),
        ("beir", {**BEIR, "qrels/test.tsv": QRELS}, "query,weight\n2,0\n", {"which": 0}, {}),
        ("homedepot", HOMEDEPOT, "query,weight,tags\nshelf,7,x|y\n", {"shelf": 7}, {"shelf": "xy"}),
        ("homedepot", HOMEDEPOT, f"tags;query\nx;{query_id('bracket')}\n", {}, {"bracket": "x"}),
        ("wands", WANDS, 'query\ttags\n"12"" seat"\tz\n', {}, {'12" seat': "z"}),
        ("chorus", CHORUS, "query,weight\nmug,0.5\nthé,\n", {"mug": 0.5}, {}),
        # what it says comes first, an empty cell too; a column that it lacks stays as it is
        ("files", {**SHOP, **OWN}, "query,weight\nq1,\nq2,3\n", {"mug": 3}, {"shelf": "a", "mug": "b"}),
        ("files", {**SHOP, **OWN}, "query,tags\nq1,\n", {"shelf": 5}, {"mug": "b"}),
    ],
)
def test_weights_and_tags_of_a_format(  # noqa: PLR0913, PLR0917 - a row of the table
    tmp_path: Path, name: str, files: Mapping[str, bytes], marks: str, weights: Any, tags: Any
) -> None:
    queries = load(name, write(tmp_path, {**files, **({MARKS: marks.encode()} if marks else {})})).queries
    assert {text: one for text, one in zip(queries.texts, queries.weights, strict=False) if one != 1} == weights
    assert {text: "".join(one) for text, one in zip(queries.texts, queries.tags, strict=False) if one} == tags


def test_what_it_says_is_noted(tmp_path: Path) -> None:
    marks = b"query,weight,tags\nq1,2,x\nq8,3,\nthe mug,1,\n"
    assert load("files", write(tmp_path, {**SHOP, MARKS: marks})).notes == (
        f"{MARKS}: weight and tags of 1 query",
        f"{MARKS}: 2 rows name queries that are gone, and do not count",
    )


@pytest.mark.parametrize(
    ("marks", "line"),
    [
        ("query\nq1\n", "line 1: found columns 'query'; allowed: query, and weight or tags or both"),
        ("query,weight,brand\nq1,1,x\n", "line 1: found columns 'query, weight, brand'"),
        ("query,weight\nq1,-1\n", "line 2, column weight: found '-1'; allowed: a number from 0 to"),
        ("query,tags\nq1,[3]\n", "line 2, column tags: found '[3]'; allowed: tags separated by |"),
        ("query,weight\nq1,1\nshelf,2\n", "line 3, column query: found 'shelf'; allowed: each query once"),
        ("query,weight\nshelf,1\n", "line 2, column query: found 'shelf'; allowed: ids where several queries have"),
        ("query,weight\nq1,0\nq2,0\n", f"{MARKS}: every judged query has a weight of 0; allowed: one at least"),
    ],
)
def test_what_is_refused(tmp_path: Path, marks: str, line: str) -> None:
    twins = {"queries.tsv": b"q1\tshelf\nq2\tshelf\n"} if "several" in line else {}
    assert line in refusal("files", write(tmp_path, {**SHOP, **twins, MARKS: marks.encode()}))


def test_a_weight_of_another_kind_in_metadata_is_refused(tmp_path: Path) -> None:
    queries = BEIR_QUERIES.replace(b"12", b'"many"')
    line = refusal("beir", write(tmp_path, {**BEIR, "queries.jsonl": queries}))
    assert "queries.jsonl, line 1, key 'weight': found 'many'; allowed: a number from 0 to" in line

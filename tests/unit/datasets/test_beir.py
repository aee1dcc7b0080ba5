"""The layout of BEIR: what its files become, and what is wrong with them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from written import load

from relevance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BEIR: Mapping[str, bytes] = {
    "corpus.jsonl": b'{"_id": "d2", "title": "", "text": "two", "metadata": {"url": "x", "tags": ["a", "b"]}}\n'
    b'{"_id": "d1", "title": "one", "text": "first"}\n',
    "queries.jsonl": b'{"_id": "1", "text": "what", "metadata": {}}\n{"_id": 2, "text": "which"}\n',
    "qrels/test.tsv": b"query-id\tcorpus-id\tscore\n1\td2\t2\n1\td1\t0\n",
}


def _write(folder: Path, files: Mapping[str, bytes | None]) -> Path:
    (folder / "qrels").mkdir()
    for name, content in files.items():
        if content is not None:
            (folder / name).write_bytes(content)
    return folder


def test_documents_queries_and_judgments(tmp_path: Path) -> None:
    """Title and text are a product's, metadata its attributes; queries of other splits are left out."""
    dataset = load("beir", _write(tmp_path, BEIR))
    assert dataset.catalogue.products.to_numpy().tolist() == [["d1", "one", "first"], ["d2", "", "two"]]
    assert dataset.catalogue.attributes.to_numpy().tolist() == [[1, "url", "x"], [1, "tags", "a"], [1, "tags", "b"]]
    assert (dataset.queries.ids, dataset.queries.texts) == (("1",), ("what",))
    assert dataset.judgments.grades.tolist() == [0, 2]
    assert dataset.notes == ("queries.jsonl: 1 query without judgments is left out",)


def test_the_test_split_counts(tmp_path: Path) -> None:
    """Of several splits it is test.tsv; a single one may have any name."""
    train = b"query-id\tcorpus-id\tscore\n2\td1\t1\n"
    assert load("beir", _write(tmp_path, {**BEIR, "qrels/train.tsv": train})).queries.texts == ("what",)
    (tmp_path / "qrels" / "test.tsv").unlink()
    assert load("beir", tmp_path).queries.texts == ("which",)


def test_documents_that_are_gone(tmp_path: Path) -> None:
    """They are dropped where that is asked for, and the lowest relevant grade is a setting."""
    rated = BEIR["qrels/test.tsv"] + b"2\td9\t1\n"
    dataset = load(
        "beir", _write(tmp_path, {**BEIR, "qrels/test.tsv": rated}), unknown_products="drop", relevant_from=2
    )
    assert dataset.judgments.relevant_from == 2
    assert dataset.notes == (
        "test.tsv: 1 judgment of 1 product that is gone is dropped",
        "test.tsv: 1 query loses all its judgments and is dropped",
    )


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        ({"corpus.jsonl": None}, "{dir} has no corpus.jsonl; corpus.jsonl is needed, plain or as .zip"),
        (
            {"qrels/test.tsv": None},
            "{dir}/qrels has no file .tsv; allowed: test.tsv among others, or one file .tsv",
        ),
        (
            {"qrels/test.tsv": None, "qrels/dev.tsv": b"", "qrels/train.tsv": b""},
            "{dir}/qrels has dev.tsv, train.tsv; allowed: test.tsv among others, or one file .tsv",
        ),
        (
            {"qrels/test.tsv": b"1\td1\t0\n"},
            (
                "{dir}/qrels/test.tsv, line 1: found columns '1, d1, 0';"
                " expected: query-id, corpus-id, score, separated by tabs"
            ),
        ),
        (
            {"qrels/test.tsv": b"query-id\tcorpus-id\tscore\n1\td1\t0.5\n"},
            (
                "{dir}/qrels/test.tsv, line 2, column score: found '0.5'; allowed: a whole number of 0 or more,"
                " or words that each have a grade in gains"
            ),
        ),
        (
            {"qrels/test.tsv": b"query-id\tcorpus-id\tscore\n9\td1\t1\n"},
            (
                "{dir}/qrels/test.tsv, line 2, column query-id: found '9';"
                " allowed: the id of one of the 2 queries of queries.jsonl"
            ),
        ),
        (
            {"queries.jsonl": b'{"_id": "1", "text": "a"}\n{"_id": 1, "text": "b"}\n'},
            "{dir}/queries.jsonl, line 2, _id: found '1' again (line 1); allowed: an id once",
        ),
        (
            {"queries.jsonl": b'{"_id": "1", "text": " "}\n'},
            "{dir}/queries.jsonl, line 1, key 'text': found ' '; allowed: a query that is not only white space",
        ),
        (
            {"corpus.jsonl": b'{"id": "d1", "text": "a"}\n'},
            (
                "{dir}/corpus.jsonl, line 1, key '_id': found nothing; allowed: an id: one or more printable characters"
                " without white space, or a whole number"
            ),
        ),
        ({"corpus.jsonl": b"\n"}, "{dir}/corpus.jsonl, line 1: found no document; allowed: one or more"),
    ],
)
def test_bad_files(tmp_path: Path, bad: Mapping[str, bytes | None], expected: str) -> None:
    """One line names the file, the line and what is allowed."""
    with pytest.raises(InputError) as caught:
        load("beir", _write(tmp_path, {**BEIR, **bad}))
    assert str(caught.value).replace(str(tmp_path), "{dir}") == expected


def test_no_folder_of_qrels(tmp_path: Path) -> None:
    """A folder that is missing is named."""
    (tmp_path / "corpus.jsonl").write_text(json.dumps({"_id": "1", "text": ""}))
    (tmp_path / "queries.jsonl").write_text(json.dumps({"_id": "1", "text": "q"}))
    with pytest.raises(InputError, match=r"/qrels cannot be read: No such file or directory$"):
        load("beir", tmp_path)

"""The mistakes of a newcomer with files of their own, and the one line that they see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from test_own_files import SHOP
from written import load, load_pairs, write

from relevance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

GONE = b"(no such file)"
AN_ID = "an id: one or more printable characters without white space"
GRADE = "a whole number of 0 or more, or words that each have a grade in gains"
ONE_OBJECT = "allowed: one JSON object a line"
NO_JSONL = {"products.jsonl": GONE}
NO_QRELS = {"qrels.txt": GONE}
BY_TEXT = {"qrels.txt": GONE, "queries.tsv": GONE}
QUOTING = 'allowed: CSV, fields in "quotes", a quote inside as ""'

Mistake = tuple["Mapping[str, bytes]", str]

PRODUCTS: Mapping[str, Mistake] = {
    "no products": (
        NO_JSONL,
        (
            "{dir} has no products.jsonl and no products.csv; one of products.jsonl and products.csv is needed,"
            " plain or as .zip"
        ),
    ),
    "products in both formats": (
        {"products.csv": b"id,title\n1,a\n"},
        "{dir} has products.jsonl and products.csv; only one of products.jsonl and products.csv may be there",
    ),
    "wrong column name": (
        {**NO_JSONL, "products.csv": b"id,name,description\n1,mug,\n"},
        (
            "{dir}/products.csv, line 1: found columns 'id, name, description'; needed: id, title;"
            " optional: description, attr_*; separated by commas"
        ),
    ),
    "semicolons for commas": (
        {**NO_JSONL, "products.csv": b"id;title;description\n1;mug;\n"},
        (
            "{dir}/products.csv, line 1: found columns 'id;title;description'; needed: id, title;"
            " optional: description, attr_*; separated by commas"
        ),
    ),
    "column twice": (
        {**NO_JSONL, "products.csv": b"id,title,title\n1,mug,cup\n"},
        "{dir}/products.csv, line 1: found the column 'title' twice; allowed: once",
    ),
    "comma in a title without quotes": (
        {**NO_JSONL, "products.csv": b"id,title\n7,mug\n2,mug, blue\n"},
        "{dir}/products.csv, line 3: found 3 fields; allowed: 2, as in the header",
    ),
    "inch marks without quotes": (
        {**NO_JSONL, "products.csv": b'id,title\n7,"shelf 12" wide"\n'},
        f"{{dir}}/products.csv, line 2: ',' expected after '\"'; {QUOTING}",
    ),
    "empty file": (
        {**NO_JSONL, "products.csv": b""},
        "{dir}/products.csv is empty or begins with an empty line; allowed: a line of column names",
    ),
    "header only": (
        {**NO_JSONL, "products.csv": b"id,title\n"},
        "{dir}/products.csv, line 1: found no product; allowed: one or more",
    ),
    "Latin-1": (
        {**NO_JSONL, "products.csv": b"id,title\n7,caf\xe9\n"},
        "{dir}/products.csv, line 2: found byte 0xe9, which is not UTF-8; allowed: UTF-8 text",
    ),
    "UTF-16 of a spreadsheet": (
        {**NO_JSONL, "products.csv": "id,title\n7,mug\n".encode("utf-16")},
        "{dir}/products.csv begins with the byte order mark of UTF-16; allowed: UTF-8",
    ),
    "a JSON list": (
        {"products.jsonl": b'[\n{"id": "7", "title": "mug"}\n]\n'},
        f"{{dir}}/products.jsonl, line 1: found the start of a list; {ONE_OBJECT}",
    ),
    "a JSON list on one line": (
        {"products.jsonl": b'[{"id": "7", "title": "mug"}]\n'},
        f"{{dir}}/products.jsonl, line 1: found a list; {ONE_OBJECT}",
    ),
    "an object over several lines": (
        {"products.jsonl": b'{"id": "7",\n "title": "mug"}\n'},
        f"{{dir}}/products.jsonl, line 1, column 12: Expecting property name enclosed in double quotes; {ONE_OBJECT}",
    ),
    "comma behind an object": (
        {"products.jsonl": b'{"id": "7", "title": "mug"},\n'},
        f"{{dir}}/products.jsonl, line 1, column 28: Extra data; {ONE_OBJECT}",
    ),
    "title missing": (
        {"products.jsonl": b'{"id": "7", "title": "a"}\n\n{"id": "8", "name": "b"}\n'},
        "{dir}/products.jsonl, line 3, key 'title': found nothing; allowed: text",
    ),
    "id a decimal number": (
        {"products.jsonl": b'{"id": 7.0, "title": "a"}\n'},
        f"{{dir}}/products.jsonl, line 1, key 'id': found the number 7.0; allowed: {AN_ID}, or a whole number",
    ),
    "id with a space": (
        {"products.jsonl": b'{"id": "7 b", "title": "a"}\n'},
        f"{{dir}}/products.jsonl, line 1, key 'id': found '7 b'; allowed: {AN_ID}, or a whole number",
    ),
    "id a number here and text there": (
        {"products.jsonl": b'{"id": 7, "title": "a"}\n{"id": "7", "title": "a"}\n'},
        "{dir}/products.jsonl, line 2, id: found '7' again (line 1); allowed: an id once",
    ),
    "id twice": (
        {**NO_JSONL, "products.csv": b"id,title\n7,a\n8,b\n7,c\n"},
        "{dir}/products.csv, line 4, id: found '7' again (line 2); allowed: an id once",
    ),
    "empty id": (
        {**NO_JSONL, "products.csv": b"id,title\n,a\n"},
        f"{{dir}}/products.csv, line 2, column id: found ''; allowed: {AN_ID}",
    ),
    "description a number": (
        {"products.jsonl": b'{"id": 7, "title": "a", "description": 5}\n'},
        "{dir}/products.jsonl, line 1, key 'description': found the number 5; allowed: text",
    ),
    "attributes a list": (
        {"products.jsonl": b'{"id": 7, "title": "a", "attributes": [["red"]]}\n'},
        "{dir}/products.jsonl, line 1, key 'attributes': found a list; allowed: an object of names and values",
    ),
    "attributes nested": (
        {"products.jsonl": b'{"id": 7, "title": "a", "attributes": {"size": {"cm": 3}}}\n'},
        (
            "{dir}/products.jsonl, line 1, key 'attributes.size': found an object;"
            " allowed: text, a number, true, false, or a list of them"
        ),
    ),
    "attribute twice": (
        {"products.jsonl": b'{"id": 7, "title": "a", "attributes": {"a": 1, "a": 2}}\n'},
        f"{{dir}}/products.jsonl, line 1: found the key 'a' twice in one object; {ONE_OBJECT}",
    ),
    "not a number": (
        {"products.jsonl": b'{"id": 7, "title": "a", "attributes": {"a": NaN}}\n'},
        f"{{dir}}/products.jsonl, line 1: found NaN, which is no JSON; {ONE_OBJECT}",
    ),
    "lone surrogate": (
        {"products.jsonl": b'{"id": 7, "title": "a\\ud800"}\n'},
        "{dir}/products.jsonl, line 1: found '\\ud800'; allowed: Unicode characters, no lone surrogate",
    ),
}

QUERIES: Mapping[str, Mistake] = {
    "comma for tab": (
        {"queries.tsv": b"q1\tshelf\nq2,mug\n"},
        "{dir}/queries.tsv, line 2: found 1 column in 'q2,mug\\n'; allowed: id, text, separated by tabs",
    ),
    "a header": (
        {"queries.tsv": b"query_id\tquery\nq1\tshelf\n"},
        "{dir}/queries.tsv, line 1: found a header (query_id, query); allowed: queries from the first line on",
    ),
    "three columns": (
        {"queries.tsv": b"q1\tshelf\t5\n"},
        "{dir}/queries.tsv, line 1: found 3 columns in 'q1\\tshelf\\t5\\n'; allowed: id, text, separated by tabs",
    ),
    "query listed twice": (
        {"queries.tsv": b"q1\tshelf\nq2\tmug\nq1\tshelf\n"},
        "{dir}/queries.tsv, line 3, id: found 'q1' again (line 1); allowed: an id once",
    ),
    "text and id the wrong way round": (
        {"queries.tsv": b"oak shelf\tq1\n"},
        f"{{dir}}/queries.tsv, line 1, id: found 'oak shelf'; allowed: {AN_ID}",
    ),
    "empty query": (
        {"queries.tsv": b"q1\t \n"},
        "{dir}/queries.tsv, line 1, text: found ' '; allowed: a query that is not only white space",
    ),
}

JUDGMENTS: Mapping[str, Mistake] = {
    "no judgments": (
        NO_QRELS,
        "{dir} has no qrels.txt and no judgments.csv; one of qrels.txt and judgments.csv is needed, plain or as .zip",
    ),
    "qrels with five columns": (
        {"qrels.txt": b"q1 0 p2 2\nq1 0 7 1 x\n"},
        (
            "{dir}/qrels.txt, line 2: found 5 columns in 'q1 0 7 1 x\\n';"
            " allowed: query, 0, product, grade, separated by white space"
        ),
    ),
    "qrels with commas": (
        {"qrels.txt": b"q1,0,p2,2\n"},
        (
            "{dir}/qrels.txt, line 1: found 1 column in 'q1,0,p2,2\\n';"
            " allowed: query, 0, product, grade, separated by white space"
        ),
    ),
    "qrels without queries": (
        {"queries.tsv": GONE},
        "{dir}/qrels.txt, line 1: names queries by id, and there is no queries.tsv; queries.tsv is needed",
    ),
    "empty qrels": ({"qrels.txt": b"\n"}, "{dir}/qrels.txt has no rows; allowed: one row or more"),
    "unknown query": (
        {"qrels.txt": b"q1 0 p2 2\nq9 0 7 1\n"},
        "{dir}/qrels.txt, line 2, column query: found 'q9'; allowed: the id of one of the 2 queries of queries.tsv",
    ),
    "text where ids are": (
        {**NO_QRELS, "judgments.csv": b"query,product,grade\nshelf,p2,1\n"},
        (
            "{dir}/judgments.csv, line 2, column query: found 'shelf';"
            " allowed: the id of one of the 2 queries of queries.tsv"
        ),
    ),
    "unknown product": (
        {"qrels.txt": b"q1 0 P2 2\n"},
        (
            "{dir}/qrels.txt, line 1, column product: found 'P2';"
            " allowed: the id of a product of the data set, or unknown_products = drop"
        ),
    ),
    "grades as words": (
        {"qrels.txt": b"q1 0 p2 good\n"},
        f"{{dir}}/qrels.txt, line 1, column grade: found 'good'; allowed: {GRADE}",
    ),
    "negative grade": (
        {"qrels.txt": b"q1 0 p2 -1\n"},
        f"{{dir}}/qrels.txt, line 1, column grade: found '-1'; allowed: {GRADE}",
    ),
    "grade in halves": (
        {**BY_TEXT, "judgments.csv": b"query,product,grade\nshelf,p2,1.5\n"},
        f"{{dir}}/judgments.csv, line 2, column grade: found '1.5'; allowed: {GRADE}",
    ),
    "grade empty": (
        {**BY_TEXT, "judgments.csv": b"query,product,grade\nshelf,p2,\n"},
        f"{{dir}}/judgments.csv, line 2, column grade: found ''; allowed: {GRADE}",
    ),
    "judgments that disagree": (
        {"qrels.txt": b"q1 0 p2 2\n\nq1 0 p2 1\n"},
        (
            "{dir}/qrels.txt, lines 1 and 3, column grade: found '2' and '1' for the same query 'q1', product 'p2';"
            " allowed: one value"
        ),
    ),
    "wrong column of judgments": (
        {**BY_TEXT, "judgments.csv": b"query,product,score\nshelf,p2,1\n"},
        (
            "{dir}/judgments.csv, line 1: found columns 'query, product, score';"
            " expected: query, product, grade, separated by commas"
        ),
    ),
    "tabs for commas": (
        {**BY_TEXT, "judgments.csv": b"query\tproduct\tgrade\nshelf\tp2\t1\n"},
        (
            "{dir}/judgments.csv, line 1: found columns 'query\\tproduct\\tgrade';"
            " expected: query, product, grade, separated by commas"
        ),
    ),
    "two files of judgments": (
        {"judgments.csv": b"query,product,grade\nshelf,p2,1\n"},
        "{dir} has qrels.txt and judgments.csv; only one of qrels.txt and judgments.csv may be there",
    ),
    "empty query of a judgment": (
        {**BY_TEXT, "judgments.csv": b"query,product,grade\n ,p2,1\n"},
        (
            "{dir}/judgments.csv, line 2, column query: found ' ';"
            " allowed: a query of at least one character that is not white space"
        ),
    ),
}

SETTINGS: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "a column of ours that is none": (
        {"columns": {"titel": "name"}},
        (
            "data set 'files': columns: unknown column 'titel' (did you mean 'title'?);"
            " allowed: id, title, description, attributes"
        ),
    ),
    "a column that qrels.txt does not have": (
        {"columns": {"grade": "stars"}},
        "data set 'files': columns: unknown column 'grade'; allowed: id, title, description, attributes",
    ),
    "a key that no product has": (
        {"columns": {"title": "name"}},
        "{dir}/products.jsonl, line 1, key 'name': found nothing; allowed: text",
    ),
    "gains without the label": (
        {"gains": {"good": 2, "bad": 0}},
        "{dir}/qrels.txt, line 1, column grade: found '2'; allowed: good, bad",
    ),
}


def _folder(where: Path, bad: Mapping[str, bytes]) -> Path:
    files = {name: content for name, content in {**SHOP, **bad}.items() if content != GONE}
    return write(where, files)


def _line(folder: Path, **settings: object) -> str:
    with pytest.raises(InputError) as caught:
        load("files", folder, **settings)
    line = str(caught.value)
    assert "\n" not in line
    return line.replace(str(folder), "{dir}")


MISTAKES = {**PRODUCTS, **QUERIES, **JUDGMENTS}


@pytest.mark.parametrize(("bad", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_a_file(tmp_path: Path, bad: Mapping[str, bytes], expected: str) -> None:
    """One line says what was found, on which line of which file, and what is allowed."""
    assert _line(_folder(tmp_path, bad)) == expected


@pytest.mark.parametrize(("settings", "expected"), SETTINGS.values(), ids=SETTINGS)
def test_a_mistake_in_a_setting(tmp_path: Path, settings: Mapping[str, Any], expected: str) -> None:
    """A setting that does not fit the files is refused by name."""
    assert _line(_folder(tmp_path, {}), **settings) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            b"shelf p2 3\n",
            (
                "line 1: found 1 column in 'shelf p2 3\\n'; allowed: query, product, optionally relevance,"
                " separated by tabs"
            ),
        ),
        (b"shelf\tp2\t4\n", "line 1, column relevance: found '4'; allowed: a decimal number from 1 to 3, or nothing"),
        (
            b"\tp2\n",
            "line 1, column query: found ''; allowed: a query of at least one character that is not white space",
        ),
    ],
)
def test_a_mistake_in_the_pairs(tmp_path: Path, content: bytes, expected: str) -> None:
    """Pairs for fine-tuning are checked likewise."""
    folder = _folder(tmp_path, {"pairs.tsv": content})
    with pytest.raises(InputError) as caught:
        load_pairs("files", folder)
    assert str(caught.value) == f"{folder}/pairs.tsv, {expected}"

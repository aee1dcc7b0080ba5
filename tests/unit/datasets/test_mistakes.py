"""What is wrong with a data set is refused by one line: what was found, where, and what is allowed."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import pytest
from helpers.datasets import (
    ATTRIBUTES,
    BEIR,
    CHORUS,
    DESCRIPTIONS,
    HOMEDEPOT,
    RATINGS,
    SHOP,
    SOLUTION,
    TEST,
    TRAIN,
    WANDS,
    WANDS_HEADER,
    as_csv,
    as_json,
    as_zip,
    load,
    load_pairs,
    refusal,
    write,
)

from relevance import datasets
from relevance.config.reading import read_config
from relevance.datasets import Source
from relevance.errors import InputError

Files: TypeAlias = "Mapping[str, bytes | None]"
Bad: TypeAlias = "list[tuple[Files, str]]"

AN_ID = "allowed: an id: one or more printable characters without white space"
NO_NUMBER = "allowed: a number from 0 to 999,999,999, or words that each have a grade in gains"
SCALE = "allowed: a decimal number from 1 to 3"


def only(name: str, *gone: str) -> Callable[[bytes], Files]:
    """A file of that name, and none of these."""
    return lambda content: {**dict.fromkeys(gone), name: content}


_csv, _line = only("products.csv", "products.jsonl"), only("products.jsonl")
_texts, _qrels = only("queries.tsv"), only("qrels.txt")
_asked, _objects = only("queries.csv", "queries.tsv"), only("queries.jsonl", "queries.tsv")
_rows = only("judgments.csv", "qrels.txt", "queries.tsv")
_one = only("1.json")

OWN: Bad = [
    (_csv(b"id,name\n1,mug\n"), "line 1: found columns 'id, name'; needed: id, title; optional: description, attr_*"),
    (_csv(b"name\nmug\n"), "columns 'name'; needed: id, title; optional: description, attr_*; separated by commas"),
    (_csv(b"id;name\n1;mug\n"), "needed: id, title; optional: description, attr_*; separated by semicolons"),
    (_csv(b"id,title,title\n1,mug,cup\n"), "line 1: found the column 'title' twice; allowed: once"),
    (_csv(b"id,title\n,a\n"), f"products.csv, line 2, id: found ''; {AN_ID}"),
    (_csv(b"id,title\n"), "line 1: found no product; allowed: one or more"),
    (_line(b'[\n{"id": "7", "title": "mug"}\n]\n'), "line 1: found the start of a list; allowed: one JSON object a li"),
    (_line(b'{"id": "7",\n "title": "mug"}\n'), "line 1, column 12: Expecting property name enclosed in double quote"),
    (_line(b'{"id": 7.0, "title": "a"}\n'), f"line 1, key 'id': found the number 7.0; {AN_ID}, or a whole number"),
    (_line(b'{"id": "7 b", "title": "a"}\n'), "line 1, key 'id': found '7 b'"),
    (_line(b'{"id": 7, "title": "a"}\n\n{"id": "7", "title": "a"}\n'), "line 3, id: found '7' again (line 1); allowe"),
    (_line(b'{"id": 7, "title": "a", "description": 5}\n'), "key 'description': found the number 5; allowed: text"),
    (_line(b'{"id": 7, "title": "a", "attributes": [1]}\n'), "key 'attributes': found a list; allowed: an object of"),
    (_line(b'{"id": 7, "title": "a", "attributes": {"size": {"cm": 3}}}\n'), "key 'attributes.size': found an object"),
    (_line(b'{"id": 7, "title": "a", "attributes": {"a": 1, "a": 2}}\n'), "line 1: the key 'a' stands twice in one ob"),
    (_texts(b"q1\tshelf\nq2,mug\n"), "line 2: found 1 column in 'q2,mug\\n'; allowed: id, text, separated by tabs"),
    (_texts(b"q1\tshelf\t5\n"), "line 1: found 3 columns in 'q1\\tshelf\\t5\\n'"),
    (_texts(b"query_id\tquery\nq1\tshelf\n"), "line 1: found a header (query_id, query); allowed: queries from the fi"),
    (_texts(b"q1\tshelf\nq1\tshelf\n"), "line 2, id: found 'q1' again (line 1); allowed: an id once"),
    (_texts(b"q1\tshelf\tde\n"), "found 3 columns in 'q1\\tshelf\\tde\\n'; allowed: id, text, separated by tab"),
    (_texts(b"id\ttext\tstore id\nq1\tshelf\t5\n"), "line 1: found the column 'store id'; allowed: a name of let"),
    (_texts(b"id\ttext\tstore\tstore\n"), "queries.tsv, line 1: found the column 'store' twice; allowed: once"),
    (_texts(b"id\ttext\tgroups\nq1\tshelf\t[a, b]\n"), "line 2, groups: found '[a, b]'; allowed: text, or a JSON list"),
    ({"queries.csv": b"id,text\n"}, "has queries.tsv and queries.csv; only one of queries.tsv and queries.csv and"),
    (_asked(b"id,query\nq1,shelf\n"), "queries.csv, line 1: found columns 'id, query'; needed: id, text; others are p"),
    (_asked(b"id,text,a\nq1,shelf\n"), "queries.csv, line 2: found 2 fields; allowed: 3, as in the header"),
    (_objects(b'{"id": "q1", "text": "a", "params": [1]}\n'), "key 'params': found a list; allowed: an object of"),
    (_objects(b'{"id": "q1", "text": "a", "b": 1, "params": {"b": 1}}\n'), "key 'b': found the number 1; allowed: th"),
    (_objects(b'{"id": "q1", "text": "a", "b c": 1}\n'), "line 1: found the key 'b c'; allowed: a name of letters"),
    (_objects(b'{"id": "q1", "text": "a", "b": 1e999}\n'), "line 1, key 'b': the number 1e999 is out of range"),
    (_objects(b'{"id": "q1", "text": "a", "b": ' + b"[" * 30 + b"]" * 30 + b"}\n"), "'b': nested more than 20 deep"),
    (_asked(b"id,text,weight\nq1,shelf,-1\n"), "line 2, column weight: found '-1'; allowed: a number from 0 to 1e"),
    (_asked(b"id,text,weight\nq1,shelf,nan\n"), "line 2, column weight: found 'nan'; allowed: a number"),
    (_asked(b"id,text,weight\nq1,shelf,0\nq2,mug,0\n"), "every judged query has a weight of 0; allowed: one at least"),
    (_asked(b"id,text,tags\nq1,shelf," + b"x" * 61 + b"\n"), "line 2, column tags: found 'xxx"),
    (_objects(b'{"id": "q1", "text": "a", "weight": "3"}\n'), "key 'weight': found '3'; allowed: a number from 0 to"),
    (_objects(b'{"id": "q1", "text": "a", "tags": [3]}\n'), "key 'tags': found a list; allowed: tags separated by |"),
    (_texts(b"oak shelf\tq1\n"), f"queries.tsv, line 1, id: found 'oak shelf'; {AN_ID}"),
    (_texts(b"q1\t \n"), "queries.tsv, line 1, text: found ' '; allowed: a query that is not only white space"),
    ({"judgments.csv": b"query,product,grade\nshelf,p2,1\n"}, "has qrels.txt and judgments.csv; only one of qrels.txt"),
    ({"queries.tsv": None}, "qrels.txt, line 1: names queries by id, and there is no queries.tsv; queries.tsv is need"),
    (_qrels(b"q1,0,p2,2\n"), "found 1 column in 'q1,0,p2,2\\n'; allowed: query, 0, product, grade, separated by white"),
    (_qrels(b"\n"), "qrels.txt has no rows; allowed: one row or more"),
    (_qrels(b"q1 0 p2 2\nq9 0 7 1\n"), "line 2, column query: found 'q9'; allowed: the id of one of the 2 queries of "),
    (_qrels(b"q1 0 p2 1234567890\n"), f"column grade: found '1234567890'; {NO_NUMBER}"),
    (_qrels(b"q1 0 p2 1e-320\n"), "found '1e-320'; allowed: a number from 0 to 999,999,999 (an exponent of one or tw"),
    (_rows(b"query,product,grade\nshelf,p2,-1\n"), f"column grade: found '-1'; {NO_NUMBER}"),
    (_rows(b"query;product;grade\nshelf;p2;2,5\n"), "found '2,5'; allowed: a number from 0 to 999,999,999 (decimals w"),
    (_rows(b"query,product,grade\nshelf,p2,1\nshelf,p2,2\n"), "allowed: one value, or a column rater that names who g"),
    (_rows(b"query,product,grade,rater\nmug,7,1,bob\nmug,7,2,bob\n"), "lines 2 and 3, column grade: found '1' and '2'"),
    ({"qrels.txt": None, "queries.tsv": None, "case_1_judgements.csv": b"query,docid,rating\nx,,\nmug,7,A\n"},
     "case_1_judgements.csv, line 3, column rating: found 'A'"),
    (_rows(b"query,product,score\nshelf,p2,1\n"), "found columns 'query, product, score'; expected among them: query,"),
    (_rows(b"query,product,grade\n ,p2,1\n"), "line 2, column query: found ' '; allowed: a query of at least one"),
]  # fmt: skip
OWN_PAIRS: Bad = [
    ({"pairs.tsv": b"shelf p2 3\n"}, "in 'shelf p2 3\\n'; allowed: query text, product[, relevance], separated by"),
    ({"pairs.tsv": b"shelf\tp2\t4\n"}, "line 1, column relevance: found '4'; allowed: a number from 1 to 3, or noth"),
    ({"pairs.tsv": b"shelf\tp2\t0.9\n"}, "column relevance: found '0.9'"),
    ({"pairs.tsv": b"\tp2\n"}, "line 1, column query: found ''; allowed: a query of at least one character"),
    ({"pairs.tsv": b"a\tp2\nb\tx\n"}, "pairs.tsv, line 2, column product: found 'x'; allowed: the id of a product"),
    ({"pairs.tsv": b"\n"}, "pairs.tsv has no rows"),
]  # fmt: skip


def _train(*rows: tuple[object, ...]) -> Files:
    return {"train.csv": as_csv(TRAIN, rows)}


ROW = (1, "p", "t", "q", 3)
HOME: Bad = [
    ({"train.csv": None}, "has no train.csv; train.csv is needed"),
    ({"train.csv.zip": as_zip("train.csv", b"")}, "has both train.csv and train.csv.zip; only one"),
    ({"train.csv": b""}, "train.csv is empty"),
    (_train(("", "", "", "", "")), "train.csv has no rows"),
    ({"train.csv": as_csv(TEST, [ROW[:4]])}, "train.csv, line 1: found columns 'id, product_uid, product_ti"),
    ({"attributes.csv": as_csv(("name", "name", "value"), [("p", "a", "b")])}, "line 1: found columns 'name, name, v"),
    ({"attributes.csv": as_csv((*ATTRIBUTES, "x"), [("p", "a", "b", "c")])}, "expected: product_uid, name, value, s"),
    (_train(*((n, "p", "a\nb", f"q{n}", 3) for n in range(900)), (999, "p")), "line 1802: found 2 fields; allowed: 5"),
    ({"train.csv": b"\xef\xbb\xbf" + as_csv(TRAIN, [ROW])}, "train.csv is encoded in UTF-8; allowed: Latin-1"),
    ({"train.csv": as_csv(TRAIN, [(1, "p", "É", "q", 3)], "utf-8")}, "train.csv is encoded in UTF-8; allowed: Latin-1"),
    *((_train(ROW, (2, "p", "t", "r", bad)), f"line 3, column relevance: found '{bad}'; {SCALE}")
      for bad in ("0.99", "3.01", "-1", "", "nan", "2,33", "²")),
    (_train(ROW, (2, "p", "t", "\xa0 \t", 3)), "line 3, column search_term: found '\\xa0 \\t'; allowed: a query"),
    (_train((1, "p", "t", "shelf 6815351", 3), (2, "p", "t", "shelf 13418545", 3)), "the same id q0fd86279f4c2"),
    (_train(("1", "p 1", "t", "q", 3)), f"line 2, column product_uid: found 'p 1'; {AN_ID}"),
    ({"product_descriptions.csv": as_csv(DESCRIPTIONS, [("p1\n", "x")])}, "line 2, column product_uid: found 'p1\\n'"),
    ({"attributes.csv": as_csv(ATTRIBUTES, [("", "", ""), ("", "a", "b")])}, "line 3, column product_uid: found ''"),
    (_train(("a", "p", "t", "q", 3)), "line 2, column id: found 'a'; allowed: a whole number of at most 18 digits"),
    (_train(ROW, (1, "p", "t", "other", 3)), "line 3, column id: found '1'; allowed: an id that no other row has"),
    (_train((1, "p", "t", "q", "2.33"), (2, "r", "t", "q", 3), (3, "p", "t", "q", 2)),
     "train.csv, lines 2 and 4, column relevance: found '2.33' and '2.0' for the same search_term 'q', product_uid"),
    ({"product_descriptions.csv": as_csv(DESCRIPTIONS, [("p1", "one\ntwo"), ("p2", "x"), ("p1", "one")])},
     "lines 2 and 5, column product_description: found 'one\\ntwo' and 'one' for the same product_uid 'p1'"),
    (_train((1, "p", "t", "q", "3" * 100)), f"found '{'3' * 59}…; {SCALE}"),
]  # fmt: skip
HOME_PAIRS: Bad = [
    ({"solution.csv": None}, "has no solution.csv; solution.csv is needed"),
    ({"test.csv": None}, "has no test.csv; test.csv is needed"),
    ({"solution.csv": as_csv(SOLUTION, [(10, -1, ""), (11, "-0.5", "")])}, f"found '-0.5'; {SCALE}, or -1 (ignored)"),
    ({"solution.csv": as_csv(SOLUTION, [(10, -1, "")])}, "test.csv, line 3, column id: found '11'; allowed: an id of"),
    ({"solution.csv": as_csv(SOLUTION, [(10, -1, ""), (11, 2, ""), (12, 3, "")])},
     "solution.csv, line 4, column id: found '12'; allowed: an id of test.csv"),
    ({"test.csv": as_csv(TEST, [(10, "p", "t", " ")])}, "test.csv, line 2, column search_term: found ' '"),
    ({"test.csv": as_csv(TEST, [(10, "p", "t", "thé")], "utf-8")}, "test.csv is encoded in UTF-8"),
]  # fmt: skip

SPLIT = b"query-id\tcorpus-id\tscore\n"
BEIRS: Bad = [
    ({"corpus.jsonl": None}, "has no corpus.jsonl; corpus.jsonl is needed"),
    ({"qrels/test.tsv": None, "qrels/readme": b""}, "qrels has no file .tsv; allowed: test.tsv among others"),
    ({"qrels/test.tsv": None}, "qrels cannot be read: No such file or directory"),
    ({"qrels/test.tsv": None, "qrels/dev.tsv": b"", "qrels/train.tsv": b""}, "qrels has dev.tsv, train.tsv; allowed"),
    ({"qrels/test.tsv": b"1\td1\t0\n"}, "qrels/test.tsv, line 1: found columns '1, d1, 0'; expected: query-id, cor"),
    ({"qrels/test.tsv": SPLIT}, "qrels/test.tsv has no rows"),
    ({"qrels/test.tsv": SPLIT + b"1\td1\tx\n"}, "column score: found 'x'; allowed: a number from 0 to 999,999,999"),
    ({"qrels/test.tsv": SPLIT + b"9\td1\t1\n"}, "column query-id: found '9'; allowed: the id of one of the 2 queries"),
    ({"queries.jsonl": b'{"_id": "1", "text": "a"}\n{"_id": 1, "text": "b"}\n'}, "line 2, _id: found '1' again (line"),
    ({"queries.jsonl": b'{"_id": "1", "text": " "}\n'}, "queries.jsonl, line 1, text: found ' '"),
    ({"corpus.jsonl": b'{"id": "d1", "text": "a"}\n'}, "line 1, key '_id': found nothing; allowed: an id"),
    ({"corpus.jsonl": b"\n"}, "corpus.jsonl, line 1: found no document; allowed: one or more"),
]  # fmt: skip

LABELS = WANDS["label.csv"]
WAYFAIR: Bad = [
    ({"label.csv": LABELS.replace(b"\t", b",")}, "expected among them: query_id, product_id, label, separated by t"),
    ({"label.csv": LABELS + b"3\t1\t10\tBad\n"}, "line 5, column label: found 'Bad'; allowed: Exact, Partial, Irr"),
    ({"label.csv": LABELS + b"3\t0\t10\tPartial\n"}, "lines 2 and 5, column label: found '2' and '1' for the same"),
    ({"query.csv": b"query_id\tquery\n0\tbed\n0\tseat\n"}, "line 3, column query_id: found '0' again (line 2)"),
    ({"query.csv": b"query_id\tquery\n0\t \n"}, "line 2, column query: found ' '"),
    ({"product.csv": WANDS_HEADER + b"1\ta\n"}, "product.csv, line 2: found 2 fields; allowed: 9"),
    ({"product.csv": WANDS_HEADER}, "product.csv, line 1: found no product; allowed: one or more"),
]  # fmt: skip


def _rated(*rows: tuple[object, ...]) -> Files:
    return {"Broad_Query_Set_rated.csv": as_csv(RATINGS, rows, "utf-8")}


CHORUSES: Bad = [
    ({"3.json": None}, "has no 3.json; 3.json is needed"),
    (_one(b'[{"id": "21",\n"title": "caf\xe9"}]'), "1.json: byte 27 is not UTF-8"),
    (_one(b'[{"id": "21",\n "title":'), "1.json: not JSON: Expecting value: line 2 column 10"),
    (_one(b'{"id": "21"}'), "1.json: not a JSON list, but an object; a JSON list of products is expected there"),
    (_one(b'["21"]'), "1.json, item 1: found '21'; allowed: an object"),
    (_one(as_json({"title": "a"})), "1.json, item 1, key 'id': found nothing; allowed: an id"),
    (_one(as_json({"id": "5", "title": "a"}, {"id": "2\u2003", "title": "a"})), "1.json, item 2, key 'id': found '2\\"),
    (_one(as_json({"id": "21"})), "1.json, item 1, key 'title': found nothing; allowed: text"),
    (_one(as_json({"id": "2", "title": "a", "short_description": None})), "key 'short_description': found null"),
    (_one(as_json({"id": "2", "title": "a", "attr_t_x": ["a"]})), "key 'attr_t_x': found a list; allowed: text, a num"),
    ({"2.json": as_json({"id": "21", "title": "Other"})}, "2.json, item 1, key 'id': found '21'; allowed: an id that "),
    (_rated(("mug", "21", 3), ("cup", "21", 4)), "line 3, column rating: found '4'; allowed: 0, 1, 2, 3"),
    (_rated(("mug", "21", 3), ("mug", "99", 0)), "line 3, column docid: found '99'; allowed: the id of a product of"),
    (_rated(("mug", "21", 3), (" ", "21", 2)), "line 3, column query: found ' '; allowed: a query of at least"),
]  # fmt: skip

TABLES = (
    ("files", SHOP, OWN),
    ("homedepot", HOMEDEPOT, HOME),
    ("beir", BEIR, BEIRS),
    ("wands", WANDS, WAYFAIR),
    ("chorus", CHORUS, CHORUSES),
)


@pytest.mark.parametrize(
    ("format_", "good", "bad", "expected"), [(name, good, *case) for name, good, table in TABLES for case in table]
)
def test_a_bad_file(tmp_path: Path, format_: str, good: Files, bad: Files, expected: str) -> None:
    line = refusal(format_, write(tmp_path, {**good, **bad}))
    assert expected in line
    assert format_ == "files" or "gains" not in line


@pytest.mark.parametrize(
    ("format_", "good", "bad", "expected"),
    [("files", SHOP, *case) for case in OWN_PAIRS] + [("homedepot", HOMEDEPOT, *case) for case in HOME_PAIRS],
)
def test_a_bad_file_of_pairs(tmp_path: Path, format_: str, good: Files, bad: Files, expected: str) -> None:
    assert expected in refusal(format_, write(tmp_path, {**good, **bad}), pairs=True)


@pytest.mark.parametrize(
    ("bad", "first", "others"),
    [
        (_rows(b"query,product,grade\n" + b"shelf,p2,good\nmug,7,1\n" * 7), "line 2, column grade: found 'good'",
         ["line 4, column grade", "line 6", "line 8", "line 10", "and 2 more"]),
        (_csv(b"id,title\n7,mug, blue\np2,shelf\n" + b"9,cup, red, large\n" * 5), "line 2: found 3 fields",
         ["line 4: found 4 fields; allowed: 2, as in the header", "line 5", "line 6", "line 7", "and 1 more"]),
        (_csv(b"id,title\n7,a\n8,b\n7,c\n8,d\n"), "line 4, id: found '7' again (line 2)", ["line 5, id: found '8'"]),
        (_qrels(b"q1 0 p2 2\nq1 0 p3 2\nq1 0 p4 1\n"), "line 2, column product: found 'p3'", ["line 3"]),
        (_qrels(b"q1 0 p2\nq1 0 7 1\nq2 7\n"), "line 1: found 3 columns", ["line 3: found 2 columns"]),
        (_line(b'{"id": 7}\n{"id": "8", "title": 3}\n'), "line 1, key 'title': found nothing", ["line 2, key 'title'"]),
        (_rows(b"query,product,grade\nshelf,p2,1\nshelf,p2,2\nshelf,p2,3\n"),
         "lines 2 and 3, column grade: found '1' and '2' for the same query 'shelf', product 'p2'", ["lines 2 and 4"]),
        # the last is where reading ends, or a row that is too short
        (_line(b'{"id":"a","ttle":"x"}\n{"id":"b b","title":"y"}\n{"id":"c","title":"z",}\n'),
         "line 1, key 'title': found nothing", ["line 2, key 'id': found 'b b'", "line 3, column 2"]),
        (_texts(b"q1\tshelf\nq2\n\0\n"), "line 2: found 1 column in", ["line 3: found a NUL byte"]),
        (_csv(b"id,title\n7\n\xe9,b\n"), "line 2: found 1 field; allowed: 2", ["line 3: found byte 0xe9"]),
        (_csv(b'id,title\n7,a,b\n8,"a" b\n'), "line 2: found 3 fields", ["line 3: found text behind"]),
        (_csv(b"id,title\n7\n8 8,b\n9,c\n"), "line 2: found 1 field", ["line 3, id: found '8 8'; allowed: an id"]),
        (_qrels(b"q1 0 p2\n" * 6 + b"\0\n"), "line 1: found 3 columns",
         ["line 2: found", "line 3: found", "line 4: found", "line 5: found", "and 2 more"]),
    ],
)  # fmt: skip
def test_mistakes_in_several_rows(tmp_path: Path, bad: Files, first: str, others: Sequence[str]) -> None:
    with pytest.raises(InputError) as caught:
        load("files", write(tmp_path, {**SHOP, **bad}))
    assert first in str(caught.value)
    assert all(part in line for part, line in zip(others, caught.value.details, strict=True))


@pytest.mark.parametrize(
    ("format_", "good", "settings", "expected"),
    [
        ("files", SHOP, {"columns": {"titel": "name"}}, "unknown column 'titel' (did you mean 'title'?); allowed: id"),
        ("files", SHOP, {"columns": {"grade": "stars"}}, "unknown column 'grade'; allowed: id, title, descript"),
        ("files", SHOP, {"columns": {"title": "name"}}, "products.jsonl, line 1, key 'name': found nothing; allowed"),
        ("files", SHOP, {"gains": {"good": 2}}, "qrels.txt, line 1, column grade: found '2'; allowed: good"),
        # without a name of its own it may be missing
        ("files", {**SHOP, **_csv(b"id,title,Long text\n7,mug,blue\n")}, {"columns": {"description": "Long Text"}},
         "needed: id, title, Long Text; optional: attr_*"),
        ("wands", WANDS, {"gains": {"exact": 3}}, "gains: unknown label 'exact' (did you mean 'Exact'?)"),
        ("beir", {}, {"gains": {"good": 1}}, "format 'beir' does not use gains; settings it takes: relevant_from, unk"),
        ("chorus", {}, {"columns": {"id": "x"}}, "format 'chorus' does not use columns"),
        ("homedepot", {}, {"gains": {"good": 1}}, "format 'homedepot' does not use gains"),
        ("wands", {}, {"columns": {"id": "x"}}, "format 'wands' does not use columns; settings it takes: gains, rele"),
        ("wands", {**WANDS, "label.csv": b"query_id\tproduct_id\tlabel\n0\tx\tExact\n"}, {"unknown_products": "drop"},
         "no judgment is of a product of the data set"),
        ("wands", {**WANDS, "product.csv": WANDS["product.csv"].rpartition(b"9\t")[0]}, {},
         "line 3, column product_id: found '9'; allowed: the id of a product of the data set, or unknown_products"),
        # over an index that exists; ids of another kind are a field map that names another field
        ("files", SHOP, {"over": ("p2",)}, "2 judgments are of 1 product that the index does not have: '7';"),
        *(("files", SHOP, {"over": [f"SKU-{n}" for n in range(1234)], "unknown_products": unknown},
           "they are of 'p2', '7', the index has 'SKU-0', 'SKU-1', 'SKU-2' and 1,231 more; allowed: judgments of its")
          for unknown in ("error", "drop")),
        ("files", {**SHOP, "products.jsonl": None}, {}, "has no products.jsonl and no products.csv"),
        ("files", {**SHOP, "products.jsonl": None}, {"over": ("p2",), "columns": {"titel": "name"}},
         "columns: unknown column 'titel'"),
        ("files", {**SHOP, "products.csv": b""}, {"over": ("p2", "7")}, "products.jsonl and products.csv; only one of"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_setting(
    tmp_path: Path, format_: str, good: Files, settings: Mapping[str, Any], expected: str
) -> None:
    assert expected in refusal(format_, write(tmp_path, good), **settings)


@pytest.mark.parametrize("setting", [{"columns": {"id": "x"}}, {"gains": {"good": 1}}])
def test_pairs_are_there_whatever_is_set(tmp_path: Path, setting: Mapping[str, Any]) -> None:
    folder = write(tmp_path, HOMEDEPOT)
    assert datasets.has_pairs(Source("homedepot", "homedepot", folder, **setting))
    assert datasets.has_pairs(Source("sample", "sample", folder, **setting))
    assert not load_pairs("homedepot", folder, **setting).empty


def test_whose_setting_is_mistaken(tmp_path: Path) -> None:
    write(tmp_path / "own", SHOP)
    file = tmp_path / "relevance.toml"
    alias = '[datasets.shop]\nformat = "files"\npath = "own"\ncolumns = {titel = "name"}\n'
    file.write_text(f'dataset = "shop"\n{alias}')
    config = read_config(options={}, environ={}, file=file, root=tmp_path, cwd=tmp_path)
    with pytest.raises(InputError) as caught:
        datasets.load(config.source)
    assert str(caught.value).startswith(
        f"{file} [datasets.shop]: data set 'shop': columns: unknown column 'titel' (did you mean 'title'?); allowed: id"
    )


def test_what_is_no_folder_or_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "no\nfolder"
    assert refusal("homedepot", path) == f"data set 'homedepot': there is no folder {str(path)!r}"
    assert refusal("homedepot").startswith("data set 'homedepot' needs the folder of its files")
    folder = write(tmp_path / "files", {"train.csv": as_csv(TRAIN, [ROW])})
    assert refusal("homedepot", folder / "train.csv").endswith("is not a folder")
    (folder / "product_descriptions.csv.zip").mkdir()
    assert refusal("homedepot", folder) == "product_descriptions.csv.zip is not a file"

    def refuse(self: Path, mode: str) -> NoReturn:
        raise PermissionError(13, "Permission denied", str(self), mode)

    monkeypatch.setattr(Path, "open", refuse)
    assert refusal("homedepot", folder) == "train.csv cannot be read: Permission denied"


@pytest.mark.parametrize(
    ("at", "value", "problem"),
    [
        (8, 1, "train.csv.zip is encrypted; allowed: a zip file without a password"),
        (10, 12, "train.csv.zip is packed by method 12; allowed: stored, deflated"),
        (24, 1, "train.csv.zip cannot be read: Bad CRC-32"),  # a size that is false
        (0, 0, "train.csv.zip cannot be read: "),
    ],
)
def test_a_damaged_zip_file(tmp_path: Path, at: int, value: int, problem: str) -> None:
    content = bytearray(as_zip("train.csv", HOMEDEPOT["train.csv"]))
    struct.pack_into("<H", content, content.rindex(b"PK\x01\x02") + at, value)
    assert problem in refusal("homedepot", write(tmp_path, {"train.csv.zip": bytes(content)}))

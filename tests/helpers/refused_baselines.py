"""Baselines that are refused, and the page that shows what users see of each: `docs/studies/refused-baselines.md`.

`PYTHONPATH=.:tests python -m helpers.refused_baselines` after a change; a test compares.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from helpers.snapshots import QUERIES, snapshot
from relevance.baseline import Snapshot, document_text
from relevance.baseline.files import CHECKSUM, checksum
from relevance.errors import InputError
from relevance.suite import read_compared

PAGE = Path(__file__).resolve().parents[2] / "docs" / "studies" / "refused-baselines.md"

INTRODUCTION = """# Baselines that are refused

Each ends the run with exit code 4 (`relevance compare`: 2) and this one line, before anything long starts; `…` stands
for what Python's own reader says of a place in the file. `python -m helpers.refused_baselines` in `tests` writes this
page.
"""

TEXT = document_text(snapshot()).encode()
PACKED = gzip.compress(TEXT, mtime=0)


def changed(*path: str | int, value: object = None) -> bytes:
    """The document with another value at a place, or without the place, and the checksum that belongs to it."""
    document: Any = json.loads(TEXT)
    place = document
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    content = {key: part for key, part in document.items() if key != CHECKSUM}
    return json.dumps(content | {CHECKSUM: checksum(content)}).encode()


def _tar() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("shop.json"))
    return packed.getvalue()


TITLES = ("strategies", "titles")
ROW = (*TITLES, "rows", "q2")

DAMAGED: dict[str, bytes] = {
    "empty": b"",
    "truncated": TEXT.rstrip()[:-300],
    "truncated, packed": PACKED[:-200],
    "one byte of a packed file": PACKED[:300] + b"\0\0" + PACKED[302:],
    "zeros": bytes(len(TEXT)),
    "not UTF-8": TEXT.replace(b"text of q1", b"text of \xff"),
    "schema in words": changed("schema", value="one"),
    "a key twice": TEXT.replace(b'"relevant_from"', b'"dataset": {}, "relevant_from"'),
    "nested too deeply": b'{"schema": ' + b"[" * 200_000,
    "infinite": TEXT.replace(b'"relevant_from": 1', b'"relevant_from": 1e999'),
    "not a number": TEXT.replace(b'"relevant_from": 1', b'"relevant_from": NaN'),
}
CHANGED: dict[str, bytes] = {
    "marks of a merge": TEXT.replace(b'  "models"', b'<<<<<<< HEAD\n  "models"'),
    "a metric changed by hand": TEXT.replace(b'"rounds": 3', b'"rounds": 4'),
    "a query removed by hand": json.dumps({**json.loads(TEXT), "queries": {}}).encode(),
    "newer schema": changed("schema", value=4),
    "a far newer schema": changed("schema", value=10**4_000),
}
MALFORMED: dict[str, bytes] = {
    "a metric above 1": changed(*ROW, 0, value=[1.5, 0, 0]),
    "a metric below 0": changed(*ROW, 0, value=[-0.5, 0, 0]),
    "a metric that is a text": changed(*ROW, 0, value=["1", 0, 0]),
    "a metric that is true": changed(*ROW, 0, value=[True, 0, 0]),
    "a metric too few": changed(*ROW, 0, value=[0.5, 0.25]),
    "a hit twice": changed(*ROW, 1, value=["p1", "p1"]),
    "a hit that is a number": changed(*ROW, 1, value=[1]),
    "a row is a number": changed(*ROW, value=7),
    "a row is missing": changed(*ROW),
    "a metric nobody knows": changed(*TITLES, "metrics", value=["XY@1"]),
    "metrics that are a text": changed(*TITLES, "metrics", value="RR@10"),
    "queries in another order": changed("queries", value=dict(reversed(json.loads(TEXT)["queries"].items()))),
    "no queries": changed("queries", value={}),
    "text in the place of a list": changed("queries", "q1", value="text"),
    "a negative grade": changed("queries", "q1", 1, "a", value=-1),
    "relevant from 0": changed("relevant_from", value=0),
    "a hash that is none": changed("dataset", "corpus", value="abc"),
    "a key that is not known": changed("sold", value=1),
    "a key that is missing": changed("engine", "facts"),
    "a key of a strategy that is missing": changed(*TITLES, "rounds"),
    "a time below 0": changed(*TITLES, "run_time_s", value=-1),
    "a calibration of no time": changed("calibration_s", value=1e-320),
    "half a round": changed(*TITLES, "rounds", value=1.5),
    "a name that is none": changed("strategies", "a\nb", value=json.loads(TEXT)["strategies"]["fused"]),
    "facts that are a list": changed("engine", "facts", value=[1]),
    "control characters in a key": changed("models", "a\x1b[2J\n", value=1),
    "hits beyond what is kept": changed("kept", value=9),
    "nothing kept": changed("kept", value=0),
    "more packages than there are": changed("versions", value={f"p{at}": "1" for at in range(1_001)}),
    "a weight below 0": changed("weights", value={"q1": -1}),
    "a weight of another query": changed("weights", value={"q9": 2}),
    "a tag twice": changed("tags", value={"q1": ["brand", "brand"]}),
    "tags of another query": changed("tags", value={"q9": ["brand"]}),
    "products in other letters": changed("products_seen", value="?"),
    "bits of more products": changed("products_seen", value=base64.b64encode(bytes(40)).decode()),
    "a limit in an older schema": changed("schema", value=1),
    "facts that are nested too deeply": changed("engine", "facts", value=json.loads('{"a":' * 60 + "1" + "}" * 60)),
}
SOMETHING_ELSE: dict[str, bytes] = {
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4" * 64 + b"\nsize 640265\n",
    "a TREC run": b"q1 Q0 p7 1 9.5 titles\nq1 Q0 p8 2 9.1 titles\n",
    "TREC judgments": b"q1 0 p7 1\nq1 0 p8 0\n",
    "a table": b"query,product,grade\nq1,p7,1\n",
    "results.json": b'{"schema": 1, "dataset": {}, "strategies": {}, "not_run": {}}',
    "per_query.json": b'{"schema": 1, "strategies": {}}',
    "diagnosis.json": b'{"schema": 1, "baselines": []}',
    "another JSON file": changed("schema"),
    "a list": b"[1, 2]",
    "JSON lines": b'{"_id": "p7"}\n{"_id": "p8"}\n',
    "a tar archive, packed": _tar(),
    "a zip archive": b"PK\x03\x04\x14\0\0\0",
    "a web page": b"<!DOCTYPE html><title>404</title>",
    "a web page in capitals": b"<HTML>",
    "XML": b"<?xml version",
    "Parquet": b"PAR1",
    "SQLite": b"SQLite format 3\0",
    "PDF": b"%PDF-1.7",
    "a picture": b"\x89PNG\r\n",
    "Zstandard": b"(\xb5/\xfd\x04",
    "xz": b"\xfd7zXZ\0",
    "bzip2": b"BZh9",
    "a tar archive": b"\0" * 257 + b"ustar",
    "a table with tabs": b"q1\tp7\t1\nq1\tp8\t0\n",
    "TREC judgments below 0": b"q1 Q0 p7 -1\n",
    "a text": b"see the wiki",
    "a long text": b"x" * 80,
}
# by a file that is in them
FOLDERS = (
    *("results.json", "baseline.json", "mutations.json", "diagnosis.json", "combinations.csv", "training.csv"),
    *("modules.json", "model.safetensors", "corpus.jsonl", "products.csv", "products.jsonl", "relevance.toml"),
    *("titles.run", "titles.trec", "sample.json.gz", "notes.md"),
)


def _with_data(now: Snapshot, **hashes: Any) -> Snapshot:
    return replace(now, dataset=replace(now.dataset, **hashes))


OTHER = "e" * 64
SAME = {"a": 2, "b": 0}


def _judged(*grades: dict[str, float]) -> Snapshot:
    return _with_data(snapshot(grades=grades), judgments=OTHER)


OTHER_DATA: dict[str, Snapshot] = {
    "a grade": _judged({"a": 1, "b": 0}, SAME, SAME, SAME),
    "grades, more and fewer": _judged({"a": 1, "b": 1}, {"a": 2, "b": 0, "c": 1}, {"a": 2}, SAME),
    "queries": _with_data(snapshot(queries=("q1", "q3", "q5", "q6", "q7")), queries=OTHER),
    "a text": _with_data(snapshot(texts=("other", *(f"text of {query}" for query in QUERIES[1:]))), queries=OTHER),
    "queries without judgments": _with_data(snapshot(), queries=OTHER),
    "products": _with_data(snapshot(), corpus=OTHER, products=25),
    "texts of products": _with_data(snapshot(), corpus=OTHER),
    "what is relevant": snapshot(relevant_from=1.5),
}


def _line(read: Callable[[], object]) -> str:
    try:
        read()
    except InputError as error:
        # versions of Python word it differently
        return re.sub(r"(not JSON: )[A-Z].*?\(char \d+\)|(gzip: )[^;]*(?=\);)", r"\1\2…", str(error))
    raise AssertionError("it was not refused")


def _table(heading: str, lines: Mapping[str, str]) -> list[str]:
    rows = [f"| {what} | `{line}` |" for what, line in lines.items()]
    return [f"## {heading}", "", "| what | the line |", "| --- | --- |", *rows, ""]


def page() -> str:
    """The whole page."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "shop.json"

        def line() -> str:
            return _line(partial(read_compared, path, None, cwd=folder))

        def of_content(content: bytes) -> str:
            path.write_bytes(content)
            return line()

        damaged = {"not there": line()}
        damaged = {what: of_content(content) for what, content in DAMAGED.items()} | damaged
        tables = _table("Damaged, or not there", damaged)
        for heading, cases in (
            ("Changed by hand, by a merge, or newer", CHANGED),
            ("Of another form", MALFORMED),
            ("Something else", SOMETHING_ELSE),
        ):
            tables += _table(heading, {what: of_content(content) for what, content in cases.items()})
        path.unlink()
        folders = {}
        for inside in FOLDERS:
            path.mkdir()
            (path / inside).touch()
            folders[f"a folder with {inside}"] = line()
            (path / inside).unlink()
            path.rmdir()
        tables += _table("A folder", folders)
        return "\n".join([INTRODUCTION, *tables])[:-1]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

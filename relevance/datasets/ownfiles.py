"""Format `files`, the data set of one's own: products, queries, judgments and pairs in a folder.

- `products.jsonl` (an object a line: id, title, description, attributes as an object) or `products.csv` (columns id,
  title, description, attr_*). An id is text without white space; in JSON a whole number is taken as it is written. A
  description may be missing. An attribute keeps its name (in CSV the whole name of its column); a list of values is
  an attribute each; null, and in CSV an empty field, is none.
- `judgments.csv` (columns query, product, grade), a Quepid export (`case_*_judgements.csv`: query, docid, rating; rows
  without a rating are left out) or a TREC `qrels.txt` (query, 0, product, grade; separated by white space).
- `queries.tsv` (id, tab, text; no header): judgments name queries by id. Without it judgments.csv holds their text.
- `pairs.tsv` (query text, tab, product, optionally tab and relevance from 1 to 3; no header), for fine-tuning.

Everything is UTF-8, plain or as `NAME.zip`; a byte order mark and line ends of any system are tolerated.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pandas as pd

from relevance.datasets.files import existing_folder, found, input_errors
from relevance.datasets.grades import graded
from relevance.datasets.judged import JudgedColumns, Rules, judged, note
from relevance.datasets.ownproducts import (
    CSV,
    JSON_LINES,
    optional_product_stream,
    product_stream,
    products,
    repeated_id,
    unused_note,
    without_titles,
)
from relevance.datasets.source import refuse_unused
from relevance.datasets.stream import find_stream, one_stream
from relevance.datasets.tables import ID_RULE, Table, collected, is_id
from relevance.errors import InputError, unknown
from relevance.records import Dataset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from relevance.datasets.source import Source
    from relevance.datasets.stream import TextStream

__all__ = ["has_pairs", "load", "load_pairs"]

QRELS, JUDGMENTS, QUERIES, PAIRS = "qrels.txt", "judgments.csv", "queries.tsv", "pairs.tsv"
_QUEPID = "case_*_judgements.csv"
_QUEPID_COLUMNS = {"query": "query", "product": "docid", "grade": "rating"}
_JUDGED = JudgedColumns("query", "product", "grade")
_HEADERS = {"id", "query", "query_id", "qid", "text", "query_text"}
_HIGHEST_RELEVANCE = 3.0


def load(source: Source) -> Dataset:
    """Load all products, judged or not, and the queries that are judged; over an index there may be no products.

    Raises:
        InputError: the folder or a file cannot be read, or holds what is not allowed.
    """
    refuse_unused(source, "columns", "gains")
    folder = existing_folder(source)
    stream = product_stream(folder) if source.over is None else optional_product_stream(folder)
    rated = _judgment_stream(folder)
    _check_columns(source, stream, rated)
    texts, texts_notes = _queries(folder)
    table, table_notes = _judgments(source, rated, by_id=texts is not None)
    offered, product_notes = (
        (None, without_titles(JSON_LINES, CSV)) if stream is None else products(stream, source.columns)
    )
    rules = Rules(int, source.relevant_from or 1, source, texts, QUERIES)
    catalogue, queries, judgments, notes = judged(table, _JUDGED, offered, rules)
    return Dataset(source.name, catalogue, queries, judgments, (*product_notes, *texts_notes, *table_notes, *notes))


def load_pairs(source: Source) -> pd.DataFrame:
    """Load the pairs of `pairs.tsv`, for fine-tuning; a pair without a relevance has the highest.

    Returns:
        Columns `query`, `product` (id), `title`, all text, and `relevance` (float, 1 to 3), in the file's order.

    Raises:
        InputError: the folder or a file cannot be read, or holds what is not allowed.
    """
    refuse_unused(source, "columns", "gains")
    folder = existing_folder(source)
    stream = one_stream(folder, PAIRS)
    names = ("query", "product", "relevance")
    table = collected(stream.path, names, _tab_rows(stream, 2, 3, "query, product, optionally relevance"))
    table.require("query", str.strip, "a query of at least one character that is not white space")
    table.require("relevance", _is_relevance, "a decimal number from 1 to 3, or nothing")
    catalogue, _ = products(product_stream(folder), source.columns)
    titles = dict(zip(catalogue.ids, catalogue.products["title"], strict=True))
    known = table.frame["product"].isin(titles).to_numpy()
    if source.unknown_products == "error" and not known.all():
        allowed = "the id of a product of the data set, or unknown_products = drop"
        raise table.fault(int((~known).argmax()), "product", allowed)
    pairs = table.frame[known].reset_index(drop=True)
    relevance = pairs["relevance"].map(lambda text: float(text) if text else _HIGHEST_RELEVANCE)
    return pd.DataFrame(
        {
            "query": pairs["query"],
            "product": pairs["product"],
            "title": pairs["product"].map(titles),
            "relevance": relevance.astype(float),
        }
    )


def has_pairs(source: Source) -> bool:
    """Whether `pairs.tsv` is there.

    Raises:
        InputError: the folder cannot be read.
    """
    return find_stream(existing_folder(source), PAIRS) is not None


def _is_relevance(text: str) -> bool:
    decimal = re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) is not None
    return not text or (decimal and 1 <= float(text) <= _HIGHEST_RELEVANCE)


def _check_columns(source: Source, stream: TextStream | None, rated: TextStream) -> None:
    """Refuse a column name that nothing in this folder would look up."""
    of_products = ["id", "title", "description"] + ([] if stream is not None and stream.name == CSV else ["attributes"])
    allowed = of_products + ([] if rated.name == QRELS else ["query", "product", "grade"])
    for ours in source.columns:
        if ours not in allowed:
            raise InputError(f"data set {source.name!r}: columns: {unknown('column', ours, allowed)}")


def _queries(folder: Path) -> tuple[dict[str, str] | None, tuple[str, ...]]:
    """The text of each query by id; None where there is no `queries.tsv`."""
    stream = find_stream(folder, QUERIES)
    if stream is None:
        return None, ()
    texts: dict[str, str] = {}
    lines: dict[str, int] = {}
    for line, (identifier, text, *_) in _tab_rows(stream, 2, 2, "id, text"):
        if line == 1 and {identifier.lower(), text.lower()} <= _HEADERS:
            raise stream.fault(line, f"found a header ({identifier}, {text}); allowed: queries from the first line on")
        if not is_id(identifier):
            raise stream.fault(line, f"found {found(identifier)}; allowed: {ID_RULE}", at="id")
        if not text.strip():
            raise stream.fault(line, f"found {found(text)}; allowed: a query that is not only white space", at="text")
        if identifier in texts:
            raise repeated_id(stream, line, "id", identifier, lines[identifier])
        texts[identifier], lines[identifier] = text, line
    doubled = len(texts) - len(set(texts.values()))
    notes = note(QUERIES, doubled, "query has the text of another", "queries have the text of another")
    return texts, (*stream.notes(), *notes)


def _tab_rows(stream: TextStream, least: int, most: int, columns: str) -> Iterator[tuple[int, list[str]]]:
    """Lines split at tabs, `most` fields each, and empty ones where there are fewer; empty lines are left out."""
    for number, line in enumerate(stream.lines(), start=1):
        fields = line.removesuffix("\n").removesuffix("\r").split("\t")
        if fields == [""]:
            continue
        if not least <= len(fields) <= most:
            plural = "" if len(fields) == 1 else "s"
            problem = f"found {len(fields)} column{plural} in {found(line)}"
            raise stream.fault(number, f"{problem}; allowed: {columns}, separated by tabs")
        yield number, fields + [""] * (most - len(fields))


def _judgment_stream(folder: Path) -> TextStream:
    with input_errors(folder):
        exported = sorted(path.name for path in folder.glob(_QUEPID))
    return one_stream(folder, QRELS, JUDGMENTS, *exported)


def _judgments(source: Source, stream: TextStream, *, by_id: bool) -> tuple[Table, tuple[str, ...]]:
    """Columns `query` (id or text), `product` and `grade`; and notes."""
    if stream.name == QRELS and not by_id:
        raise stream.fault(1, f"names queries by id, and there is no {QUERIES}; {QUERIES} is needed")
    notes: tuple[str, ...] = ()
    if stream.name == QRELS:
        table = collected(stream.path, ("query", "product", "grade"), _qrels(stream))
    else:
        table, notes = _csv_judgments(source, stream)
    table.require_ids("product")
    return graded(table, "grade", source.gains), (*stream.notes(), *notes)


def _qrels(stream: TextStream) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(stream.lines(), start=1):
        fields = line.split()
        if len(fields) not in {0, 4}:
            plural = "" if len(fields) == 1 else "s"
            problem = f"found {len(fields)} column{plural} in {found(line)}"
            raise stream.fault(number, f"{problem}; allowed: query, 0, product, grade, separated by white space")
        if fields:
            yield number, [fields[0], fields[2], fields[3]]


def _csv_judgments(source: Source, stream: TextStream) -> tuple[Table, tuple[str, ...]]:
    rows = stream.rows(",")
    _, header = next(rows)
    names = _judgment_columns(source, header)
    for name in names.values():
        if header.count(name) != 1:
            expected = f"expected: {', '.join(names.values())}, separated by commas"
            raise stream.fault(1, f"found columns {found(', '.join(header))}; {expected}")
    places = [header.index(names[ours]) for ours in ("query", "product", "grade")]
    judgments = ((line, [fields[at] for at in places]) for line, fields in rows)
    unrated: list[int] = []
    rated = _rated(judgments, unrated) if names == _QUEPID_COLUMNS else judgments
    table = collected(stream.path, ("query", "product", "grade"), rated)
    one, many = "row without a rating is left out", "rows without a rating are left out"
    notes = note(stream.path.name, len(unrated), one, many)
    return table, (*notes, *unused_note(stream, [name for name in header if name not in names.values()]))


def _judgment_columns(source: Source, header: list[str]) -> Mapping[str, str]:
    ours = {name: source.columns.get(name, name) for name in ("query", "product", "grade")}
    mapped = any(name in source.columns for name in ours)
    return _QUEPID_COLUMNS if not mapped and set(_QUEPID_COLUMNS.values()) <= set(header) else ours


def _rated(rows: Iterator[tuple[int, list[str]]], unrated: list[int]) -> Iterator[tuple[int, list[str]]]:
    """Leave out what Quepid exports of queries and products that nobody has rated; their lines go to `unrated`."""
    for line, fields in rows:
        if fields[-1]:
            yield line, fields
        else:
            unrated.append(line)

"""The layout of BEIR: `corpus.jsonl`, `queries.jsonl` and `qrels/SPLIT.tsv`.

A document's `title` and `text` are the title and description of a product, its `metadata`, an object, the attributes.
The qrels have a header (query-id, corpus-id, score) and tabs; of several splits `test.tsv` is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relevance.datasets.files import existing_folder, input_errors, shown
from relevance.datasets.grades import graded
from relevance.datasets.jsontext import records
from relevance.datasets.judged import JudgedColumns, Rules, judged
from relevance.datasets.ownproducts import object_products, repeated_id, unused_note, without_titles
from relevance.datasets.source import refuse_unused
from relevance.datasets.stream import find_stream, one_stream
from relevance.datasets.tables import collected
from relevance.errors import InputError
from relevance.records import Dataset

if TYPE_CHECKING:
    from pathlib import Path

    from relevance.datasets.source import Source
    from relevance.datasets.stream import TextStream
    from relevance.datasets.tables import Table
    from relevance.records import Catalogue

__all__ = ["load"]

_CORPUS, _QUERIES, _QRELS, _SPLIT = "corpus.jsonl", "queries.jsonl", "qrels", "test.tsv"
_KEYS = {"id": "_id", "title": "title", "description": "text", "attributes": "metadata"}
_COLUMNS = ("query-id", "corpus-id", "score")


def load(source: Source) -> Dataset:
    """Load the whole corpus and the queries that the split judges; over an index there may be no corpus.

    Raises:
        InputError: the folder or a file cannot be read, or holds what is not allowed.
    """
    refuse_unused(source)
    folder = existing_folder(source)
    find = one_stream if source.over is None else find_stream
    corpus, asked, rated = find(folder, _CORPUS), one_stream(folder, _QUERIES), _split(folder)
    table = _judgments(rated)
    texts = _texts(asked)
    offered, corpus_notes = (None, without_titles(_CORPUS)) if corpus is None else _catalogue(corpus)
    rules = Rules(int, source.relevant_from or 1, source, texts, _QUERIES)
    catalogue, queries, judgments, notes = judged(table, JudgedColumns(*_COLUMNS), offered, rules)
    tolerated = (*corpus_notes, *asked.notes(), *rated.notes())
    return Dataset(source.name, catalogue, queries, judgments, (*tolerated, *notes))


def _catalogue(corpus: TextStream) -> tuple[Catalogue, tuple[str, ...]]:
    made, unused = object_products(corpus, _KEYS, titled=False)
    if not len(made):
        raise corpus.fault(1, "found no document; allowed: one or more")
    return made.catalogue(), (*corpus.notes(), *unused_note(corpus, unused))


def _split(folder: Path) -> TextStream:
    """The file of judgments: `test.tsv`, or the only one."""
    splits = folder / _QRELS
    with input_errors(splits):
        names = sorted(path.name for path in splits.iterdir() if path.suffix == ".tsv")
    if _SPLIT in names:
        return one_stream(splits, _SPLIT)
    if len(names) != 1:
        there = ", ".join(names) or "no file .tsv"
        raise InputError(f"{shown(splits)} has {there}; allowed: {_SPLIT} among others, or one file .tsv")
    return one_stream(splits, names[0])


def _judgments(stream: TextStream) -> Table:
    rows = stream.rows("\t")
    _, header = next(rows)
    if tuple(header) != _COLUMNS:
        expected = f"{', '.join(_COLUMNS)}, separated by tabs"
        raise stream.fault(1, f"found columns {', '.join(header)!r}; expected: {expected}")
    table = collected(stream.path, _COLUMNS, rows)
    table.require_ids("corpus-id")
    return graded(table, "score", {})


def _texts(stream: TextStream) -> dict[str, str]:
    texts: dict[str, str] = {}
    lines: dict[str, int] = {}
    for record in records(stream):
        identifier = record.identifier("_id")
        if identifier in texts:
            raise repeated_id(stream, record.line, "_id", identifier, lines[identifier])
        text = record.text("text", required=True)
        if not text.strip():
            raise record.fault("text", text, "a query that is not only white space")
        texts[identifier], lines[identifier] = text, record.line
    return texts

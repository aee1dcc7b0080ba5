"""The layout of WANDS: `product.csv`, `query.csv` and `label.csv`, columns separated by tabs, fields quoted as in CSV.

A product's attributes are its class, its category hierarchy and its features ("name : value|name:value"). The labels
are Exact (2), Partial (1) and Irrelevant (0), unless `gains` says otherwise; what is above 0 is relevant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relevance.datasets.files import existing_folder, found
from relevance.datasets.grades import gains_of, graded
from relevance.datasets.judged import JudgedColumns, Rules, judged
from relevance.datasets.ownproducts import repeated_id
from relevance.datasets.products import ProductColumns
from relevance.datasets.source import refuse_unused
from relevance.datasets.stream import one_stream
from relevance.datasets.tables import ID_RULE, collected, is_id
from relevance.records import Dataset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relevance.datasets.source import Source
    from relevance.datasets.stream import TextStream
    from relevance.records import Catalogue

__all__ = ["GAINS", "load"]

GAINS = {"Exact": 2, "Partial": 1, "Irrelevant": 0}
_PRODUCTS, _QUERIES, _LABELS = "product.csv", "query.csv", "label.csv"
_PRODUCT_COLUMNS = (
    "product_id",
    "product_name",
    "product_description",
    "product_class",
    "category hierarchy",
    "product_features",
)
_LABEL_COLUMNS = ("query_id", "product_id", "label")


def load(source: Source) -> Dataset:
    """Load all products and the queries that are judged.

    Raises:
        InputError: the folder or a file cannot be read, or holds what is not allowed.
    """
    refuse_unused(source, "gains")
    gains = gains_of(source, GAINS)
    folder = existing_folder(source)
    offered, asked, rated = (one_stream(folder, name) for name in (_PRODUCTS, _QUERIES, _LABELS))
    table = collected(rated.path, _LABEL_COLUMNS, _rows(rated, _LABEL_COLUMNS))
    table.require_ids("product_id")
    labelled = graded(table, "label", gains)
    texts = _texts(asked)
    rules = Rules(int, source.relevant_from or 1, source, texts, _QUERIES)
    catalogue, queries, judgments, notes = judged(labelled, JudgedColumns(*_LABEL_COLUMNS), _catalogue(offered), rules)
    tolerated = (*offered.notes(), *asked.notes(), *rated.notes())
    return Dataset(source.name, catalogue, queries, judgments, (*tolerated, *notes))


def _rows(stream: TextStream, columns: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """The rows of some columns, in the order in which these are named."""
    rows = stream.rows("\t")
    _, header = next(rows)
    for name in columns:
        if header.count(name) != 1:
            expected = f"expected among them: {', '.join(columns)}, separated by tabs"
            raise stream.fault(1, f"found columns {found(', '.join(header))}; {expected}")
    places = [header.index(name) for name in columns]
    for line, fields in rows:
        yield line, [fields[at] for at in places]


def _texts(stream: TextStream) -> dict[str, str]:
    texts: dict[str, str] = {}
    lines: dict[str, int] = {}
    for line, (identifier, text) in _rows(stream, ("query_id", "query")):
        _check_id(stream, line, "query_id", identifier)
        if identifier in texts:
            raise repeated_id(stream, line, "query_id", identifier, lines[identifier])
        if not text.strip():
            raise stream.fault(
                line, f"found {found(text)}; allowed: a query that is not only white space", at="column query"
            )
        texts[identifier], lines[identifier] = text, line
    return texts


def _catalogue(stream: TextStream) -> Catalogue:
    made = ProductColumns()
    for line, (identifier, title, description, *others) in _rows(stream, _PRODUCT_COLUMNS):
        _check_id(stream, line, "product_id", identifier)
        if earlier := made.line_of(identifier):
            raise repeated_id(stream, line, "product_id", identifier, earlier)
        made.add(line, identifier, title, description, attributes=_attributes(*others))
    if not len(made):
        raise stream.fault(1, "found a header but no products; allowed: one or more")
    return made.catalogue()


def _attributes(kind: str, hierarchy: str, features: str) -> Iterator[tuple[str, str]]:
    if kind:
        yield "class", kind
    if hierarchy:
        yield "category", hierarchy
    for feature in features.split("|"):
        name, _, value = feature.partition(":")
        if feature.strip():
            yield name.strip(), value.strip()


def _check_id(stream: TextStream, line: int, column: str, identifier: str) -> None:
    if not is_id(identifier):
        raise stream.fault(line, f"found {found(identifier)}; allowed: {ID_RULE}", at=f"column {column}")

"""How much a query counts and what it is: weights and tags, in files of queries or in one of their own.

That one is `queries.overlay.csv` in the folder of a data set of any format: a column `query`, an id or a text, and
`weight`, `tags` or both. What it says of a query comes before what the data set's own files say.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from relevance.datasets.tables import (
    Notes,
    csv_table,
    delimiter_of,
    is_list,
    list_of,
    refuse_weightless,
    separated_by,
)
from relevance.files import Number, TextFile, input_errors, quoted
from relevance.numerals import plain_decimal
from relevance.records import Queries
from relevance.text import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from relevance.datasets.tables import Table
    from relevance.errors import InputError
    from relevance.records import Dataset

Mark = tuple[float, tuple[str, ...]]
"""Weight and tags of a query."""

_WEIGHT, _TAGS = MARKS = ("weight", "tags")
_QUERY = "query"
_SEPARATOR, _LONGEST, _HEAVIEST = "|", 60, 1e15
_WEIGHT_RULE = f"a number from 0 to {_HEAVIEST:g}, or nothing, which is 1"
_TAGS_RULE = f"tags separated by {_SEPARATOR}, or a JSON list of texts, of {_LONGEST} characters at most each"


def json_mark(value: Mapping[str, Any], fault: Callable[[str, object, str], InputError]) -> Mark:
    """Weight and tags of an object, 1 and none where it has no such key; `fault` makes the error for one of a key."""
    weight, tags = _json_weight(value.get(_WEIGHT)), _json_tags(value.get(_TAGS))
    if weight is None:
        raise fault(_WEIGHT, value[_WEIGHT], _WEIGHT_RULE)
    if tags is None:
        raise fault(_TAGS, value[_TAGS], _TAGS_RULE)
    return weight, tags


def _json_weight(value: object) -> float | None:
    return 1 if value is None else _weight_of(str(value)) if isinstance(value, Number) else None


def _json_tags(value: object) -> tuple[str, ...] | None:
    if value is None:
        return ()
    texts = value.split(_SEPARATOR) if isinstance(value, str) else value
    return _tags_of(texts) if isinstance(texts, list) else None


def marks_of(table: Table, of: str = "id") -> dict[str, Mark]:
    """Weights and tags by the column `of`, where a table has such columns; else 1 and none."""
    size, known = len(table.frame), {name: table.frame[name].tolist() for name in MARKS if name in table.names}
    if _WEIGHT in known:
        table.require(_WEIGHT, lambda text: _weight_of(text) is not None, _WEIGHT_RULE)
    if _TAGS in known:
        table.require(_TAGS, lambda text: _cell_tags(text) is not None, _TAGS_RULE)
    weights = [_weight_of(text) or 0 for text in known.get(_WEIGHT, [""] * size)]
    tags = [_cell_tags(text) or () for text in known.get(_TAGS, [""] * size)]
    return dict(zip(table.frame[of].tolist(), zip(weights, tags, strict=True), strict=True))


def _weight_of(text: str) -> float | None:
    """The weight that a text writes, 1 for an empty one; None for what is none."""
    try:
        number = plain_decimal(text.strip() or "1")
    except ValueError:
        return None
    return number if 0 <= number <= _HEAVIEST else None


def _tags_of(texts: Sequence[Any]) -> tuple[str, ...] | None:
    """Tags, each once, ascending; None where one is no text, too long, or holds control characters."""
    known = [one.strip() for one in texts if isinstance(one, str) and not isinstance(one, Number)]
    fits = all(len(one) <= _LONGEST and one.isprintable() for one in known)
    return tuple(sorted({*filter(None, known)})) if fits and len(known) == len(texts) else None


def _cell_tags(text: str) -> tuple[str, ...] | None:
    listed = list_of(text) if is_list(text) else text.split(_SEPARATOR)
    return None if listed is None else _tags_of(listed)


def marked(dataset: Dataset, path: Path) -> Dataset:
    """Lay the weights and tags of a file over those of a data set's queries; no file changes nothing.

    Raises:
        InputError: it cannot be read, or a row is not as it has to be: file, line, what is allowed.
    """
    with input_errors(path):
        if not os.path.lexists(path):
            return dataset
        table = _read(TextFile(path))
    queries, terms, said = dataset.queries, table.frame[_QUERY].tolist(), marks_of(table, of=_QUERY)
    named = _queries_named(table, queries)
    laid = {query: said[term] for query, term in zip(named, terms, strict=True) if query is not None}
    own: tuple[Sequence[Any], ...] = (queries.weights or (1,) * len(queries), queries.tags or ((),) * len(queries))
    columns: dict[str, list[Any]] = {
        name: [laid[query][at] if query in laid else mark for query, mark in zip(queries.ids, own[at], strict=True)]
        for at, name in enumerate(MARKS)
        if name in table.names
    }
    refuse_weightless(columns.get(_WEIGHT, []), path.name)
    notes = Notes()
    notes.append(f"{path.name}: {' and '.join(columns)} of {plural(len(laid), 'query')}")
    one, many = "row names a query that is gone", "rows name queries that are gone"
    notes.add(path.name, named.count(None), f"{one}, and does not count", f"{many}, and do not count")
    return replace(dataset, queries=Queries(queries.frame.assign(**columns)), notes=(*dataset.notes, *notes))


def _read(file: TextFile) -> Table:
    delimiter = delimiter_of(file)
    _, header = next(file.rows(delimiter))
    names = {name: name for name in (_QUERY, *MARKS) if name in header}
    if _QUERY not in names or len(names) == 1:
        allowed = f"allowed: {_QUERY}, and {' or '.join(MARKS)} or both, {separated_by(delimiter)}"
        raise file.fault(1, f"found columns {quoted(', '.join(header))}; {allowed}")
    return csv_table(file, names, delimiter, only=True)


def _queries_named(table: Table, queries: Queries) -> list[str | None]:
    """The id of the query that each row names by it or by its text; None where that is gone."""
    by_text: dict[str, list[str]] = {}
    for query, text in zip(queries.ids, queries.texts, strict=True):
        by_text.setdefault(text, []).append(query)
    known = {**by_text, **{query: [query] for query in queries.ids}}
    found = [known.get(term, []) for term in table.frame[_QUERY].tolist()]
    table.refuse(_QUERY, np.array([len(ids) > 1 for ids in found], dtype=bool), "ids where several queries have a text")
    named = [ids[0] if ids else None for ids in found]
    known_ids = pd.Series(named, dtype=object)
    table.refuse(_QUERY, (known_ids.duplicated() & known_ids.notna()).to_numpy(), "each query once")
    return named

"""`products.jsonl` or `products.csv` of the format `files`, read product by product."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relevance.datasets.files import found
from relevance.datasets.jsontext import records
from relevance.datasets.products import ProductColumns
from relevance.datasets.stream import find_stream, one_stream
from relevance.datasets.tables import ID_RULE, is_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from relevance.datasets.stream import TextStream
    from relevance.errors import InputError
    from relevance.records import Catalogue

__all__ = [
    "CSV",
    "JSON_LINES",
    "object_products",
    "optional_product_stream",
    "product_stream",
    "products",
    "repeated_id",
    "unused_note",
    "without_titles",
]

JSON_LINES, CSV = "products.jsonl", "products.csv"
_ATTRIBUTE_PREFIX = "attr_"
_NAMED = 5


def product_stream(folder: Path) -> TextStream:
    """The file of products: `products.jsonl` or `products.csv`."""
    return one_stream(folder, JSON_LINES, CSV)


def optional_product_stream(folder: Path) -> TextStream | None:
    """The file of products; None where there is neither."""
    if any(find_stream(folder, name) for name in (JSON_LINES, CSV)):
        return product_stream(folder)
    return None


def products(stream: TextStream, columns: Mapping[str, str]) -> tuple[Catalogue, tuple[str, ...]]:
    """The catalogue, and notes.

    Args:
        stream: what `product_stream` found.
        columns: our column name -> theirs, for `id`, `title`, `description` and (JSON lines) `attributes`.

    Raises:
        InputError: the file cannot be read, or holds what is not allowed.
    """
    if stream.name == JSON_LINES:
        made, unused = object_products(stream, columns)
    else:
        made, unused = _csv_products(stream, columns)
    if not len(made):
        raise stream.fault(1, "found no product; allowed: one or more")
    return made.catalogue(), (*stream.notes(), *unused_note(stream, unused))


def object_products(
    stream: TextStream, columns: Mapping[str, str], *, titled: bool = True
) -> tuple[ProductColumns, Iterable[str]]:
    """Products from JSON lines, and the keys that mean nothing to us; `titled`: each needs a title."""
    keys = [columns.get(ours, ours) for ours in ("id", "title", "description", "attributes")]
    key_id, key_title, key_description, key_attributes = keys
    made = ProductColumns()
    unused: dict[str, None] = {}
    for record in records(stream):
        identifier = record.identifier(key_id)
        if earlier := made.line_of(identifier):
            raise repeated_id(stream, record.line, key_id, identifier, earlier)
        title = record.text(key_title, required=titled)
        description = record.text(key_description, required=False)
        made.add(record.line, identifier, title, description, attributes=record.attributes(key_attributes))
        if not record.value.keys() <= unused.keys():
            unused.update(dict.fromkeys(record.value))
    return made, [key for key in unused if key not in keys]


def _csv_products(stream: TextStream, columns: Mapping[str, str]) -> tuple[ProductColumns, Iterable[str]]:
    names = {ours: columns.get(ours, ours) for ours in ("id", "title", "description")}
    rows = stream.rows(",")
    _, header = next(rows)
    _check_header(stream, header, names)
    at_id, at_title = header.index(names["id"]), header.index(names["title"])
    at_description = header.index(names["description"]) if names["description"] in header else None
    taken = {at_id, at_title, at_description}
    attributes = [
        (at, name) for at, name in enumerate(header) if name.startswith(_ATTRIBUTE_PREFIX) and at not in taken
    ]
    made = ProductColumns()
    for line, fields in rows:
        identifier = fields[at_id]
        if not is_id(identifier):
            raise stream.fault(line, f"found {found(identifier)}; allowed: {ID_RULE}", at=f"column {names['id']}")
        if earlier := made.line_of(identifier):
            raise repeated_id(stream, line, names["id"], identifier, earlier)
        description = fields[at_description] if at_description is not None else ""
        pairs = [(name, fields[at]) for at, name in attributes if fields[at]]
        made.add(line, identifier, fields[at_title], description, attributes=pairs)
    used = taken | {at for at, _ in attributes}
    return made, [name for at, name in enumerate(header) if at not in used]


def _check_header(stream: TextStream, header: list[str], names: Mapping[str, str]) -> None:
    if twice := next((name for at, name in enumerate(header) if name in header[:at]), None):
        raise stream.fault(1, f"found the column {found(twice)} twice; allowed: once")
    if names["id"] not in header or names["title"] not in header:
        needed = f"needed: {names['id']}, {names['title']}; optional: {names['description']}, attr_*"
        raise stream.fault(1, f"found columns {found(', '.join(header))}; {needed}; separated by commas")


def repeated_id(stream: TextStream, line: int, column: str, identifier: str, earlier: int) -> InputError:
    """The error for an id that stood on an earlier line."""
    return stream.fault(line, f"found {found(identifier)} again (line {earlier}); allowed: an id once", at=column)


def without_titles(*names: str) -> tuple[str, ...]:
    """A note of the file of products that is not there, of these names; what is evaluated is an index."""
    return (f"no {' and no '.join(names)}: products have no title here",)


def unused_note(stream: TextStream, names: Iterable[str]) -> tuple[str, ...]:
    """A note of the columns or keys that mean nothing to us: one of them may be a slip of the pen."""
    unused = list(names)
    if not unused:
        return ()
    more = f" and {len(unused) - _NAMED:,} more" if len(unused) > _NAMED else ""
    return (f"{stream.path.name}: not used: {', '.join(found(name)[1:-1] for name in unused[:_NAMED])}{more}",)

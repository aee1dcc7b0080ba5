"""Products as documents: checked before anything is sent, then made one by one, never all at once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from relevance.errors import InputError
from relevance.fields import attribute_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from relevance.engines.base import VectorField
    from relevance.engines.elasticsearch.paths import FieldPaths
    from relevance.records import Catalogue, Vectors

__all__ = ["MAX_BYTES", "Action", "actions", "check", "shown"]

MAX_BYTES = 100 * 2**20
"""Of a request, and so of a document: the server's `http.max_content_length`."""

_MAX_ID_BYTES = 512
_PRODUCTS_AT_ONCE = 1024
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Action:
    """A document of a bulk request.

    Attributes:
        id: of the product.
        lines: what is done, and the document; a line of JSON each.
    """

    id: str
    lines: bytes


def check(catalogue: Catalogue, *, most_attributes: int) -> None:
    """See that every product fits into the index.

    Args:
        catalogue: the products.
        most_attributes: nested documents that the index takes in one product.

    Raises:
        InputError: an id is empty or longer than 512 bytes; a product has too many attributes.
    """
    for uid in catalogue.ids:
        if not 0 < len(uid.encode(errors="surrogatepass")) <= _MAX_ID_BYTES:
            problem = f"product {shown(uid)}: an id of {len(uid.encode(errors='surrogatepass')):,} bytes"
            raise InputError(f"{problem}; allowed on elasticsearch: 1 to {_MAX_ID_BYTES} bytes of UTF-8")
    counts = np.diff(catalogue.attribute_offsets)
    if len(counts) and counts.max() > most_attributes:
        at = int(np.argmax(counts))
        problem = f"product {shown(catalogue.ids[at])} has {counts[at]:,} attributes"
        raise InputError(
            f"{problem}; allowed: up to {most_attributes:,} (index.mapping.nested_objects.limit, which a file of your "
            "own settings can raise: --es-mapping)"
        )


def actions(catalogue: Catalogue, vectors: Mapping[VectorField, Vectors], paths: FieldPaths) -> Iterator[Action]:
    """The documents, in the order of the products' codes; a blank text and a missing vector are left out.

    An action is `create`, so that one that is sent again changes nothing: a document that is written over would go on
    counting in the statistics of its terms.

    Raises:
        InputError: a product makes a document that is larger than the server takes, or holds half a surrogate pair.
    """
    products, attributes, offsets = catalogue.products, catalogue.attributes, catalogue.attribute_offsets.tolist()
    for start in range(0, len(catalogue), _PRODUCTS_AT_ONCE):
        end = min(start + _PRODUCTS_AT_ONCE, len(catalogue))
        texts = _texts(products.iloc[start:end], paths)
        nested = _attributes(attributes.iloc[offsets[start] : offsets[end]], offsets[start : end + 1], paths)
        for code, (text, attribute) in enumerate(zip(texts, nested, strict=True), start):
            uid = catalogue.ids[code]
            yield _action(uid, {paths.id: uid, **text, **attribute, **_of_product(vectors, code, paths)})


def _texts(products: pd.DataFrame, paths: FieldPaths) -> Iterator[dict[str, str]]:
    """The fields that are columns of the catalogue."""
    names = [name for name in paths.text if name not in paths.nested]
    for row in zip(*(products[name].tolist() for name in names), strict=True):
        yield {paths.text[name]: text for name, text in zip(names, row, strict=True) if text.strip()}


def _attributes(frame: pd.DataFrame, offsets: Sequence[int], paths: FieldPaths) -> Iterator[dict[str, Any]]:
    """The nested documents."""
    outer = paths.nested["attributes"]
    inner = paths.text["attributes"].removeprefix(f"{outer}.")
    texts = list(map(attribute_text, frame["name"].tolist(), frame["value"].tolist()))
    for start, end in pairwise(offsets):
        found = [{inner: text} for text in texts[start - offsets[0] : end - offsets[0]] if text]
        yield {outer: found} if found else {}


def _of_product(
    vectors: Mapping[VectorField, Vectors], code: int, paths: FieldPaths
) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    rows = {key: int(found.rows[code]) for key, found in vectors.items()}
    # the serializer knows arrays, no memory maps, and rows that lie in one piece
    return {
        paths.vectors[key]: np.ascontiguousarray(vectors[key].matrix[row], dtype=np.float32)
        for key, row in rows.items()
        if row >= 0
    }


def _action(uid: str, document: Mapping[str, Any]) -> Action:
    try:
        head = orjson.dumps({"create": {"_id": uid}})
        body = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    except orjson.JSONEncodeError as error:
        raise InputError(f"product {shown(uid)} cannot be written as JSON ({error}); allowed: Unicode text") from None
    if len(head) + len(body) + 2 > MAX_BYTES:
        problem = f"product {shown(uid)} makes a document of {len(body) / 2**20:,.0f} MB"
        raise InputError(f"{problem}; allowed on elasticsearch: up to {MAX_BYTES // 2**20} MB")
    return Action(uid, b"%b\n%b\n" % (head, body))


def shown(uid: str) -> str:
    """An id in a message: quoted, on one line, cut to about 60 characters."""
    text = repr(uid)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…'"

"""The frozen records that the rooms hand to each other, and the hashes of what they hold.

Products and queries are sorted by their id as text (code point order), so that a *code*, the row number of a product
or a query, is at the same time its rank when ties are broken by id.
"""

from __future__ import annotations

import hashlib
import json
import math
from copy import copy
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import numpy as np
import pandas as pd

from relevance.errors import InputError
from relevance.fields import DEFAULT_FIELDS, NAME_VALUE, fitted, rewritten, texts_at
from relevance.text import some

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from relevance.fields import ProductFields, Reading

_Number = TypeVar("_Number", bound=np.generic)

Grades: TypeAlias = "npt.NDArray[np.integer | np.floating]"
"""Whole numbers, or decimals where a data set has some."""

NO_HIT = -1
"""The product code that fills a ranking's row behind its last hit."""

HITS = 10
"""So many hits of a query are what users are taken to see."""

_HASHED_AT_ONCE = 4096
"""Products whose texts are Python's own at a time."""


_LARGEST_WHOLE = 2.0**53
"""Up to here float64 holds every whole number."""


def _frozen(array: npt.NDArray[_Number]) -> npt.NDArray[_Number]:
    array = array.view()
    array.flags.writeable = False
    return array


class _Frozen:
    """What was set once stays as it is."""

    def __setattr__(self, name: str, value: object) -> None:
        if name in self.__dict__:
            raise AttributeError(f"{type(self).__name__}.{name} is frozen")
        super().__setattr__(name, value)


def _sha256_of_rows(rows: Iterable[object]) -> str:
    """Hash rows as lines of ASCII JSON, which no text inside them can forge."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, separators=(",", ":")).encode("ascii"))
        digest.update(b"\n")
    return digest.hexdigest()


def _whole(what: str, values: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Whole numbers of 0 or more as int64; an empty array of any type is allowed."""
    array = np.asarray(values)
    whole = array.astype(np.int64) if array.dtype.kind in "iu" or not array.size else None
    if whole is None or (whole < 0).any():
        found = array.dtype if whole is None else whole.min()
        raise InputError(f"a {what} is {found}; allowed: whole numbers of 0 or more")
    return whole


def _grades(values: npt.NDArray[np.integer | np.floating]) -> Grades:
    """Grades of 0 or more, as whole numbers where all are: so 2.0 and 2 are the same, to every hash."""
    array = np.asarray(values)
    if array.dtype.kind != "f" or not array.size:
        return _whole("grade", array)
    wrong = ~(np.isfinite(array) & (array >= 0))
    if wrong.any():
        raise InputError(f"a grade is {array[np.argmax(wrong)]:g}; allowed: numbers of 0 or more")
    grades = array.astype(np.float64) + 0.0  # no negative zero
    whole = (grades == np.rint(grades)) & (grades <= _LARGEST_WHOLE)
    return grades.astype(np.int64) if whole.all() else grades


def _refuse_duplicates(ids: list[str], what: str) -> None:
    """`ids` are sorted."""
    for left, right in pairwise(ids):
        if left == right:
            raise InputError(f"{what} {left!r} occurs twice; an id may occur once")


class Catalogue(_Frozen):
    """The products that are indexed, with the default's fields; `of_documents` makes one with other fields.

    Args:
        products: columns `id`, `title`, `description`, all text ("" where a product has none), in any order.
        attributes: columns `id` (of the product), `name`, `value`, all text; the order within a product is kept.
        fields: as the default's, perhaps with other texts to embed.

    Raises:
        InputError: a product id occurs twice, or an attribute names a product that is not there.
    """

    def __init__(
        self, products: pd.DataFrame, attributes: pd.DataFrame, *, fields: ProductFields = DEFAULT_FIELDS
    ) -> None:
        ordered = products[["id", "title", "description"]].sort_values("id", ignore_index=True, kind="stable")
        self._products = ordered
        self._documents: tuple[Mapping[str, Any], ...] | None = None
        self.fields = fields
        """What fields the products have."""
        self.ids: tuple[str, ...] = tuple(ordered["id"])
        """Product ids, ascending as text; the position of an id is the product's code."""
        _refuse_duplicates(list(self.ids), "product")
        codes = pd.Index(ordered["id"]).get_indexer(pd.Index(attributes["id"]))
        if len(codes) and codes.min() < 0:
            unknown = attributes["id"].iloc[int(np.argmin(codes))]
            raise InputError(f"an attribute names the product {unknown!r}, which is not in the catalogue")
        frame = pd.DataFrame({"product": codes, "name": attributes["name"], "value": attributes["value"]})
        self._attributes = frame.sort_values("product", kind="stable", ignore_index=True)

    @classmethod
    def of_documents(
        cls, ids: Sequence[str], documents: Sequence[Mapping[str, Any]], fields: ProductFields
    ) -> Catalogue:
        """Make the catalogue of JSON documents, as Elasticsearch takes them, in any order.

        Raises:
            InputError: a product id occurs twice.
        """
        order = sorted(range(len(ids)), key=ids.__getitem__)
        none = pd.DataFrame({"id": [], "name": [], "value": []}, dtype=object)
        columns = pd.DataFrame({"id": [ids[at] for at in order], "title": "", "description": ""}, dtype=object)
        catalogue = cls(columns, none, fields=fields)
        catalogue.__dict__["_documents"] = tuple(documents[at] for at in order)
        return catalogue

    def with_fields(self, fields: ProductFields) -> Catalogue:
        """Give the same products with other fields: what the mapping of these does not have is left out.

        Raises:
            InputError: no product has any of them.
        """
        if fields is self.fields:
            return self
        if fields.body is not None and fields.sha256 != self.fields.sha256:
            missing: set[str] = set()
            documents = [fitted(document, fields.properties, missing) for document in self.documents()]
            if not any(documents):
                theirs = f"the products have {', '.join(sorted(missing))}"
                raise InputError(f"{theirs}; allowed: one of the fields of the mapping: {some(list(fields.text), 8)}")
            return Catalogue.of_documents(self.ids, documents, fields)
        return self.indexed_as(fields)

    def indexed_as(self, fields: ProductFields) -> Catalogue:
        """Give the same products, with all that they hold, whose fields are indexed in another way."""
        other = copy(self)
        other.__dict__["fields"] = fields
        return other

    def read(self, readings: Iterable[Reading]) -> Catalogue:
        """Give the same products, whose text fields are read in other ways, too."""
        return self.indexed_as(self.fields.read(readings))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def products(self) -> pd.DataFrame:
        """Columns `id`, `title`, `description`; row number = product code. A change to it stays with the caller."""
        return self._products.copy(deep=False)

    @property
    def attributes(self) -> pd.DataFrame:
        """Columns `product` (code), `name`, `value`; sorted by product, else as given."""
        return self._attributes.copy(deep=False)

    @cached_property
    def attribute_offsets(self) -> npt.NDArray[np.int64]:
        """Shape (products + 1,): the attributes of product p are the rows offsets[p] to offsets[p + 1] - 1."""
        counts = np.bincount(self._attributes["product"].to_numpy(dtype=np.int64), minlength=len(self))
        return _frozen(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))

    @property
    def has_default_layout(self) -> bool:
        """Whether `products` and `attributes` hold all that there is."""
        return self._documents is None

    def documents(self) -> list[dict[str, Any]]:
        """The products as JSON documents, in the order of their codes, without what is blank."""
        if self._documents is not None:
            return [dict(document) for document in self._documents]
        names, values = self._attributes["name"].tolist(), self._attributes["value"].tolist()
        texts = attribute_texts(self)
        documents = []
        rows = zip(self._products["title"], self._products["description"], strict=True)
        for (title, description), (first, end) in zip(rows, pairwise(self.attribute_offsets.tolist()), strict=True):
            pairs = [
                {"name": names[at], "value": values[at], NAME_VALUE: texts[at]} for at in range(first, end) if texts[at]
            ]
            whole = {"title": title.strip() and title, "description": description.strip() and description}
            documents.append({name: value for name, value in {**whole, "attributes": pairs}.items() if value})
        return documents

    def texts(self, name: str) -> list[str]:
        """The text of a field for every product, in the order of their codes; "" where a product has none.

        Raises:
            KeyError: there is no such field.
        """
        source = self.fields.source_of(name)
        if self._documents is None and source in self._products:
            texts: list[str] = self._products[source].tolist()
            return texts
        return [joined(*values) for values in self.values(name)]

    def values(self, name: str) -> Iterator[Sequence[str]]:
        """The texts of a field, product by product; of nested documents one each.

        Raises:
            KeyError: there is no such field.
        """
        source = self.fields.source_of(name)
        if not source:
            raise KeyError(name)
        if self._documents is not None:
            yield from (list(texts_at(document, source)) for document in self._documents)
        elif source in self._products:
            yield from ([text] for text in self._products[source])
        else:
            texts = attribute_texts(self)
            yield from (texts[start:end] for start, end in pairwise(self.attribute_offsets.tolist()))

    def mapped(self, change: Callable[[str, str], str]) -> Catalogue:
        """Give the products with each text of each text field changed, by the field's name and the text."""
        if self._documents is not None:
            documents: Sequence[Any] = self._documents
            for name in self.fields.own_texts:
                path, of_field = self.fields.text[name].source, partial(change, name)
                documents = [rewritten(document, path, of_field) for document in documents]
            return Catalogue.of_documents(self.ids, documents, self.fields)
        frames = (self.products, self._attributes.assign(id=self._owners()))
        for frame, columns in zip(frames, (("title", "description"), ("name", "value")), strict=True):
            for column in columns:
                name = column if column in self.fields.text else "attributes"
                frame[column] = [change(name, text) for text in frame[column].tolist()]
        return Catalogue(*frames, fields=self.fields)

    def without(self, name: str) -> Catalogue:
        """Give the products without a text field: nothing stands there."""
        if self._documents is None and self.fields.text[name].nested:
            return Catalogue(self._products, self._attributes.assign(id=self._owners()).iloc[:0], fields=self.fields)
        return self.mapped(lambda field, text: "" if field == name else text)

    def exchanged(self, first: str, second: str) -> Catalogue:
        """Give the products with the values of two of their own fields exchanged."""
        other = {first: second, second: first}
        if self._documents is not None:
            documents = [{other.get(name, name): one for name, one in each.items()} for each in self._documents]
            return Catalogue.of_documents(self.ids, documents, self.fields)
        products = self._products.assign(**{name: self._products[one] for name, one in other.items()})
        return Catalogue(products, self._attributes.assign(id=self._owners()), fields=self.fields)

    def taken(self, codes: Sequence[int], ids: Sequence[str]) -> Catalogue:
        """Give the products of some codes under other ids."""
        if self._documents is not None:
            return Catalogue.of_documents(ids, [self._documents[code] for code in codes], self.fields)
        of_code = dict(zip(codes, ids, strict=True))
        attributes = self._attributes[self._attributes["product"].isin(of_code)]
        owners = [of_code[code] for code in attributes["product"].tolist()]
        products = self._products.iloc[list(codes)].assign(id=list(ids))
        return Catalogue(products, attributes.assign(id=owners), fields=self.fields)

    def _owners(self) -> npt.NDArray[np.object_]:
        """The id of the product of each attribute."""
        ids: npt.NDArray[np.object_] = np.array(self.ids, dtype=object)
        owners: npt.NDArray[np.object_] = ids[self._attributes["product"].to_numpy(dtype=np.int64)]
        return owners

    @property
    def titles(self) -> list[str]:
        """What people know the products by, in the order of their codes; "" for one without."""
        return self.texts(self.fields.title) if self.fields.title else [""] * len(self)

    @cached_property
    def sha256(self) -> str:
        """Hash of ids and of all that the products hold; the order of the input's rows does not enter."""
        if self._documents is not None:
            return _sha256_of_rows(zip(self.ids, self._documents, strict=True))
        return _sha256_of_rows(row for start in range(0, len(self), _HASHED_AT_ONCE) for row in self._rows(start))

    def _rows(self, start: int) -> Iterator[list[object]]:
        """Products from a code on, with their attributes: few enough that their texts need little memory."""
        offsets = self.attribute_offsets[start : start + _HASHED_AT_ONCE + 1].tolist()
        products = self._products.iloc[start : start + _HASHED_AT_ONCE]
        attributes = self._attributes.iloc[offsets[0] : offsets[-1]]
        names, values = attributes["name"].tolist(), attributes["value"].tolist()
        parts = (slice(first - offsets[0], end - offsets[0]) for first, end in pairwise(offsets))
        columns = (products[column].tolist() for column in ("id", "title", "description"))
        for *row, part in zip(*columns, parts, strict=True):
            yield [*row, list(zip(names[part], values[part], strict=True))]


def attribute_text(name: str, value: str) -> str:
    """Join an attribute as "name value", or give the one of them that holds more than white space; else ""."""
    return joined(name, value)


def attribute_texts(catalogue: Catalogue) -> list[str]:
    """Give the text of each attribute, in the order of `catalogue.attributes`."""
    attributes = catalogue.attributes
    return list(map(attribute_text, attributes["name"], attributes["value"]))


def embedded_texts(catalogue: Catalogue, name: str, model: str = "") -> list[str]:
    """Give a text to embed for every product, in the order of their codes; "" where a product has none.

    A model may embed other fields under that name.

    Raises:
        KeyError: `name` is not one of `catalogue.fields.embedded`.
    """
    columns = [catalogue.texts(each) for each in catalogue.fields.embedded_of(name, model)]
    return [joined(*parts) for parts in zip(*columns, strict=True)]


def joined(*parts: str) -> str:
    """Join the parts that hold more than white space by one space."""
    return " ".join(part for part in parts if part.strip())


def query_label(text: str, params: Mapping[str, Any]) -> str:
    """Give a query's text as people read it, with its parameters where it has some: `shoes {locale=de, sizes=[40]}`."""
    if not params:
        return text
    values = (one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in params.values())
    return f"{text} {{{', '.join(f'{name}={value}' for name, value in zip(params, values, strict=True))}}}"


class Queries(_Frozen):
    """The queries that are evaluated.

    Args:
        frame: columns `id` and `text`, in any order; and `params`, where queries have some: of each query the JSON
            values by name, of which null is none; `weight`, a number of 0 or more; and `tags`, a tuple of texts.

    Raises:
        InputError: a query id occurs twice.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        ordered = frame.sort_values("id", ignore_index=True, kind="stable")
        self.ids: tuple[str, ...] = tuple(ordered["id"])
        """Query ids, ascending as text; the position of an id is the query's code."""
        self.texts: tuple[str, ...] = tuple(ordered["text"])
        params = tuple(map(_params, ordered["params"])) if "params" in ordered else ()
        self.params: tuple[Mapping[str, Any], ...] = params if any(params) else ()
        """The parameters of each query, sorted by name; empty where no query has any."""
        weights = tuple(map(simple, ordered["weight"])) if "weight" in ordered else ()
        self.weights: tuple[float, ...] = weights if any(weight != 1 for weight in weights) else ()
        """How much each query counts, by its traffic; empty where all count alike."""
        tags = tuple(map(tuple, ordered["tags"])) if "tags" in ordered else ()
        self.tags: tuple[tuple[str, ...], ...] = tags if any(tags) else ()
        """The tags of each query; empty where none has any."""
        _refuse_duplicates(list(self.ids), "query")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def frame(self) -> pd.DataFrame:
        """What queries are made of: in the order of their ids, with the columns that some query needs."""
        columns = {"params": self.params, "weight": self.weights, "tags": self.tags}
        known = {name: list(column) for name, column in columns.items() if column}
        return pd.DataFrame({"id": self.ids, "text": self.texts, **known}, dtype=object)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The queries as people are shown them, see `query_label`."""
        return tuple(map(query_label, self.texts, self.params)) if self.params else self.texts

    @cached_property
    def sha256(self) -> str:
        """Hash of ids, texts and parameters, in the order of the ids: of what is asked, not of how much it counts."""
        rows = zip(self.ids, self.texts, strict=True)
        if not self.params:
            return _sha256_of_rows(rows)
        return _sha256_of_rows((*row, params) if params else row for row, params in zip(rows, self.params, strict=True))


def simple(number: float) -> float:
    """Give a whole number as such, so that 2.0 and 2 are written alike."""
    return int(number) if number == int(number) else float(number)


def _params(values: Mapping[str, Any]) -> Mapping[str, Any]:
    known = {name: one for name, one in values.items() if one is not None}
    # objects inside in one order, too: two ways of writing a parameter are one
    return dict(json.loads(json.dumps(known, sort_keys=True)))


class Judgments(_Frozen):
    """Graded judgments (qrels), sorted by query, then product.

    Args:
        queries: shape (judgments,), query codes.
        products: shape (judgments,), product codes.
        grades: shape (judgments,), of 0 or more; 0 is irrelevant, the gain of nDCG is the grade itself. Kept as whole
            numbers where all of them are.
        relevant_from: the lowest grade that RR and AP count as relevant, above 0.

    Raises:
        InputError: a pair of query and product is judged twice, a grade is no number of 0 or more, a code is negative,
            or `relevant_from` is not above 0.
    """

    def __init__(
        self,
        queries: npt.NDArray[np.integer],
        products: npt.NDArray[np.integer],
        grades: npt.NDArray[np.integer | np.floating],
        *,
        relevant_from: float = 1,
    ) -> None:
        if not 0 < relevant_from < math.inf:
            raise InputError(f"relevant_from = {relevant_from}; allowed: above 0, since grade 0 is irrelevant")
        order = np.lexsort((products, queries))
        self.queries = _frozen(_whole("query code", queries)[order])
        self.products = _frozen(_whole("product code", products)[order])
        self.grades = _frozen(_grades(grades)[order])
        self.relevant_from = int(relevant_from) if relevant_from == int(relevant_from) else float(relevant_from)
        same = (np.diff(self.queries) == 0) & (np.diff(self.products) == 0)
        if same.any():
            at = int(np.argmax(same))
            raise InputError(f"query {self.queries[at]} and product {self.products[at]} (codes) are judged twice")

    def __len__(self) -> int:
        return len(self.grades)

    @cached_property
    def judged_queries(self) -> npt.NDArray[np.int64]:
        """Codes of the queries that have a judgment, ascending."""
        return _frozen(np.unique(self.queries))

    def sha256(self, queries: Queries, catalogue: Catalogue) -> str:
        """Hash of (query id, product id, grade) in the order of the ids, and of the lowest relevant grade."""
        codes = (self.queries.tolist(), self.products.tolist(), self.grades.tolist())
        rows = ((queries.ids[q], catalogue.ids[p], grade) for q, p, grade in zip(*codes, strict=True))
        return _sha256_of_rows([("relevant_from", self.relevant_from), *rows])


@dataclass(frozen=True, eq=False)
class Dataset:
    """A catalogue, the queries asked of it and their judgments, under a name.

    Attributes:
        notes: what the loader met and settled by rule, a line each ("6 products have two titles: …").
        own_products: shape (queries,), the code of the product that a query was made of, which is left out of its hits,
            -1 for a query without one; None where queries are not made of products.
    """

    name: str
    catalogue: Catalogue
    queries: Queries
    judgments: Judgments
    notes: tuple[str, ...] = ()
    own_products: npt.NDArray[np.int64] | None = None


@dataclass(frozen=True, eq=False)
class Vectors:
    """The vectors of one embedded text of every product, or of every query.

    Attributes:
        matrix: shape (distinct texts or more, dimensions), float32; may be a memory map.
        rows: shape (items,), the row of `matrix` that belongs to an item, -1 for an item without text.
        similarity: how they are compared: `cosine`, where rows have unit length, or `dot`.
    """

    matrix: npt.NDArray[np.float32]
    rows: npt.NDArray[np.int64]
    similarity: Literal["cosine", "dot"] = "cosine"

    def expanded(self) -> npt.NDArray[np.float32]:
        """Shape (items, dimensions).

        Raises:
            ValueError: an item has no vector.
        """
        if len(self.rows) and self.rows.min() < 0:
            raise ValueError(f"item {int(np.argmin(self.rows))} has no vector")
        return self.matrix[self.rows]


def no_hits(*shape: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Give codes and scores into which hits are written, see `Ranking`."""
    return np.full(shape, NO_HIT, dtype=np.int64), np.full(shape, -np.inf, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Ranking:
    """The hits of every query, best first.

    Attributes:
        codes: shape (queries, hits), int64 product codes, `NO_HIT` behind a query's last hit.
        scores: shape (queries, hits), float32, -inf behind a query's last hit.
    """

    codes: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.codes.shape != self.scores.shape or self.codes.ndim != 2:  # noqa: PLR2004 - queries and hits
            raise ValueError(f"codes of shape {self.codes.shape} and scores of shape {self.scores.shape}")
        object.__setattr__(self, "codes", _frozen(self.codes))
        object.__setattr__(self, "scores", _frozen(self.scores))

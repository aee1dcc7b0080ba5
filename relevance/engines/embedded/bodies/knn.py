"""Nearest vectors: the clause `knn`, and the part of a body of that name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.engines.embedded.bodies.clauses import Clause
from relevance.engines.embedded.bodies.fields import VectorColumn
from relevance.engines.embedded.bodies.hits import NONE, Hits
from relevance.engines.embedded.bodies.leaves import Synonym, Term
from relevance.engines.embedded.bodies.nodes import Bool, Boost, Boosting, Constant, Nested, Node, boosted, rewrite
from relevance.engines.embedded.bodies.options import anything, decimal, text, whole
from relevance.engines.embedded.bodies.phrases import Phrase, Spans
from relevance.engines.embedded.bodies.vectors import least_score, nearest, scores
from relevance.errors import InputError, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from relevance.engines.embedded.bodies.hits import Ints
    from relevance.engines.embedded.bodies.levels import Level, Levels

_MOST_CANDIDATES = 10_000
_FLAT_SCORES_ALL = 9
_NOT_ONE = 1e-3
_ONE_FREQUENCY = (
    "clauses beside a knn section take one term for differently frequent (cross_fields, fuzziness): "
    "a server takes one of these frequencies for all of them, by the order in which it reads them"
)


@dataclass(frozen=True)
class Knn(Node):
    """The documents whose vectors are nearest.

    Attributes:
        path: of the field.
        vector: float32, as bytes.
        most: how many are found; None: all.
        filter: what they have to match.
        least: the least score.
    """

    path: str
    vector: bytes
    most: int | None
    filter: Node | None
    least: np.float32 | None

    def rewritten(self, level: Level) -> Node:
        if self.filter is None:
            return self
        after = rewrite(self.filter, level)
        return self if after is self.filter else Knn(self.path, self.vector, self.most, after, self.least)

    def hits(self, level: Level, boost: np.float32, among: Ints | None = None) -> Hits:
        del among
        column = level.field(self.path)
        if not isinstance(column, VectorColumn) or not len(column.docs):
            return NONE
        query = np.frombuffer(self.vector, dtype=np.float32)
        if len(query) != column.matrix.shape[1]:
            raise InputError(
                f"query_vector for {self.path!r} has {len(query)} dimensions; allowed: {column.matrix.shape[1]}"
            )
        docs, scored = column.docs, scores(column.matrix, query, column.field.vector_similarity, column.lengths)
        if self.filter is not None:
            kept = self.filter.flags(level)[docs]
            docs, scored = docs[kept], scored[kept]
        docs, scored = nearest(docs, scored, len(docs) if self.most is None else self.most, self.least)
        return Hits(docs, scored * boost)

    def __str__(self) -> str:
        return f"knn({self.path}, {self.most or 'all'})"


def knn(clause: Clause) -> Node:
    """Read the clause `knn`."""
    return _read(clause, clause.levels.hits, is_clause=True)


def knn_sections(body: Any, levels: Levels, hits: int) -> list[Node]:
    """Read the part `knn` of a body: one, or a list."""
    nodes: list[Node] = []
    for at, section in enumerate(body if isinstance(body, list) else [body]):
        clause = Clause("knn", section, f"knn[{at}]" if isinstance(body, list) else "knn", levels, depth=0)
        try:
            node = _read(clause, hits, is_clause=False)
        except InputError as error:
            raise (error if str(error).startswith(clause.place) else clause.refuse(str(error), type(error))) from None
        nodes.append(boosted(node, clause.boost))
    return nodes


def note_frequencies(nodes: Sequence[Node], level: Level) -> None:
    """Note where a server's scores beside a part `knn` are others.

    Such a search collects the frequencies of terms first, one of each, whatever the clauses say of theirs.
    """
    first: dict[Node, Node] = {}
    for node in nodes:
        for term in _scored_terms(node):
            if first.setdefault(term, term).weighs_otherwise(term, level):
                level.catalogue.notes.add(_ONE_FREQUENCY)


def _scored_terms(node: Node) -> Iterator[Term]:
    inner: Sequence[Node] = node.parts()
    if isinstance(node, Term):
        yield node
    elif isinstance(node, Synonym):
        yield from (Term(node.path, term) for term in node.terms)
    elif isinstance(node, Phrase):
        yield from (Term(node.path, term) for _, terms in node.places for term in terms)
    elif isinstance(node, Spans):
        yield from (Term(node.path, term) for term in node.span.terms())
    elif isinstance(node, Boosting):
        inner = (node.positive, node.negative)
    elif isinstance(node, Boost | Nested):
        inner = (node.node,)
    elif isinstance(node, Constant):
        inner = ()
    for part in inner:
        yield from _scored_terms(part)


def _read(clause: Clause, hits: int, *, is_clause: bool) -> Node:
    options = clause.options(
        {
            "field": (text, ""),
            "query_vector": (anything, None),
            "k": (whole, None),
            "num_candidates": (whole, None),
            "filter": (anything, None),
            "similarity": (decimal, None),
            "rescore_vector": (anything, None),
            **({} if is_clause else {"inner_hits": (anything, None)}),
        }
    )
    path = options["field"]
    field = clause.field(path)
    if field is None:
        raise clause.refuse(unknown("field", path, _vector_fields(clause.levels)))
    if field.type != "dense_vector" or field.nested != clause.path:
        raise clause.refuse(f"field {path!r} is no dense_vector of these documents")
    if not field.indexed:
        raise clause.refuse(f"field {path!r} is not indexed (index: false)")
    vector = _vector(clause, options["query_vector"])
    with np.errstate(over="ignore"):
        square = vector @ vector
    if field.vector_similarity in ("cosine", "dot_product") and not np.isfinite(square):
        raise clause.refuse("query_vector: the numbers are too large")
    if field.vector_similarity == "cosine" and not square:
        raise clause.refuse("query_vector: a vector of zeros has no cosine")
    if field.vector_similarity == "dot_product" and abs(square - 1) > _NOT_ONE:
        raise clause.refuse("query_vector: its length is not 1, as the similarity dot_product asks for")
    k, candidates = options["k"], options["num_candidates"]
    if k is None:
        k = min(hits, candidates or hits) if is_clause else hits
    if candidates is not None and not k <= candidates <= _MOST_CANDIDATES:
        raise clause.refuse(f"num_candidates = {candidates}; allowed: from k = {k} to {_MOST_CANDIDATES:,}")
    filters = clause.queries(options["filter"], "filter")
    # Release 9 scores every vector of a flat field that a clause asks for.
    everything = is_clause and clause.levels.release >= _FLAT_SCORES_ALL and field.vector_index == "flat"
    similarity = options["similarity"]
    if field.vector_index != "flat":
        kind = field.vector_index or "its default"
        clause.levels.notes.add(f"{path}: searched exactly, where the server's index ({kind}) is approximate")
    return Knn(
        path,
        vector.tobytes(),
        None if everything else k,
        (filters[0] if len(filters) == 1 else Bool(filter=filters)) if filters else None,
        None if similarity is None else least_score(field.vector_similarity, similarity),
    )


def _vector(clause: Clause, values: Any) -> Any:
    """Read numbers, which may be written as texts."""
    if not isinstance(values, list | tuple | np.ndarray) or not len(values):
        raise clause.refuse("query_vector: a list of numbers is expected")
    try:
        numbers = [value if type(value) is float else decimal(value) for value in values]
    except ValueError as error:
        raise clause.refuse(f"query_vector: {error}") from None
    with np.errstate(over="ignore"):
        vector = np.array(numbers, dtype=np.float32)
    if not np.isfinite(vector).all():
        raise clause.refuse("query_vector: finite numbers of a float32 are expected")
    return vector


def _vector_fields(levels: Levels) -> list[str]:
    return [path for path, field in levels.schema.fields.items() if field.type == "dense_vector"]

"""Clauses that score by a value of the document: how near it is, or how many terms it asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from relevance.dates import duration
from relevance.engines.embedded.bodies.fields import NumberIndex
from relevance.engines.embedded.bodies.hits import NONE, Hits
from relevance.engines.embedded.bodies.leaves import value_query
from relevance.engines.embedded.bodies.minimum import required
from relevance.engines.embedded.bodies.nodes import MatchNone, Node
from relevance.engines.embedded.bodies.options import anything, minimum, name, single
from relevance.errors import NotInterpretedError, unknown
from relevance.values import date_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relevance.engines.embedded.bodies.clauses import Clause
    from relevance.engines.embedded.bodies.hits import Ints
    from relevance.engines.embedded.bodies.levels import Level


@dataclass(frozen=True)
class DistanceFeature(Node):
    """Documents with a date, the nearer to `origin` the higher; at `pivot` milliseconds from it half the boost."""

    path: str
    origin: int
    pivot: float

    def hits(self, level: Level, boost: np.float32, among: Ints | None = None) -> Hits:
        del among
        column = level.field(self.path)
        if not isinstance(column, NumberIndex) or not len(column.values):
            return NONE
        distances = np.abs(column.values - self.origin).astype(np.float64)
        nearest = np.minimum.reduceat(distances, column.starts[column.present])
        scores = np.float64(boost) * (self.pivot / (self.pivot + nearest))
        return Hits(column.present, scores.astype(np.float32))

    def __str__(self) -> str:
        return f"DistanceFeature({self.path}, {self.origin}, {self.pivot})"


def distance_feature(clause: Clause) -> Node:
    """Read the clause `distance_feature`."""
    options = clause.options({"field": (name, None), "origin": (single, None), "pivot": (single, None)})
    for option, value in options.items():
        if value is None:
            raise clause.refuse(f"{option} is missing")
    field = clause.field(options["field"])
    if field is None:
        return MatchNone()
    if field.type != "date" or not field.doc_values or not field.indexed:
        raise clause.refuse(f"field {field.path!r} is a {field.kind}; allowed: dates, indexed and with doc_values")
    pivot = duration(options["pivot"])
    if pivot <= 0:
        raise clause.refuse(f"pivot = {options['pivot']!r}; a time above 0 is expected")
    # an origin that leaves out parts of a date means its end
    return DistanceFeature(field.path, date_of(field, options["origin"], round_up=True), pivot)


@dataclass(frozen=True)
class TermsSet(Node):
    """Documents that match at least so many of some queries: a number, or the value of a field."""

    nodes: tuple[Node, ...]
    least: int | str

    def rewritten(self, level: Level) -> Node:
        nodes = tuple(node.step(level) for node in self.nodes)
        if all(after is before for after, before in zip(nodes, self.nodes, strict=True)):
            return self
        return TermsSet(nodes, self.least)

    def hits(self, level: Level, boost: np.float32, among: Ints | None = None) -> Hits:
        del among
        totals, counts = np.zeros(level.size), np.zeros(level.size, dtype=np.int64)
        for node in self.nodes:
            docs, scores = node.hits(level, boost)
            totals[docs] += scores
            counts[docs] += 1
        docs = np.flatnonzero((counts > 0) & (counts >= self._least(level)))
        return Hits(docs, totals[docs].astype(np.float32))

    def is_live(self, level: Level) -> bool:
        return any(node.is_live(level) for node in self.nodes)

    def _least(self, level: Level) -> Ints:
        if isinstance(self.least, int):
            return np.full(level.size, self.least)
        least = np.full(level.size, len(self.nodes) + 1)  # so that documents without a value do not match
        column = level.field(self.least)
        if isinstance(column, NumberIndex) and len(column.values):
            least[column.present] = column.values[column.starts[column.present]]
        return least

    def parts(self) -> Sequence[Node]:
        return self.nodes

    def __str__(self) -> str:
        return f"({' '.join(map(str, self.nodes))})~{self.least}"


def terms_set(clause: Clause) -> Node:
    """Read the clause `terms_set`."""
    path, options = clause.of_field(
        "terms",
        {
            "minimum_should_match": (minimum, None),
            "minimum_should_match_field": (name, None),
            "minimum_should_match_script": (anything, None),
        },
        read=anything,
    )
    if options["minimum_should_match_script"] is not None:
        raise clause.refuse("minimum_should_match_script is not interpreted", NotInterpretedError)
    given = [options[key] for key in ("minimum_should_match", "minimum_should_match_field") if options[key] is not None]
    if len(given) != 1:
        raise clause.refuse("minimum_should_match or minimum_should_match_field is expected")
    if not isinstance(options["terms"], list):
        raise clause.refuse("terms: a list is expected")
    field, counted = clause.field(path), options["minimum_should_match_field"]
    if counted is not None:
        held = clause.field(counted)
        if held is None:
            raise clause.refuse(unknown("field", counted, clause.levels.schema.fields))
        if held.type not in ("long", "integer", "short", "byte") or not held.doc_values:
            raise clause.refuse(
                f"field {counted!r} is a {held.kind}; allowed: integers with doc_values", NotInterpretedError
            )
    listed = clause.values(path, options["terms"])
    if field is None or not listed:
        return MatchNone()
    least = counted or required(options["minimum_should_match"], len(listed))
    return TermsSet(tuple(value_query(clause.levels, field, term) for term in listed), least)

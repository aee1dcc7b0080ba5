"""The clause `function_score`: a query whose scores are combined with factors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from relevance.dates import duration
from relevance.engines.embedded.bodies.clauses import Clause, parse
from relevance.engines.embedded.bodies.fields import NumberIndex
from relevance.engines.embedded.bodies.functions import (
    BOOST_MODES,
    DECAYS,
    MODIFIERS,
    SCORE_MODES,
    VALUE_MODES,
    Applied,
    Decay,
    FieldValue,
    Function,
    One,
    Table,
    UnusableFactorError,
    combined,
    factor,
)
from relevance.engines.embedded.bodies.hits import Hits, constant
from relevance.engines.embedded.bodies.nodes import MatchAll, Node, rewrite
from relevance.engines.embedded.bodies.options import (
    anything,
    choice,
    decimal,
    name,
    not_negative,
    single_precision,
)
from relevance.errors import InputError, NotInterpretedError, unknown
from relevance.values import date_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relevance.engines.embedded.bodies.functions import Factors
    from relevance.engines.embedded.bodies.hits import Ints
    from relevance.engines.embedded.bodies.levels import Level
    from relevance.engines.embedded.bodies.nodes import Explanation
    from relevance.schema import Field

_FUNCTIONS = ("weight", "field_value_factor", *DECAYS)
_NOT_INTERPRETED = ("random_score", "script_score")
_CUT_IN_FILTERS = "function_score: min_score where no score counts: boosts around it may move its cut on a server"
_MOST = np.finfo(np.float32).max


class Part(NamedTuple):
    """A function, where it applies (None: everywhere), and its weight."""

    function: One | FieldValue | Decay
    filter: Node | None
    weight: np.float32 | None

    def __str__(self) -> str:
        is_weighted = self.weight is not None and not isinstance(self.function, One)
        weight = f" * weight {self.weight:g}" if is_weighted else ""
        return f"{self.function}{weight}{'' if self.filter is None else f' where {self.filter}'}"


@dataclass(frozen=True)
class FunctionScore(Node):
    """Combines the scores of a query with a factor of each document; the names are Elasticsearch's."""

    combines = True
    node: Node
    functions: tuple[Part, ...]
    score_mode: str
    boost_mode: str
    max_boost: np.float32
    min_score: float | None
    place: str = field(compare=False)

    def rewritten(self, level: Level) -> Node:
        node = self.node.step(level)
        parts = tuple(
            part if part.filter is None else part._replace(filter=rewrite(part.filter, level))
            for part in self.functions
        )
        if node is self.node and all(a.filter is b.filter for a, b in zip(parts, self.functions, strict=True)):
            return self
        return FunctionScore(node, parts, self.score_mode, self.boost_mode, self.max_boost, self.min_score, self.place)

    def hits(self, level: Level, boost: np.float32, among: Ints | None = None) -> Hits:
        if self.functions and self.boost_mode == "replace":
            found = constant(self.node.docs(level, among), np.float32(0))
        else:
            found = self.node.hits(level, boost, among)
        if self.functions:
            try:
                factors = self._factors(level, found.docs)
                found = Hits(found.docs, combined(found.scores, factors, self.boost_mode, self.max_boost))
            except UnusableFactorError as error:
                raise InputError(f"{self.place}: {error}") from None
        if self.min_score is None:
            return found
        kept = found.scores >= np.float32(self.min_score)
        return Hits(found.docs[kept], found.scores[kept])

    def docs(self, level: Level, among: Ints | None = None) -> Ints:
        if self.min_score is None:
            return self.node.docs(level, among)
        level.catalogue.notes.add(_CUT_IN_FILTERS)
        return super().docs(level, among)

    def _factors(self, level: Level, docs: Ints) -> Factors:
        applied = [_applied(part, level, docs) for part in self.functions]
        is_alone = len(self.functions) == 1 and self.functions[0].filter is None
        return factor(applied, "first" if is_alone else self.score_mode, len(docs))

    def explain(self, level: Level, doc: int, boost: np.float32) -> Explanation | None:
        score = self.hits(level, boost).at(doc)
        if score is None:
            return None
        inner = self.node.explain(level, doc, boost)
        details = [] if inner is None else [inner]
        if self.functions:
            details.append(self._explained_factor(level, doc))
        return {"value": float(score), "description": f"function score, {self._sign()} of:", "details": details}

    def _sign(self) -> str:
        return {"multiply": "product", "replace": "replacement"}.get(self.boost_mode, self.boost_mode)

    def _explained_factor(self, level: Level, doc: int) -> Explanation:
        docs = np.array([doc])
        total = float(self._factors(level, docs)[0])
        details: list[Explanation] = []
        for part in self.functions:
            applied = _applied(part, level, docs)
            if isinstance(applied.applies, slice) or applied.applies[0]:
                value = float(applied.factors(applied.applies)[0]) * float(1 if part.weight is None else part.weight)
                details.append({"value": value, "description": f"factor: {part}", "details": []})
        every = {"value": total, "description": f"function score, score mode [{self.score_mode}]", "details": details}
        most: Explanation = {"value": float(self.max_boost), "description": "maxBoost", "details": []}
        return {"value": min(total, float(self.max_boost)), "description": "min of:", "details": [every, most]}

    def is_live(self, level: Level) -> bool:
        return self.node.is_live(level)

    def parts(self) -> Sequence[Node]:
        return (self.node,)

    def __str__(self) -> str:
        return f"function score ({self.node})"


def _applied(part: Part, level: Level, docs: Ints) -> Applied:
    function = part.function
    applies = slice(None) if part.filter is None else part.filter.matches(level, docs)
    numbers = level.in_lane(docs)
    table = _table(function, level.lane)
    return Applied(lambda where: function.checked(table.of(numbers[where])), applies, part.weight)


def _table(function: Function, level: Level) -> Table:
    """The factors of all documents, worked out once."""
    known = level.tables.get(function)
    if known is None:
        column = None if function.field is None else level.field(function.field)
        known = function.table(column if isinstance(column, NumberIndex) else None, level.every)
        level.tables[function] = known
    return known


def function_score(clause: Clause) -> Node:
    """Read the clause `function_score`."""
    body = clause.members()
    alone = {option: value for option, value in body.items() if option in (*_FUNCTIONS, *_NOT_INTERPRETED)}
    options = clause.options(
        {
            "query": (anything, None),
            "functions": (anything, None),
            "score_mode": (choice(*SCORE_MODES), "multiply"),
            "boost_mode": (choice(*BOOST_MODES), "multiply"),
            "max_boost": (single_precision, float(_MOST)),
            "min_score": (single_precision, None),
        },
        {option: value for option, value in body.items() if option not in alone},
        nulls=True,
    )
    listed = options["functions"]
    if alone and (listed is not None or len(alone) > 1):
        raise clause.refuse(f"{', '.join(alone)}: one function, or a list of functions, is expected")
    if listed is not None and not isinstance(listed, list):
        raise clause.refuse("functions: a list is expected")
    places = [f"{clause.place}.functions[{at}]" for at in range(len(listed or ()))]
    parts = [(clause.place, alone)] if alone else zip(places, listed or (), strict=True)
    node = MatchAll() if options["query"] is None else clause.query(options["query"], "query")
    return FunctionScore(
        node,
        tuple(_part(clause, one, place) for place, one in parts),
        options["score_mode"],
        options["boost_mode"],
        np.float32(options["max_boost"]),
        options["min_score"],
        clause.place,
    )


def _part(clause: Clause, body: Any, place: str) -> Part:
    if not isinstance(body, Mapping):
        raise InputError(f"{place}: an object is expected")
    for key in body:
        if key in _NOT_INTERPRETED:
            raise NotInterpretedError(f"{place}: the function {key!r} is not interpreted by the embedded engine")
        if key not in (*_FUNCTIONS, "filter"):
            raise InputError(f"{place}: {unknown('function', key, _FUNCTIONS)}")
    named = [key for key in body if key not in ("filter", "weight")]
    if len(named) > 1 or not (named or body.get("weight") is not None):
        raise InputError(f"{place}: one function is expected; allowed: {', '.join(_FUNCTIONS)}")
    function: One | FieldValue | Decay = One()
    if named:
        inner = Clause(named[0], body[named[0]], f"{place}.{named[0]}", clause.levels, clause.path)
        function = _field_value(inner) if named[0] == "field_value_factor" else _decay(inner)
    try:
        weight = None if body.get("weight") is None else np.float32(_weight(body["weight"]))
    except ValueError as error:
        raise InputError(f"{place}.weight: {error}") from None
    filters = body.get("filter")
    held = None if filters is None else parse(filters, f"{place}.filter", clause.levels, clause.path, clause.depth + 1)
    return Part(function, None if list(filters or ()) == ["match_all"] else held, weight)


def _weight(value: Any) -> float:
    weight = not_negative(value)
    if math.copysign(1, weight) < 0:
        raise ValueError("a number of 0 or more is expected")
    return weight


def _number_field(clause: Clause, path: str) -> Field | None:
    found = clause.field(path)
    if found is not None and not (found.is_number and found.doc_values):
        raise clause.refuse(f"field {path!r} is a {found.type}; allowed: numbers and dates, with doc_values")
    return found


def _field_value(clause: Clause) -> FieldValue:
    options = clause.options(
        {
            "field": (name, None),
            "factor": (single_precision, 1.0),
            "modifier": (choice(*MODIFIERS), "none"),
            "missing": (decimal, None),
        },
        nulls=True,
    )
    if options["field"] is None:
        raise clause.refuse("field is missing")
    if _number_field(clause, options["field"]) is None and options["missing"] is None:
        raise clause.refuse(unknown("field", options["field"], clause.levels.schema.fields))
    return FieldValue(options["field"], np.float32(options["factor"]), options["modifier"], options["missing"])


def _decay(clause: Clause) -> Decay:
    members = dict(clause.members())
    mode = str(members.pop("multi_value_mode", "min")).lower()
    if mode not in VALUE_MODES:
        raise clause.refuse(unknown("multi_value_mode", mode, VALUE_MODES))
    if len(members) != 1 or not isinstance(next(iter(members.values())), Mapping):
        raise clause.refuse("one field with its origin and scale is expected")
    ((path, settings),) = members.items()
    held = _number_field(clause, path)
    if held is None:
        raise clause.refuse(unknown("field", path, clause.levels.schema.fields))
    options = clause.options(
        {"origin": (anything, None), "scale": (anything, None), "offset": (anything, "0"), "decay": (decimal, 0.5)},
        settings,
    )
    is_date = held.type == "date"
    if options["origin"] is None:
        way_out = "; now would give another result tomorrow: name a date" if is_date else ""
        kind = NotInterpretedError if is_date else InputError
        raise clause.refuse(f"{path}: origin is missing{way_out}", kind)
    read = duration if is_date else decimal
    try:
        origin = float(date_of(held, options["origin"])) if is_date else decimal(options["origin"])
        scale, offset = read(options["scale"]), 0.0 if options["offset"] in (0, "0") else read(options["offset"])
    except (InputError, ValueError) as error:
        raise clause.refuse(f"{path}: {error}", type(error) if isinstance(error, InputError) else InputError) from None
    if scale <= 0 or offset < 0 or not 0 < options["decay"] < 1:
        raise clause.refuse(f"{path}: scale above 0, offset of 0 or more and decay between 0 and 1 are expected")
    return Decay(path, clause.name, origin, scale, offset, options["decay"], mode)

"""A text in several fields, combined in each of Elasticsearch's ways."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.engines.embedded.bodies.clauses import (
    TEXT,
    Clause,
    anything,
    choice,
    decimal,
    match_options,
    not_negative,
)
from relevance.engines.embedded.bodies.nodes import DisMax, MatchNone, Node, boosted
from relevance.engines.embedded.bodies.text import (
    CrossFields,
    Match,
    MatchType,
    OneField,
    analyzed,
    analyzer_of,
    field_query,
    with_minimum,
    without_terms,
)
from relevance.values import text_of

if TYPE_CHECKING:
    from relevance.schema import Field

_KINDS: dict[str, MatchType] = {
    "best_fields": "boolean",
    "most_fields": "boolean",
    "cross_fields": "boolean",
    "phrase": "phrase",
    "phrase_prefix": "phrase_prefix",
    "bool_prefix": "boolean_prefix",
}
_ADDED_UP = ("most_fields", "bool_prefix")
_NOT_FUZZY = ("cross_fields", "phrase", "phrase_prefix")


def multi_match(clause: Clause) -> Node:
    """Read the clause `multi_match`."""
    options = clause.options(
        {
            **TEXT,
            "query": (anything, None),
            "fields": (anything, []),
            "type": (choice(*_KINDS), "best_fields"),
            "tie_breaker": (decimal, None),
        }
    )
    if options["query"] is None:
        raise clause.refuse("query is missing")
    kind, how = options["type"], match_options(options)
    if how.fuzziness is not None and kind in _NOT_FUZZY:
        raise clause.refuse(f"fuzziness with type = {kind}; allowed with: {', '.join(set(_KINDS) - set(_NOT_FUZZY))}")
    names = options["fields"] if isinstance(options["fields"], list) else [options["fields"]]
    if not names or "*" in names:
        how = replace(how, lenient=True)
    fields = _fields(clause, names or ["*"])
    if not fields:
        return MatchNone()
    tie = float(kind in _ADDED_UP) if options["tie_breaker"] is None else options["tie_breaker"]
    if kind == "cross_fields":
        nodes = _cross_fields(clause, fields, options["query"], how, tie)
    else:
        nodes = [
            boosted(
                with_minimum(field_query(clause.levels, field, options["query"], _KINDS[kind], how), how.minimum),
                boost,
            )
            for field, boost in fields
        ]
    if not nodes:
        return without_terms(how)
    return nodes[0] if len(nodes) == 1 else DisMax(tuple(nodes), tie)


_WITHOUT_TEXT = (
    "dense_vector",
    "geo_point",
    "geo_shape",
    "point",
    "shape",
    "binary",
    "histogram",
    "aggregate_metric_double",
)
"""Types of fields that a pattern never means."""


def _fields(clause: Clause, names: list[Any]) -> list[tuple[Field, float]]:
    """The fields that names and patterns name: of equal names the last boost counts, else boosts are multiplied."""
    named: dict[str, np.float32] = {}
    for name in names:
        path, caret, factor = str(name).partition("^")
        try:
            named[path] = np.float32(not_negative(factor)) if caret else np.float32(1)
        except ValueError as error:
            raise clause.refuse(f"boost of the field {name!r}; {error}") from None
    boosts: dict[str, np.float32] = {}
    for path, own in named.items():
        held = clause.levels.schema.named(path)
        if not held:
            clause.field(path)
        for one, field in held.items():
            if "*" in path and (field.type in _WITHOUT_TEXT or not field.indexed):
                continue
            clause.field(one)
            if field.type != "dense_vector":
                boosts[one] = boosts.get(one, np.float32(1)) * own
    return [(clause.levels.schema.fields[path], float(boost)) for path, boost in boosts.items()]


def _cross_fields(clause: Clause, fields: list[tuple[Field, float]], value: Any, how: Match, tie: float) -> list[Node]:
    """One query for each group of fields with the same analyzer."""
    groups: dict[str, list[tuple[OneField, float]]] = {}
    for field, boost in fields:
        analyzer = f"text {analyzer_of(field, 'boolean', how)}" if field.type == "text" or how.analyzer else ""
        groups.setdefault(analyzer or f"value {field.normalizer}", []).append(
            (OneField(clause.levels, field, how), boost)
        )
    nodes: list[Node] = []
    for group, members in groups.items():
        builder = members[0][0] if len(members) == 1 else CrossFields(members, tie)
        for one, _ in members if len(members) > 1 else ():
            one.refuse("cross_fields", "wildcard", "match_only_text", "search_as_you_type", "constant_keyword")
        if group.startswith("text "):
            node = analyzed(clause.levels, builder, group.removeprefix("text "), text_of(value), "boolean", how)
        else:
            node = builder.term(value if len(members) == 1 else text_of(value))
        if node is None:
            continue
        node = with_minimum(node, how.minimum)
        nodes.append(boosted(node, members[0][1]) if len(members) == 1 else node)
    return nodes

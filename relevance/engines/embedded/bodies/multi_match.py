"""A text in several fields, combined in each of Elasticsearch's ways."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from relevance.engines.embedded.bodies.clauses import (
    TEXT,
    Clause,
    match_options,
)
from relevance.engines.embedded.bodies.nodes import DisMax, MatchNone, Node, boosted
from relevance.engines.embedded.bodies.options import boost_value, choice, flag, names, share, single
from relevance.engines.embedded.bodies.text import (
    CrossFields,
    Match,
    MatchType,
    NoTerms,
    OneField,
    analyzed,
    analyzer_of,
    field_query,
    with_minimum,
    without_terms,
)
from relevance.engines.embedded.bodies.words import Unknown
from relevance.values import text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relevance.engines.embedded.bodies.levels import Levels
    from relevance.schema import Field

Fields: TypeAlias = "list[tuple[Field, float]]"
"""Fields, and the boost of each."""

KINDS: dict[str, MatchType] = {
    "best_fields": "boolean",
    "most_fields": "boolean",
    "cross_fields": "boolean",
    "phrase": "phrase",
    "phrase_prefix": "phrase_prefix",
    "bool_prefix": "boolean_prefix",
}
ADDED_UP = ("most_fields", "bool_prefix")
_LEAST_BUCKETS, _FULL = 16, 0.75  # of a Java HashMap
_NOT_FUZZY = ("cross_fields", "phrase", "phrase_prefix")


def multi_match(clause: Clause) -> Node:
    """Read the clause `multi_match`."""
    options = clause.options(
        {
            **TEXT,
            "lenient": (flag, None),
            "query": (single, None),
            "fields": (names, ()),
            "type": (choice(*KINDS), "best_fields"),
            "tie_breaker": (share, None),
        }
    )
    if options["query"] is None:
        raise clause.refuse("query is missing")
    kind, how = options["type"], match_options(options)
    if how.fuzziness is not None and kind in _NOT_FUZZY:
        raise clause.refuse(f"fuzziness with type = {kind}; allowed with: {', '.join(set(KINDS) - set(_NOT_FUZZY))}")
    fields, everything = fields_of(clause, options["fields"])
    tie = options["tie_breaker"]
    how = replace(how, lenient=how.lenient or (everything and options["lenient"] is None))
    return of_fields(clause.levels, fields, options["query"], kind, how, tie)


def of_fields(  # noqa: PLR0913, PLR0917 - what a text in several fields is
    levels: Levels, fields: Fields, value: Any, kind: str, how: Match, tie_breaker: float | None = None
) -> Node:
    """Match a value on several fields, by `kind`, one of `KINDS`."""
    if not fields:
        return MatchNone()
    tie = float(kind in ADDED_UP) if tie_breaker is None else tie_breaker
    if kind == "cross_fields":
        nodes = _cross_fields(levels, fields, value, how, tie)
    else:
        nodes = [
            boosted(with_minimum(field_query(levels, field, value, KINDS[kind], how), how.minimum), boost)
            for field, boost in fields
        ]
    nodes = [node for node in nodes if not isinstance(node, NoTerms)]
    if not nodes:
        return without_terms(how)
    return best_of(nodes, tie)


def best_of(nodes: Sequence[Node], tie: float) -> Node:
    """The best of some queries, or the only one."""
    return nodes[0] if len(nodes) == 1 else DisMax(tuple(nodes), tie)


_WITHOUT_TEXT = (
    *("dense_vector", "geo_point", "geo_shape", "point", "shape", "binary", "histogram", "aggregate_metric_double"),
)
"""Types of fields that a pattern never means."""


def fields_of(clause: Clause, named: Sequence[str]) -> tuple[Fields, bool]:
    """The fields that names and patterns name, all where there are none; and whether it is all of them.

    Of equal names the last boost counts, else boosts are multiplied.
    """
    everything = not named or "*" in named
    boost_ofs: dict[str, np.float32] = {}
    for name in named or ["*"]:
        path, caret, factor = name.partition("^")
        try:
            boost_ofs[path] = np.float32(boost_value(factor)) if caret else np.float32(1)
        except ValueError as error:
            raise clause.refuse(f"boost of the field {name!r}; {error}") from None
    boosts: dict[str, np.float32] = {}
    for path, own in boost_ofs.items():
        held = clause.levels.schema.named(path)
        if not held:
            clause.field(path)
        for one, field in held.items():
            if "*" in path and (field.type in _WITHOUT_TEXT or not field.indexed):
                continue
            clause.field(one)
            if field.type != "dense_vector":
                boosts[one] = boosts.get(one, np.float32(1)) * own
    return [(clause.levels.schema.fields[path], float(boost)) for path, boost in boosts.items()], everything


def _in_order_of_hashes(fields: Fields) -> Fields:
    """The fields as a server's `HashMap` lists them: the first of a group says whether paths of words are phrases."""
    buckets = _LEAST_BUCKETS
    while len(fields) > _FULL * buckets:
        buckets *= 2

    def bucket(path: str) -> int:
        number = 0
        for unit in np.frombuffer(path.encode("utf-16-le"), dtype="<u2").tolist():
            number = (31 * number + unit) & 0xFFFF_FFFF
        return (number ^ number >> 16) % buckets

    return sorted(fields, key=lambda one: (bucket(one[0].path), one[0].path))


def _cross_fields(levels: Levels, fields: Fields, value: Any, how: Match, tie: float) -> list[Node]:
    """One query for each group of fields with the same analyzer."""
    groups: dict[str, list[tuple[OneField, float]]] = {}
    for field, boost in _in_order_of_hashes(fields):
        analyzer = f"text {analyzer_of(field, 'boolean', how)}" if field.type == "text" or how.analyzer else ""
        groups.setdefault(analyzer or f"value {field.normalizer}", []).append((OneField(levels, field, how), boost))
    nodes: list[Node] = []
    text = value if isinstance(value, Unknown) else text_of(value)
    for group, members in groups.items():
        builder = members[0][0] if len(members) == 1 else CrossFields(members, tie)
        for one, _ in members if len(members) > 1 else ():
            one.refuse("cross_fields", "wildcard", "match_only_text", "search_as_you_type", "constant_keyword")
        if group.startswith("text "):
            node = analyzed(levels, builder, group.removeprefix("text "), text, "boolean", how)
        else:
            node = builder.term(value if len(members) == 1 else text)
        if node is None:
            continue
        node = with_minimum(node, how.minimum)
        nodes.append(boosted(node, members[0][1]) if len(members) == 1 else node)
    return nodes

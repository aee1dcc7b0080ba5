"""Why a product has its score: the clauses and terms that made it, as parts that add up to it.

Engines explain a score as Elasticsearch does, by a tree of values and descriptions. `parts_of` reduces it: each node
hands what it contributes to those that made it, so that the parts add up to the score whatever lies between them.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["Explanation", "Node", "Part", "Tree", "gap_words", "parts_of", "read_tree", "with_vectors"]


@dataclass(frozen=True)
class Part:
    """What a clause, or one of its terms, adds to a score.

    Attributes:
        clause: `match`, `phrase`, `vector`, `filter`, … .
        field: that it looks into; "" where it looks into none, or that is not known.
        term: what it looks for there.
        value: what it adds; 0 where it found nothing, or decides only which products come.
        how: what the value is made of: `boost 8 * idf 2.31 * tf 0.45`.
    """

    clause: str
    field: str
    term: str
    value: float
    how: str = ""


@dataclass(frozen=True)
class Explanation:
    """The score of a product for one request to an engine.

    Attributes:
        score: as the engine gives it; None where the product is no hit.
        parts: add up to it; those of value 0 say what was not found.
    """

    score: float | None
    parts: tuple[Part, ...]


class Node(Protocol):
    """A node of an explanation, as Lucene has it."""

    @property
    def value(self) -> float:
        """What it contributes to the node above it."""

    @property
    def description(self) -> str:
        """How that is made of the details."""

    @property
    def details(self) -> Sequence[Node]:
        """The nodes below it."""


@dataclass(frozen=True)
class Tree:
    """A node that was read."""

    value: float
    description: str
    details: tuple[Tree, ...] = ()


_DEEPEST = 60


def read_tree(answer: Any, deepest: int = _DEEPEST) -> Tree:
    """Read what a server says (`_explanation`); what is deeper than any search of people's is left out."""
    if not isinstance(answer, dict):
        return Tree(0.0, "")
    value, details = answer.get("value"), answer.get("details")
    below = details if isinstance(details, list) and deepest else []
    return Tree(
        float(value) if isinstance(value, int | float) else 0.0,
        str(answer.get("description", "")),
        tuple(read_tree(one, deepest - 1) for one in below),
    )


# reducing

_WEIGHT = re.compile(r"weight\((.*) in \d+\)", re.DOTALL)
_NESTED = re.compile(r"Score based on (\d+) child docs .*score mode (\w+)")
_TIES = re.compile(r"max plus ([\d.eE-]+) times others of")
_FREQUENCY = re.compile(r"freq=([\d.]+)")
_FUNCTION = re.compile(
    r"field value function|Function for field|random score|script score|match filter|factor of|exp\(|max\("
)
_OF_FIELD = re.compile(r"([\w.-]+):(.*)", re.DOTALL)
_NEAREST = re.compile(r"within top k documents|knn\(([\w.-]+)")
_FILTER = "match on required clause"
_OWN_FILTERS = ("[field=_primary_term]", "_nested_path:")  # that the server lays over every search of nested documents


def parts_of(node: Node) -> tuple[Part, ...]:
    """Reduce an explanation to parts that add up to its value, in the order in which they stand."""
    return tuple(_parts(node, node.value, ()))


def with_vectors(parts: Sequence[Part], sections: Sequence[tuple[str, float]]) -> tuple[Part, ...]:
    """Name the fields of what vectors add, which servers do not say.

    A server gives a part for each knn section, or one for all of them, which is split between them.

    Args:
        parts: of an explanation.
        sections: the field of each section, and what it gives alone.
    """
    total, several = sum(share for _, share in sections), sum(part.clause == "vector" for part in parts) > 1
    named: list[Part] = []
    for part in parts:
        if part.clause != "vector" or not total:
            named.append(part)
        elif several:
            field, _ = min(sections, key=lambda section: abs(section[1] - part.value))
            named.append(replace(part, field=field))
        else:
            shares = ((field, part.value * share / total) for field, share in sections if share)
            named += (replace(part, field=field, value=value) for field, value in shares)
    return tuple(named)


_GAPS = 3


def gap_words(behind: tuple[str, Explanation], ahead: tuple[str, Explanation]) -> str:
    """Say in one line what a product that is ahead gets and the one behind it does not.

    `p1 has no heater; p2 is ahead by title kitchen (25.23, p1: 0), vector whole (0.61, p1: 0.42)`.
    """
    added = [_by_clause(explanation) for _, explanation in (behind, ahead)]
    gaps = {key: added[1].get(key, 0.0) - added[0].get(key, 0.0) for key in {**added[1], **added[0]}}
    largest = sorted((key for key in gaps if gaps[key] > 0), key=lambda key: -gaps[key])[:_GAPS]
    found = {term for (_, term), value in added[0].items() if value}
    lacking = [term for term in dict.fromkeys(term for _, term in added[0]) if term and term not in found]
    words = [f"{behind[0]} has no {', '.join(lacking)}"] if lacking else []
    if behind[1].score is None:
        words.append(f"{behind[0]} is no hit")
    if largest:
        each = (
            f"{' '.join(filter(None, key))} ({added[1].get(key, 0.0):.4g}, {behind[0]}: {added[0].get(key, 0.0):.4g})"
            for key in largest
        )
        words.append(f"{ahead[0]} is ahead by {', '.join(each)}")
    return "; ".join(words)


def _by_clause(explanation: Explanation) -> dict[tuple[str, str], float]:
    """What is added, by field and term."""
    added: dict[tuple[str, str], float] = {}
    for part in explanation.parts:
        key = (part.field or part.clause, part.term)
        added[key] = added.get(key, 0.0) + part.value
    return added


def _parts(node: Node, amount: float, made_by: tuple[str, ...]) -> Iterator[Part]:
    """The parts of a node that contributes an amount to the score, which what is in `made_by` has made of its value."""
    text, details = node.description, node.details
    if text.startswith(_FILTER):
        what = next((one.description for one in details if one.value), "")
        if not any(own in what for own in _OWN_FILTERS):
            yield Part("filter", "", what, 0.0)
    elif not (details or node.value) and text.startswith("sum of"):
        return  # of clauses that decide which products come, and add nothing
    elif not details or _WEIGHT.match(text):
        yield _how(_leaf(node, amount), node, made_by)
    elif text.startswith("function score, replace of"):
        yield from _parts(details[-1], amount, made_by)
    elif "product of" in text or text.startswith("function score, multiply of"):
        main = next((one for one in details if one.details), details[0])
        same = math.isclose(main.value, node.value, rel_tol=1e-6)
        others = [one for one in details if one is not main]
        yield from _parts(main, amount, made_by if same else (*made_by, _function(others)))
    else:
        shares = _shares(node)
        same = math.isclose(sum(shares), node.value, rel_tol=1e-4)
        yield from _shared(details, shares, amount, made_by if same else (*made_by, _kind(text)))


def _shares(node: Node) -> list[float]:
    """What each detail has of a value: of a maximum the best alone, of a minimum the lowest."""
    values = [one.value for one in node.details]
    best = values.index(min(values) if node.description.startswith("min of") else max(values))
    if ties := _TIES.match(node.description):
        return [value * (1 if at == best else float(ties[1])) for at, value in enumerate(values)]
    if node.description.startswith(("max of", "min of")):
        return [value if at == best else 0.0 for at, value in enumerate(values)]
    return values


def _kind(text: str) -> str:
    """What makes a value of others, in short."""
    nested = _NESTED.match(text)
    return f"{nested[2].lower()} of {nested[1]} nested documents" if nested else text.rstrip(":")


def _shared(
    details: Sequence[Node], shares: Sequence[float], amount: float, made_by: tuple[str, ...]
) -> Iterator[Part]:
    """The parts of several nodes, which share an amount."""
    total = sum(shares)
    for one, share in zip(details, shares, strict=True):
        if share or one.description.startswith(_FILTER):
            yield from _parts(one, amount * share / total if total else 0.0, made_by)


def _leaf(node: Node, amount: float) -> Part:
    """A part of a node by itself: a term, `weight(title:oak in 3)`, a phrase, a vector, a function, a constant."""
    weight = _WEIGHT.match(node.description)
    if weight is None:
        text = node.description
        nearest = _NEAREST.match(text)
        if nearest is not None:
            return Part("vector", nearest[1] or "", "", amount)
        of_field = _OF_FIELD.fullmatch(text)
        field, term = of_field.groups() if of_field else ("", text)
        kind = "function" if _FUNCTION.match(text) else "phrase" if term.startswith('"') else "constant"
        return Part(kind, field, term, amount)
    kind = "match"
    if weight[1].startswith("Synonym("):
        field, _, first = weight[1][len("Synonym(") : -1].partition(":")
        kind, term = "synonyms", first.replace(f" {field}:", " ")
    else:
        field, _, term = weight[1].partition(":")
        kind = "phrase" if term.startswith('"') else kind
    below = [*node.details, *(one for score in node.details for one in score.details)]
    numbers = {one.description.partition(",")[0]: one.value for one in below}
    known = [(name, numbers[name]) for name in ("boost", "idf", "tf") if name in numbers]
    how = " * ".join(f"{name} {value:.5g}" for name, value in known)
    frequency = next(filter(None, (_FREQUENCY.search(one.description) for one in (node, *node.details))), None)
    if frequency and float(frequency[1]) != 1:
        how += f", {float(frequency[1]):g} times"
    return Part(kind, field, term, amount, how)


def _how(part: Part, node: Node, made_by: tuple[str, ...]) -> Part:
    """A part with what has made it another than its own value."""
    if math.isclose(part.value, node.value, rel_tol=1e-6) or not node.value:
        return part
    words = f" ({'; '.join(made_by)})" if made_by else ""
    return replace(part, how=f"{part.how} * {part.value / node.value:.5g}{words}".removeprefix(" "))


def _function(nodes: Iterable[Node]) -> str:
    """What a factor is: the functions of a function score, by their own descriptions."""
    nodes = list(nodes)
    while nodes:
        if found := [one.description for one in nodes if _FUNCTION.match(one.description)]:
            return ", ".join(found)
        nodes = [inner for one in nodes for inner in one.details]
    return "function score"

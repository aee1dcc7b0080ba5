"""Why a product has its score: the clauses and terms that made it, as parts that add up to it.

Engines explain a score as Elasticsearch does, by a tree of values and descriptions. `parts_of` reduces it: each node
hands what it contributes to those that made it, so that the parts add up to the score whatever lies between them.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from relevance.text import some

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Explanation", "Part", "Tree", "gap_words", "parts_of", "read_tree", "with_vectors"]


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
        left_out: of a product that is no hit, which clauses leave it out, a line each.
        lacking: words of the query that the product has in no field.
    """

    score: float | None
    parts: tuple[Part, ...]
    left_out: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tree:
    """A node of an explanation, as Lucene has it: what it adds to the one above, and how that is made of others."""

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
_OF_FIELD = re.compile(r"([\w.-]+):(.*)", re.DOTALL)
_NEAREST = re.compile(r"within top k documents|knn\(([\w.-]+)")
_FILTER = "match on required clause"


def parts_of(node: Tree) -> tuple[Part, ...]:
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


_GAPS, _MOVES, _TERMS = 3, 6, 5


def gap_words(behind: tuple[str, Explanation], ahead: tuple[str, Explanation]) -> str:
    """Say in one line what a product that is ahead gets and the one behind it does not.

    `p1 has no heater; p2 is ahead by title kitchen (25.23, p1: 0), vector whole (0.61, p1: 0.42)`.
    """
    added = [_by_clause(explanation) for _, explanation in (behind, ahead)]
    gaps = {key: added[1].get(key, 0.0) - added[0].get(key, 0.0) for key in {**added[1], **added[0]}}
    largest = sorted((key for key in gaps if gaps[key] > 0), key=lambda key: -gaps[key])[:_GAPS]
    words = [f"{behind[0]} has no {', '.join(behind[1].lacking)}"] if behind[1].lacking else []
    if behind[1].score is None:
        words.append(f"{behind[0]} is no hit")
    if largest:
        each = (
            f"{' '.join(filter(None, key))} ({added[1].get(key, 0.0):.4g}, {behind[0]}: {added[0].get(key, 0.0):.4g})"
            for key in largest
        )
        words.append(f"{ahead[0]} is ahead by {', '.join(each)}")
    return "; ".join(words)


def moved_parts(then: Explanation, now: Explanation) -> list[str]:
    """Say which clauses add another amount to a score than they did, the largest change first, and by what factor.

    Terms of a field that moved in one proportion stand on one line: `title oak, table: 3 -> 1.5 (boost 17.6 -> 8.8)`.
    """
    before, after = _by_clause(then), _by_clause(now)
    groups: dict[tuple[str, float], list[tuple[str, str]]] = {}
    for key in {**before, **after}:
        old, new = before.get(key, 0.0), after.get(key, 0.0)
        if not math.isclose(old, new, rel_tol=1e-5):
            groups.setdefault((key[0], float(f"{new / old:.4g}") if old else math.inf), []).append(key)
    moves = [
        (math.fsum(before.get(key, 0.0) for key in keys), math.fsum(after.get(key, 0.0) for key in keys), keys)
        for keys in groups.values()
    ]
    moves.sort(key=lambda move: -abs(move[1] - move[0]))
    lines = []
    for old, new, keys in moves[:_MOVES]:
        before_it, after_it = (_factors_of(one, keys[0]) for one in (then, now))
        changed = [
            f"{name} {value:g} -> {after_it[name]:g}"
            for name, value in before_it.items()
            if after_it.get(name, value) != value
        ]
        why = f" ({', '.join(changed)})" if changed else ""
        terms = some([term for _, term in keys if term], _TERMS)
        lines.append(f"{' '.join(filter(None, (keys[0][0], terms)))}: {old:.4g} -> {new:.4g}{why}")
    return [*lines, *([f"and {len(moves) - _MOVES:,} more that moved less"] if len(moves) > _MOVES else [])]


def _by_clause(explanation: Explanation) -> dict[tuple[str, str], float]:
    """What is added, by field and term."""
    added: dict[tuple[str, str], float] = {}
    for part in explanation.parts:
        key = (part.field or part.clause, part.term)
        added[key] = added.get(key, 0.0) + part.value
    return added


_NAMED = re.compile(r"(boost|idf|tf) ([\d.e+-]+)")


def _factors_of(explanation: Explanation, key: tuple[str, str]) -> dict[str, float]:
    """What the first part of a field and term is made of."""
    parts = (one for one in explanation.parts if (one.field or one.clause, one.term) == key and one.value)
    return {name: float(value) for part in parts for name, value in _NAMED.findall(part.how)[:3]}


def _parts(node: Tree, amount: float, factors: tuple[str, ...]) -> Iterator[Part]:
    """The parts of a node that contributes an amount to the score, which `factors` around it make of its value."""
    text, details = node.description.removeprefix("function score, "), node.details
    if text.startswith(_FILTER) or not (details or node.value or text != "sum of:"):
        return  # of clauses that decide which products come, and add nothing
    if label := _function(node):
        yield _how(Part("function", "", label, amount), node, factors)
    elif not details or _is_leaf(node):
        yield _how(_leaf(node, amount), node, factors)
    elif text.startswith(("replace of", "replacement of")):
        yield from _parts(details[-1], amount, factors)
    elif "product of" in text or text.startswith("multiply of"):
        main = next((one for one in details if one.details and not _function(one)), details[0])
        own = (_factor(one) for one in details if one is not main and one.value != 1)
        yield from _parts(main, amount, (*factors, *own))
    else:
        yield from _shared(node, amount, factors)


def _is_leaf(node: Tree) -> bool:
    """Whether it is a term, synonyms or a phrase; not a query with a factor, which a server calls a weight too."""
    weight = _WEIGHT.match(node.description)
    return weight is not None and not weight[1].startswith("FunctionScoreQuery(")


def _shared(node: Tree, amount: float, factors: tuple[str, ...]) -> Iterator[Part]:
    """The parts of several nodes, which share an amount; the best of a maximum, the least of a minimum have all."""
    details, text = node.details, node.description.removeprefix("function score, ")
    shares = [one.value for one in details]
    of_each: list[tuple[str, ...]] = [factors] * len(details)
    best = shares.index(min(shares) if text.startswith("min of") else max(shares))
    if ties := _TIES.match(text):
        factor, tie = float(ties[1]), (*factors, f"tie_breaker {float(ties[1]):g}")
        shares = [value * (1 if at == best else factor) for at, value in enumerate(shares)]
        of_each = [factors if at == best else tie for at in range(len(details))]
    elif text.startswith(("max of", "min of")):
        shares = [value if at == best else 0.0 for at, value in enumerate(shares)]
    total = sum(shares)
    if not math.isclose(total, node.value, rel_tol=1e-4):
        of_each = [(*factors, _kind(text))] * len(details)
    for one, share, words in zip(details, shares, of_each, strict=True):
        if share:
            yield from _parts(one, amount * share / total, words)


def _kind(text: str) -> str:
    """What makes a value of others, in short."""
    nested = _NESTED.match(text)
    return f"{nested[2].lower()} of {nested[1]} nested documents" if nested else text.rstrip(":")


def _leaf(node: Tree, amount: float) -> Part:
    """A part of a node by itself: a term, `weight(title:oak in 3)`, a phrase, a vector, a constant."""
    weight = _WEIGHT.match(node.description)
    if weight is None:
        nearest = _NEAREST.match(node.description)
        if nearest is not None:
            return Part("vector", nearest[1] or "", "", amount)
        text = query_words(node.description)
        of_field = _OF_FIELD.fullmatch(text)
        field, term = of_field.groups() if of_field else ("", text)
        return Part("phrase" if term.startswith('"') else "constant", field, term, amount)
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


def _how(part: Part, node: Tree, factors: tuple[str, ...]) -> Part:
    """A part with what has made it another than its own value."""
    if math.isclose(part.value, node.value, rel_tol=1e-6) or not node.value:
        return part
    words = f" ({'; '.join(factors)})" if factors else ""
    return replace(part, how=f"{part.how} * {part.value / node.value:.5g}{words}".removeprefix(" "))


# words for what servers say

_CLASSES = (
    (re.compile(r"ConstantScore\((.*)\)(?:\^[\d.]+)?", re.DOTALL), r"\1"),
    (re.compile(r"IndexOrDocValuesQuery\(indexQuery=(.*?), dvQuery=.*\)", re.DOTALL), r"\1"),
    (
        re.compile(r"(?:FieldExistsQuery|NormsFieldExistsQuery|DocValuesFieldExistsQuery) \[field=([\w.-]+)\]"),
        r"exists(\1)",
    ),
    (re.compile(r"\*:\*"), "all products"),
)


def query_words(text: str) -> str:
    """What a query is without the names of Lucene's classes around it: `brand:red`, `exists(price)`."""
    for pattern, words in _CLASSES:
        text = pattern.sub(words, text) if pattern.fullmatch(text) else text
    return text


_FIELD_VALUE = re.compile(
    r"field value function: (\w+)\(doc\['(.*?)'\]\.value(?:\?:[\d.Ee+-]+)? \* factor=([\d.Ee+-]+)\)"
)
_OF_DECAY = re.compile(r"Function for field (.*):")
_DECAYS = (("exp(-0.5*pow", "gauss"), ("exp(-", "exp"), ("max(0", "linear"))
_WEIGHTS = {"primaryWeight": "query_weight", "secondaryWeight": "rescore_query_weight", "weight": "weight"}
_OURS = "factor: "
_WHERE = "match filter: "
_MODE = re.compile(r"function score, score mode \[(\w+)\]")


def _function(node: Tree) -> str:
    """What a function of a function score is, `gauss(price)`, `log1p(sales * 2) where visible:T`; "" for all else."""
    text, details = node.description, node.details
    if value := _FIELD_VALUE.match(text):
        modifier, path, factor = value.groups()
        inner = path if float(factor) == 1 else f"{path} * {float(factor):g}"
        return f"{modifier}({inner})" if modifier != "none" else f"factor({inner})"
    if decay := _OF_DECAY.match(text):
        shapes = (name for begin, name in _DECAYS if details and details[0].description.startswith(begin))
        return f"{next(shapes, 'decay')}({decay[1]})"
    if text.startswith(_OURS):
        return text[len(_OURS) :]
    if text.startswith(("random score", "script score")):
        return text.partition(",")[0]
    if text.startswith("constant score 1.0 - no function"):
        return "weight"
    filters = [one for one in details if one.description.startswith(_WHERE)]
    others = [one for one in details if one not in filters]
    has_weight = len(others) == 2 and others[1].description == "weight"  # noqa: PLR2004 - a function and its weight
    label = _function(others[0]) if "product of" in text and (filters or has_weight) and others else ""
    if label and has_weight and label != "weight":
        label += f" * weight {others[1].value:g}"
    return label + "".join(f" where {query_words(one.description[len(_WHERE) :])}" for one in filters if label)


def _factor(node: Tree) -> str:
    """What a factor is, with its value: `sum of gauss(price) 0.41, log1p(sales) 4.1`."""
    if label := _function(node):
        return f"{label} {node.value:.5g}"
    text, details = node.description, node.details
    if mode := _MODE.match(text):
        each = ", ".join(_factor(one) for one in details)
        return f"{mode[1]} of {each}" if len(details) > 1 else each or "no function applies"
    if len(details) == 2 and details[1].description == "maxBoost":  # noqa: PLR2004 - the lower of both
        return _factor(details[0])
    if any(one.description == "secondaryWeight" for one in details):
        return f"rescore_query {node.value:.5g}"
    return f"{_WEIGHTS.get(text, _kind(query_words(text)))} {node.value:.5g}"

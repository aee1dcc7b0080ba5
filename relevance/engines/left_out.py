"""Which clauses of a search body leave a product out: each that decides is asked by itself whether it matches."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from relevance.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

Clause: TypeAlias = Mapping[str, Any]

_LONGEST = 120
_AROUND = {"constant_score": "filter", "function_score": "query", "boosting": "positive"}
"""Clauses that match what another one matches, and the member that holds it."""


def left_out(body: Mapping[str, Any], score_of: Callable[[Mapping[str, Any]], float | None]) -> Iterator[str]:
    """Say of a product that is no hit what leaves it out, a line for each place of the body.

    Args:
        body: of the search, without marks.
        score_of: what the product gets from another body; None where it is no hit of that.
    """

    def matches(clause: Clause) -> bool:
        return score_of({"query": {"bool": {"filter": [clause]}}}) is not None

    finds = "query" in body and matches(body["query"])
    if "query" in body and not finds:
        yield from _not_matched(body["query"], "query", matches)
    for place, section in _listed(body, "knn", ""):
        if finds or score_of({"knn": section}) is not None:
            finds = True
        else:
            yield from _not_near(section, place, matches)
    if "post_filter" in body and not matches(body["post_filter"]):
        yield from _not_matched(body["post_filter"], "post_filter", matches)
    if "min_score" in body:
        score = score_of({part: value for part, value in body.items() if part in ("query", "knn")})
        if score is not None and score < body["min_score"]:
            yield f"min_score: its score is {score:.5g}, the least is {body['min_score']}"


def _not_near(section: Mapping[str, Any], place: str, matches: Callable[[Clause], bool]) -> Iterator[str]:
    for inside, clause in _listed(section, "filter", place):
        if not matches(clause):
            yield from _not_matched(clause, inside, matches)
    nearest = f"the {section['k']} nearest" if "k" in section else "the nearest"
    yield f"{place}: not among {nearest} by {section.get('field')}"


def _not_matched(clause: Clause, place: str, matches: Callable[[Clause], bool]) -> Iterator[str]:
    """What of a clause that does not match is to blame, as deep inside as it can be told."""
    name: str = next(iter(clause), "")
    inner: Any = clause.get(name)
    here = f"{place}.{name}"
    if name == "bool":
        yield from _of_bool(inner, here, matches)
        return
    held = inner.get(_AROUND.get(name, "")) if isinstance(inner, Mapping) else None
    if name == "nested" and isinstance(inner, Mapping) and isinstance(inner.get("query"), Mapping):
        around = {key: value for key, value in inner.items() if key != "inner_hits"}
        yield from _not_matched(inner["query"], f"{here}.query", partial(_nested, around, matches))
    elif isinstance(held, Mapping) and not matches(held):
        yield from _not_matched(held, f"{here}.{_AROUND[name]}", matches)
    elif name == "function_score" and "min_score" in inner:
        yield f"{here}.min_score: its score is below {inner['min_score']}"
    else:
        yield f"{place}: no match of {_words(clause)}"


def _nested(around: Mapping[str, Any], matches: Callable[[Clause], bool], clause: Clause) -> bool:
    return matches({"nested": {**around, "query": clause}})


def _of_bool(inner: Mapping[str, Any], here: str, matches: Callable[[Clause], bool]) -> Iterator[str]:
    required = [one for part in ("must", "filter") for one in _listed(inner, part, here)]
    for place, clause in required:
        if not matches(clause):
            yield from _not_matched(clause, place, matches)
    for place, clause in _listed(inner, "must_not", here):
        if matches(clause):
            yield f"{place}: matches {_words(clause)}, which must not match"
    should = list(_listed(inner, "should", here))
    least = inner.get("minimum_should_match", 0 if required else 1)
    if not should or least == 0:
        return
    missing = [(place, clause) for place, clause in should if not matches(clause)]
    if len(should) == 1 and missing:
        ((place, clause),) = missing
        yield from _not_matched(clause, place, matches)
    elif len(missing) == len(should):
        yield f"{here}.should: none of its {len(should)} clauses matches"
    elif isinstance(least, str) or len(should) - len(missing) < least:
        which = shortened(", ".join(_words(clause) for _, clause in missing), _LONGEST)
        matching = f"{len(should) - len(missing)} of {len(should)} match, not {which}"
        yield f"{here}.minimum_should_match {least}: {matching}"


def _listed(inner: Mapping[str, Any], part: str, here: str) -> Iterator[tuple[str, Clause]]:
    """The clauses of a member, one or a list, each with its place."""
    clauses, place = inner.get(part) or [], f"{here}.{part}".removeprefix(".")
    if isinstance(clauses, list):
        yield from ((f"{place}[{at}]", clause) for at, clause in enumerate(clauses))
    else:
        yield place, clauses


_DECIDING = ("minimum_should_match", "operator", "type", "fuzziness", "slop")
"""Options that decide how much of a text has to match."""


def _words(clause: Clause) -> str:
    """A clause on one line, `term {"visible": true}`; what decides stands first, as the end of a long one is cut."""
    words = (f"{name} {json.dumps(_deciding_first(inner), default=str)}" for name, inner in clause.items())
    return shortened(" ".join(words), _LONGEST)


def _deciding_first(inner: Any) -> Any:
    if not isinstance(inner, Mapping):
        return inner
    first = [key for key in _DECIDING if key in inner]
    return {key: _deciding_first(inner[key]) for key in dict.fromkeys((*first, *inner))}

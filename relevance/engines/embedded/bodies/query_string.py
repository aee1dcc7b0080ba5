"""The clause `query_string`: Lucene's own syntax, with fields, AND, OR, NOT, ranges; what is misspelt is an error."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from relevance.engines.embedded.bodies.clauses import parse
from relevance.engines.embedded.bodies.edits import fuzziness
from relevance.engines.embedded.bodies.field_texts import FieldTexts
from relevance.engines.embedded.bodies.leaves import Term
from relevance.engines.embedded.bodies.multi_match import ADDED_UP, KINDS
from relevance.engines.embedded.bodies.nodes import Bool, Boost, MatchAll, MatchNone, Node, boosted
from relevance.engines.embedded.bodies.options import (
    Options,
    choice,
    constant_rewrite,
    edits,
    flag,
    name,
    not_negative,
    rewrite,
    whole,
)
from relevance.engines.embedded.bodies.simple_query_string import SHARED
from relevance.engines.embedded.bodies.text import NoTerms, with_minimum
from relevance.numerals import java_decimal

if TYPE_CHECKING:
    from relevance.engines.embedded.bodies.clauses import Clause
    from relevance.errors import InputError

_OPTIONS: Options = {
    **SHARED,
    "default_field": (name, ""),
    "quote_analyzer": (name, ""),
    "allow_leading_wildcard": (flag, True),
    "fuzziness": (edits, "AUTO"),
    "fuzzy_rewrite": (rewrite, ""),
    "rewrite": (constant_rewrite, ""),
    "phrase_slop": (whole, 0),
    "tie_breaker": (not_negative, None),
    "type": (choice(*KINDS), "best_fields"),
    "time_zone": (name, None),
    "escape": (flag, False),
    "enable_position_increments": (flag, True),
    "max_determinized_states": (whole, None),
}
_MOST_SLOP = 2**31 - 1
_SPECIAL = re.compile(r'([+\-!():^\[\]"{}~*?|&/\\])')

_SPACE = " \t\n\r\u3000"
_START = rf'(?:[^{_SPACE}+\-!():^\[\]"{{}}~*?\\/]|\\.)'
_LETTER = rf"(?:{_START}|[-+])"
_BOUND = r'("(?:[^"\\]|\\.)*"|[^\s\]}]+)'
_TOKENS = tuple(
    (kind, re.compile(pattern, re.DOTALL))
    for kind, pattern in (
        ("and", r"AND|&&"),
        ("or", r"OR|\|\|"),
        ("not", r"NOT|!"),
        ("plus", r"\+"),
        ("minus", r"-"),
        ("bare", rf"[+\-!][{_SPACE}]"),
        ("open", r"\("),
        ("close", r"\)"),
        ("colon", ":"),
        ("star", r"\*"),
        ("boost", r"\^[0-9]+(?:\.[0-9]+)?"),
        ("quoted", r'"(?:[^"\\]|\\.)*"'),
        ("term", rf"{_START}{_LETTER}*"),
        ("slop", rf"~(?:[0-9]+(?:(?:\.[0-9]+)?{_LETTER}+)?|{_LETTER}*)"),
        ("slop", r"~[0-9]+\.[0-9]+"),
        ("prefix", rf"{_START}{_LETTER}*\*"),
        ("wildcard", rf"(?:{_START}|[*?])(?:{_LETTER}|[*?])*"),
        ("regexp", r"/(?:\\/|[^/])*/"),
        ("range", rf"[\[{{]\s*{_BOUND}\s+TO\s+{_BOUND}\s*[\]}}]"),
    )
)
"""Of those that fit the longest counts, of equal ones the first."""

_NO_MORE_TERMS = ("colon", "star", "slop", "boost", "and", "or")
_COMPARED = (("<=", "lte"), (">=", "gte"), ("<", "lt"), (">", "gt"))
_ESCAPED = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)


class _Token(NamedTuple):
    kind: str
    image: str


def query_string(clause: Clause) -> Node:
    """Read the clause `query_string`."""
    options = clause.options(_OPTIONS)
    if options["query"] is None:
        raise clause.refuse("query is missing")
    if options["default_field"] and options["fields"]:
        raise clause.refuse("default_field beside fields; allowed: one of them")
    if options["default_field"]:
        options["fields"] = ("" if "^" in options["default_field"] else options["default_field"],)  # no boost there
    if options["tie_breaker"] is None:  # of all that is looked for, quoted or not
        options["tie_breaker"] = float(options["type"] in ADDED_UP)
    texts = FieldTexts.of(clause, options, options["type"])
    query = _SPECIAL.sub(r"\\\1", options["query"]) if options["escape"] else options["query"]
    parser = _Parser(query, clause, texts, options)
    node = parser.parse() if query.strip() else None
    if node is None:
        return MatchNone()
    if isinstance(node, Boost):
        return boosted(with_minimum(_with_positive(node.node), options["minimum_should_match"]), float(node.boost))
    return with_minimum(_with_positive(node), options["minimum_should_match"])


def _with_positive(node: Node) -> Node:
    """Whatever is left over where clauses only exclude."""
    if isinstance(node, Bool) and not (node.must or node.filter or node.should):
        return replace(node, filter=(MatchAll(),))
    return node


def _plain(image: str) -> str:
    """A text without the backslashes before its letters."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)) if match[1] else match[2], image)


class _Parser:
    def __init__(self, query: str, clause: Clause, texts: FieldTexts, options: dict[str, Any]) -> None:
        self._query = query
        self._clause = clause
        self._default = texts
        self._options = options
        self._tokens = [*self._cut(), _Token("end", ""), _Token("end", ""), _Token("end", "")]
        self._at = 0

    def parse(self) -> Node | None:
        node = self._group(self._default, "")
        self._take("end")
        return node

    def _cut(self) -> list[_Token]:
        tokens, at = [], 0
        while at < len(self._query):
            if self._query[at] in _SPACE:
                at += 1
                continue
            found = [_Token(kind, match[0]) for kind, pattern in _TOKENS if (match := pattern.match(self._query, at))]
            if not found:
                raise self._refused(self._query[at])
            tokens.append(max(found, key=lambda token: len(token.image)))
            at += len(tokens[-1].image)
        return tokens

    def _refused(self, image: str) -> InputError:
        way_out = "; a way out: simple_query_string" if image else " at its end; a way out: simple_query_string"
        return self._clause.refuse(f"query = {self._query!r}; {image!r} is not expected{way_out}")

    def _peek(self, ahead: int = 0) -> str:
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)].kind

    def _take(self, *kinds: str) -> str:
        token = self._tokens[self._at]
        if token.kind not in kinds:
            raise self._refused(token.image)
        self._at += 1
        return token.image

    def _group(self, texts: FieldTexts, field: str) -> Node | None:
        clauses: list[tuple[str, Node]] = []
        first: Node | None = None
        is_first = True
        while True:
            if self._peek() == self._peek(1) == "term" and self._peek(2) not in _NO_MORE_TERMS:
                node: Node | None = self._words(texts, clauses)
                first = node if is_first else first
            else:
                conjunction = "" if is_first else self._optional("and", "or")
                modifier = self._optional("plus", "minus", "not")
                node = self._clause_of(texts, field)
                self._add(clauses, conjunction, modifier, node)
                first = node if is_first and not modifier else first
            is_first = False
            if self._peek() in ("end", "close"):
                break
        if len(clauses) == 1 and first is not None and not isinstance(first, NoTerms):
            return first
        if not clauses:
            return None
        must, should, must_not = (
            tuple(node for one, node in clauses if one == kind) for kind in ("must", "should", "must_not")
        )
        return _with_positive(Bool(must=must, should=should, must_not=must_not))

    def _optional(self, *kinds: str) -> str:
        kind = self._peek()
        if kind not in kinds:
            return ""
        self._at += 1
        return "minus" if kind == "not" else kind

    def _words(self, texts: FieldTexts, clauses: list[tuple[str, Node]]) -> Node:
        images = [self._take("term")]
        while self._peek() == "term" and self._peek(1) not in _NO_MORE_TERMS:
            images.append(self._take("term"))
        node = self._text(texts, _plain(" ".join(images)))
        if isinstance(node, NoTerms):
            return node
        kind = "must" if texts.how.operator == "and" else "should"
        if isinstance(node, Bool):
            own = [(name, one) for name in ("must", "should") for one in getattr(node, name)]
            are_terms = all(isinstance(one, Term) for _, one in own)
            clauses += own if are_terms else [(kind, one) for _, one in own]
        else:
            clauses.append((kind, node))
        return node

    def _add(self, clauses: list[tuple[str, Node]], conjunction: str, modifier: str, node: Node | None) -> None:
        is_and = self._default.how.operator == "and"
        if clauses and clauses[-1][0] != "must_not":
            if conjunction == "and":
                clauses[-1] = ("must", clauses[-1][1])
            elif is_and and conjunction == "or":
                clauses[-1] = ("should", clauses[-1][1])
        if node is None or isinstance(node, NoTerms):
            return
        if modifier == "minus":
            clauses.append(("must_not", node))
        elif conjunction == "and" or (modifier == "plus" and not is_and) or (is_and and conjunction != "or"):
            clauses.append(("must", node))
        else:
            clauses.append(("should", node))

    def _clause_of(self, texts: FieldTexts, field: str) -> Node | None:
        if self._peek() in ("term", "star") and self._peek(1) == "colon":
            field = _plain(self._take("term", "star"))
            self._take("colon")
            if field != "_exists_":
                texts = self._default.on([field], self._options["quote_field_suffix"])
        if self._peek() != "open":
            return self._word(texts, field)
        self._take("open")
        node = self._group(texts, field)
        self._take("close")
        return self._boosted(node)

    def _boosted(self, node: Node | None) -> Node | None:
        if self._peek() != "boost":
            return node
        boost = float(self._take("boost").removeprefix("^"))
        return None if node is None else boosted(node, boost)

    def _word(self, texts: FieldTexts, field: str) -> Node | None:
        kind, image = self._tokens[self._at]
        self._take("term", "star", "prefix", "wildcard", "regexp", "bare", "quoted", "range")
        boost, slop = 1.0, ""
        for _ in range(2):
            if self._peek() == "boost" and boost == 1:
                boost = float(self._take("boost").removeprefix("^"))
            elif self._peek() == "slop" and not slop and kind != "range":
                slop = self._take("slop")
        node = self._of_token(texts, field, kind, image, slop)
        return node if isinstance(node, NoTerms) else boosted(node, boost)

    def _of_token(self, texts: FieldTexts, field: str, kind: str, image: str, slop: str) -> Node:
        if field == "_exists_":
            return MatchNone() if kind == "regexp" else self._exists(_plain(image))
        if kind == "range":
            return texts.range(_bounds(image))
        if kind == "quoted":
            return texts.phrase(_plain(image[1:-1]), self._slop(slop))
        if kind in ("star", "wildcard", "prefix", "regexp"):
            return self._pattern(texts, field, kind, image)
        image = _plain(image[:1] if kind == "bare" else image)
        if not slop:
            return self._text(texts, image)
        allowed = fuzziness(slop.removeprefix("~") or self._options["fuzziness"])
        if allowed is None:
            raise self._refused(slop)
        return texts.fuzzy(image, str(allowed.edits(image)))

    def _slop(self, written: str) -> int:
        if written == "~NaN":
            return 0
        try:
            width = java_decimal(written.removeprefix("~"))
        except ValueError:
            return int(self._options["phrase_slop"])
        if width <= -1:
            raise self._refused(written)
        return int(min(width, _MOST_SLOP))

    def _pattern(self, texts: FieldTexts, field: str, kind: str, image: str) -> Node:
        if kind == "star":
            names = (field,) if field else self._options["fields"]
            return MatchAll() if names in ((), ("*",)) else texts.each(lambda one: self._exists(one.path))
        if kind == "regexp":
            return texts.regexp(image[1:-1])
        if kind == "prefix":
            return texts.beginning(_plain(image[:-1]))
        if image[0] in "*?" and not self._options["allow_leading_wildcard"]:
            raise self._refused(image)
        return texts.wildcard(image)

    def _exists(self, path: str) -> Node:
        clause = self._clause
        return parse({"exists": {"field": path}}, clause.place, clause.levels, clause.path)

    def _text(self, texts: FieldTexts, text: str) -> Node:
        for sign, bound in _COMPARED:
            if text.startswith(sign) and len(text) > len(sign):
                return texts.range({bound: text.removeprefix(sign)})
        return texts.text(text)


def _bounds(image: str) -> dict[str, str]:
    match = re.fullmatch(rf"[\[{{]\s*{_BOUND}\s+TO\s+{_BOUND}\s*[\]}}]", image, re.DOTALL)
    low, high = ("", "") if match is None else match.groups()
    names = ("gte" if image[0] == "[" else "gt", "lte" if image[-1] == "]" else "lt")
    ends = ((name, end[1:-1] if end.startswith('"') else end) for name, end in zip(names, (low, high), strict=True))
    return {name: _plain(end) for name, end in ends if end != "*"}

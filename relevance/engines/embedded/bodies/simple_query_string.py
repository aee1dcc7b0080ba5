"""The clause `simple_query_string`: words, "phrases", + | - ( ) * ~, in which no spelling is an error.

Operators join what stands left of them so far with what follows, as Lucene's `SimpleQueryParser` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relevance.engines.embedded.bodies.field_texts import FieldTexts
from relevance.engines.embedded.bodies.nodes import Bool, MatchAll, MatchNone, Node
from relevance.engines.embedded.bodies.options import Options, choice, flag, listed_names, minimum, name, text, whole
from relevance.engines.embedded.bodies.text import NoTerms, with_minimum

if TYPE_CHECKING:
    from relevance.engines.embedded.bodies.clauses import Clause

_BITS = {
    "AND": 1,
    "NOT": 2,
    "OR": 4,
    "PREFIX": 8,
    "PHRASE": 16,
    "PRECEDENCE": 32,
    "ESCAPE": 64,
    "WHITESPACE": 128,
    "FUZZY": 256,
    "NEAR": 512,
    "SLOP": 512,
    "ALL": -1,
    "NONE": 0,
}
_OPERATORS = {'"': "PHRASE", "|": "OR", "+": "AND", "(": "PRECEDENCE", ")": "PRECEDENCE", "-": "NOT"}
_SPACES = " \t\n\r"
_MOST_EDITS = 2


def _flags(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value if value >= 0 else -1
    read = 0
    for word in text(value).upper().split("|"):
        if word and word not in _BITS:
            raise ValueError(f"allowed: {', '.join(_BITS)}, joined by |")
        read |= _BITS.get(word, 0)
    return read if text(value) else -1


SHARED: Options = {
    "query": (text, None),
    "fields": (listed_names, ()),
    "default_operator": (choice("or", "and"), "or"),
    "analyzer": (name, ""),
    "lenient": (flag, None),
    "analyze_wildcard": (flag, False),
    "quote_field_suffix": (text, ""),
    "minimum_should_match": (minimum, None),
    "fuzzy_prefix_length": (whole, 0),
    "fuzzy_max_expansions": (whole, 50),
    "fuzzy_transpositions": (flag, True),
    "auto_generate_synonyms_phrase_query": (flag, True),
}
"""The options of `query_string` too."""


def simple_query_string(clause: Clause) -> Node:
    """Read the clause `simple_query_string`."""
    options = clause.options({**SHARED, "flags": (_flags, -1)})
    if options["query"] is None:
        raise clause.refuse("query is missing")
    query = options["query"]
    if query.strip() == "*":
        return MatchAll()
    texts = FieldTexts.of(clause, options, "most_fields")
    held = {sign for sign, bit in _BITS.items() if options["flags"] & bit}
    top = _Parser(query, texts, held, options["default_operator"]).parse()
    return MatchNone() if top is None else with_minimum(top, options["minimum_should_match"])


@dataclass
class _State:
    """What was read of a group so far."""

    at: int
    end: int
    top: Node | None = None
    current: str = ""
    previous: str = ""
    nots: int = 0


class _Parser:
    def __init__(self, query: str, texts: FieldTexts, flags: set[str], default: str) -> None:
        self._query = query
        self._texts = texts
        self._flags = flags
        self._default = default

    def parse(self) -> Node | None:
        return self._group(_State(0, len(self._query)))

    def _is(self, sign: str) -> bool:
        return _OPERATORS.get(sign) in self._flags

    def _group(self, state: _State) -> Node | None:
        while state.at < state.end:
            sign = self._query[state.at]
            if sign == "-" and self._is(sign):
                state.nots += 1
                state.at += 1
                continue
            if sign == "(" and self._is(sign):
                self._read_group(state)
            elif sign == '"' and self._is(sign):
                self._read_phrase(state)
            elif sign in "+|" and self._is(sign):
                if not state.current and state.top is not None:
                    state.current = "and" if sign == "+" else "or"
                state.at += 1
            elif (sign == ")" and self._is(sign)) or (sign in _SPACES and "WHITESPACE" in self._flags):
                state.at += 1
            else:
                self._read_word(state)
            state.nots = 0
        return state.top

    def _read_group(self, state: _State) -> None:
        state.at += 1
        start, depth, at = state.at, 1, state.at
        while at < state.end:
            sign = self._query[at]
            if sign == "\\" and "ESCAPE" in self._flags:
                at += 1
            else:
                depth += (sign == "(") - (sign == ")")
                if not depth:
                    break
            at += 1
        if at >= state.end:
            return
        state.at = at + 1
        if at == start:
            state.current = ""
        else:
            self._join(state, self._group(_State(start, at)))

    def _read_phrase(self, state: _State) -> None:
        state.at += 1
        start, at, letters = state.at, state.at, ""
        while at < state.end and self._query[at] != '"':
            at += self._query[at] == "\\" and "ESCAPE" in self._flags
            if at < state.end:
                letters += self._query[at]
            at += 1
        if at >= state.end:
            return
        state.at = at
        if at == start:
            state.current = ""
            state.at += 1
            return
        slop = 0
        if self._query[at + 1 : min(at + 2, state.end)] == "~" and "NEAR" in self._flags:
            state.at += 1
            slop = self._number(state) if state.at + 1 < state.end else 0
        self._join(state, self._texts.phrase(letters, slop))
        state.at += 1

    def _read_word(self, state: _State) -> None:
        letters, is_prefix = "", False
        while state.at < state.end:
            sign = self._query[state.at]
            if sign == "\\" and "ESCAPE" in self._flags:
                is_prefix = False
                state.at += 1
                if state.at == state.end:
                    break
                sign = self._query[state.at]
            elif self._ends(sign):
                break
            elif sign == "~" and letters and "FUZZY" in self._flags:
                edits = min(self._number(state), _MOST_EDITS)
                self._join(state, self._texts.fuzzy(letters, str(edits)) if edits else self._texts.text(letters))
                return
            else:
                is_prefix = sign == "*" and bool(letters) and "PREFIX" in self._flags
            letters += sign
            state.at += 1
        if letters:
            self._join(state, self._texts.prefix(letters[:-1]) if is_prefix else self._texts.text(letters))

    def _ends(self, sign: str) -> bool:
        return (sign != "-" and self._is(sign)) or (sign in _SPACES and "WHITESPACE" in self._flags)

    def _number(self, state: _State) -> int:
        """Read what follows a tilde: 2 where nothing does, 0 where it is no number."""
        state.at += 1
        start = state.at
        while state.at < state.end and not self._ends(self._query[state.at]):
            state.at += 1
        digits = self._query[start : state.at]
        return (max(0, int(digits)) if digits.removeprefix("-").isdecimal() else 0) if digits else 2

    def _join(self, state: _State, node: Node | None) -> None:
        if node is None or isinstance(node, NoTerms):
            return  # an operator before words that are left out is one of what follows
        current, state.current = state.current, ""
        if state.nots % 2:
            node = Bool(should=(MatchAll(),), must_not=(node,))
        if state.top is None:
            state.top = node
            return
        current = current or self._default
        inner = (
            state.top if isinstance(state.top, Bool) and current == state.previous else _joined((state.top,), current)
        )
        before = inner.must if current == "and" else inner.should
        state.top = _joined((*before, node), current)
        state.previous = current


def _joined(nodes: tuple[Node, ...], operator: str) -> Bool:
    return Bool(must=nodes) if operator == "and" else Bool(should=nodes)

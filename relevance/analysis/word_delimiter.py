"""Parts of words: runs of letters and of digits, alone and joined, side by side or as paths of a graph."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, wraps
from typing import Any

from relevance.analysis.parameters import Texts
from relevance.analysis.tokens import Filter, Stream, Token
from relevance.errors import InputError

_REMEMBERED = 200_000
_LOWER, _UPPER, _DIGIT, _DELIMITER = 1, 2, 4, 8
_ALPHA = _LOWER | _UPPER
_SIGN_TYPES = {"LOWER": _LOWER, "UPPER": _UPPER, "ALPHA": _ALPHA, "DIGIT": _DIGIT, "ALPHANUM": _ALPHA | _DIGIT}
_CATEGORIES = {
    "Lu": _UPPER, "Ll": _LOWER, "Lt": _ALPHA, "Lm": _ALPHA, "Lo": _ALPHA, "Mn": _ALPHA, "Me": _ALPHA, "Mc": _ALPHA,
    "Nd": _DIGIT, "Nl": _DIGIT, "No": _DIGIT, "Cs": _ALPHA | _DIGIT,
}  # fmt: skip


def _sign_types(rules: Texts) -> Callable[[str], int]:
    table: dict[str, int] = {}
    for rule in rules:
        sign, arrow, name = (part.strip() for part in rule.rpartition("=>"))
        sign = _escaped_sign(sign)
        if not arrow or len(sign) != 1 or name not in {*_SIGN_TYPES, "SUBWORD_DELIM"}:
            raise InputError(f'type_table: {rule!r}; allowed: "$ => DIGIT" and {", ".join(_SIGN_TYPES)}, SUBWORD_DELIM')
        table[sign] = _SIGN_TYPES.get(name, _DELIMITER)
    highest = ord(max(table)) + 1 if table else 0

    def kind(sign: str) -> int:
        if sign in table:
            return table[sign]
        code = ord(sign)
        if (code < max(256, highest) and table) or code < 256:
            return _table_kind(sign)
        return _CATEGORIES.get(unicodedata.category(sign), _DELIMITER) if code <= 0xFFFF else _ALPHA | _DIGIT

    return kind


def _table_kind(sign: str) -> int:
    category = unicodedata.category(sign)
    if category == "Ll" or sign in "\xaa\xba":
        return _LOWER
    if category == "Lu":
        return _UPPER
    if category == "Nd":
        return _DIGIT
    return _ALPHA if category in {"Lt", "Lm", "Lo"} else _DELIMITER


def _escaped_sign(text: str) -> str:
    if text.startswith("\\u"):
        return chr(int(text[2:6], 16))
    return text.removeprefix("\\")


@dataclass(frozen=True)
class _Words:
    """Cuts a word into parts: runs of letters and of digits, as Lucene's WordDelimiterIterator."""

    kind: Callable[[str], int]
    on_case: bool
    on_numbers: bool
    possessive: bool

    def breaks(self, before: int, after: int) -> bool:
        if before & after:
            return False
        if not self.on_case and before & _ALPHA and after & _ALPHA:
            return False
        if before & _UPPER and after & _ALPHA:
            return False
        return self.on_numbers or not ((before & _ALPHA and after & _DIGIT) or (before & _DIGIT and after & _ALPHA))

    def parts(self, word: str) -> tuple[list[tuple[int, int, int]], bool]:
        """Give (start, end, kind) of each part, and whether the word is one part between delimiters."""
        kinds = [self.kind(sign) for sign in word]
        first, bound = 0, len(word)
        while first < bound and kinds[first] & _DELIMITER:
            first += 1
        while bound > first and kinds[bound - 1] & _DELIMITER:
            bound -= 1

        def is_possessive(end: int) -> bool:
            return (
                self.possessive
                and end > 2
                and word[end - 2] == "'"
                and word[end - 1] in "sS"
                and bool(kinds[end - 3] & _ALPHA)
                and (end == bound or bool(kinds[end] & _DELIMITER))
            )

        parts = []
        at = first
        while True:
            while at < bound and kinds[at] & _DELIMITER:
                at += 1
            if at >= bound:
                break
            end, last = at + 1, kinds[at]
            while end < bound and not self.breaks(last, kinds[end]):
                last = kinds[end]
                end += 1
            parts.append((at, end, _ALPHA if kinds[at] in {_LOWER, _UPPER} else kinds[at]))
            at = end + 2 if end < bound - 1 and is_possessive(end + 2) else end
        whole = bound - 2 if is_possessive(bound) else bound
        return parts, bool(parts) and parts[0][:2] == (first, whole)


@dataclass(frozen=True)
class _Options:
    """What a word delimiter gives of a word."""

    words: _Words
    generate: Callable[[int], bool]
    catenate: Callable[[int], bool]
    catenate_all: bool
    preserve_original: bool
    protected: frozenset[str]
    ignore_keywords: bool
    adjust_offsets: bool

    def passes(self, term: str, parts: Sequence[tuple[int, int, int]], *, keyword: bool) -> bool:
        """Whether a word stays as it is."""
        return (
            (self.ignore_keywords and keyword)
            or term in self.protected
            or (bool(parts) and parts[0][:2] == (0, len(term)))
        )

    def ends_early(self, token: Token, end: int) -> bool:
        """Whether the word goes on behind a part of it; where its place is not kept, the part has that of the word."""
        return token.ends_early or (self.adjust_offsets and not token.size and end < len(token.term))


def _options(
    *,
    generate_word_parts: bool = True,
    generate_number_parts: bool = True,
    catenate_words: bool = False,
    catenate_numbers: bool = False,
    catenate_all: bool = False,
    split_on_case_change: bool = True,
    preserve_original: bool = False,
    split_on_numerics: bool = True,
    stem_english_possessive: bool = True,
    protected_words: Texts = (),
    type_table: Texts = (),
    adjust_offsets: bool = True,
    ignore_keywords: bool = False,
) -> _Options:
    def either(of_words: bool, of_numbers: bool) -> Callable[[int], bool]:  # noqa: FBT001
        return lambda kind: (of_words and bool(kind & _ALPHA)) or (of_numbers and bool(kind & _DIGIT))

    return _Options(
        _Words(_sign_types(type_table), split_on_case_change, split_on_numerics, stem_english_possessive),
        either(generate_word_parts, generate_number_parts),
        either(catenate_words, catenate_numbers),
        catenate_all,
        preserve_original,
        frozenset(protected_words),
        ignore_keywords,
        adjust_offsets,
    )


@dataclass
class _Piece:
    """A part of a word, or parts that are joined.

    Attributes:
        text: of the parts.
        start: where it begins in the word.
        end: where it ends.
        first_node: where it begins in a graph.
        last_node: where it ends.
        kind: of its first part.
        run: how many runs of joined parts of other kinds are before it.
        count: of how many parts it is joined, 0 for a part itself.
    """

    text: str
    start: int
    end: int
    first_node: int
    last_node: int = 0
    kind: int = 0
    run: int = 0
    count: int = 0

    def add(self, text: str, end: int) -> None:
        self.text += text
        self.end = end
        self.count += 1


def _pieces(word: str, parts: Sequence[tuple[int, int, int]], *, is_single: bool, chosen: _Options) -> Iterator[_Piece]:
    """What a word is cut into, in the order in which Lucene's filters come to it."""
    if is_single:
        start, end, kind = parts[0]
        yield _Piece(word[start:end], start, end, 0, 1, kind)
        return
    node = last_count = run = 0
    joined: _Piece | None = None
    joined_all: _Piece | None = None

    def ended(one: _Piece) -> Iterator[_Piece]:
        nonlocal node, last_count
        node += node == one.first_node
        last_count = one.count
        if one.count != 1 or not chosen.generate(one.kind):
            yield replace(one, last_node=node)

    for start, end, kind in parts:
        text = word[start:end]
        if joined is not None and not joined.kind & kind:
            yield from ended(joined)
            joined = None
            run += 1
        if chosen.catenate(kind):
            joined = joined or _Piece("", start, end, node, kind=kind, run=run)
            joined.add(text, end)
        if chosen.catenate_all:
            joined_all = joined_all or _Piece("", start, end, node, kind=kind)
            joined_all.add(text, end)
        if chosen.generate(kind):
            yield _Piece(text, start, end, node, node + 1, kind, run)
            node += 1
    if joined is not None:
        yield from ended(joined)
    if joined_all is not None and joined_all.count > last_count:
        yield replace(joined_all, last_node=node + (node == joined_all.first_node), run=run)


def _with_options(build: Callable[[_Options], Filter]) -> Callable[..., Filter]:
    """Give a builder the parameters of word delimiters, in its signature too."""

    @wraps(_options)
    def builder(**parameters: Any) -> Filter:
        return build(_options(**parameters))

    return builder


@_with_options
def word_delimiter_graph(chosen: _Options) -> Filter:
    """Lucene's WordDelimiterGraphFilter."""

    @lru_cache(_REMEMBERED)
    def cut(term: str, *, keyword: bool) -> tuple[tuple[str, int, int | None, int], ...]:
        """(term, steps more than the word has, span or None for the word's own, where it ends in the word)."""
        parts, is_single = chosen.words.parts(term)
        if chosen.passes(term, parts, keyword=keyword) or (chosen.preserve_original and not parts):
            return ((term, 0, None, len(term)),)
        pieces = _graph_parts(term, parts, is_single=is_single, chosen=chosen) if parts else []
        starts = [0, *(start for _, start, _, _ in pieces)]
        return tuple(
            (text, start - before, end - start, last)
            for before, (text, start, end, last) in zip(starts, pieces, strict=False)
        )

    def rewrite(stream: Stream) -> Stream:
        tokens: list[Token] = []
        step = 0
        for token in stream.tokens:
            step += token.step
            for term, more, span, end in cut(token.term, keyword=token.keyword):
                early = chosen.ends_early(token, end)
                own = Token(term, step + more, span or token.span, token.type, token.keyword, ends_early=early)
                tokens.append(own)
                step = 0
        return Stream(tokens, stream.rest)

    return Filter(rewrite, is_local=False, reads_synonyms=False)


def _graph_parts(
    word: str, parts: Sequence[tuple[int, int, int]], *, is_single: bool, chosen: _Options
) -> list[tuple[str, int, int, int]]:
    """(term, first and last node, where it ends) of what a word is cut into, the original first."""
    pieces = list(_pieces(word, parts, is_single=is_single, chosen=chosen))
    pieces.sort(key=lambda one: (one.first_node, -one.last_node, one.start, -one.end))
    ordered = [(one.text, one.first_node, one.last_node, one.end) for one in pieces]
    last_node = max((one.last_node for one in pieces), default=1)
    return [(word, 0, last_node, len(word)), *ordered] if chosen.preserve_original else ordered


@_with_options
def word_delimiter(chosen: _Options) -> Filter:
    """Lucene's older WordDelimiterFilter: joined parts stand beside the first of theirs."""

    def rewrite(stream: Stream) -> Stream:
        tokens: list[Token] = []
        waiting = 0
        for token in stream.tokens:
            waiting += token.step
            parts, is_single = chosen.words.parts(token.term)
            if chosen.passes(token.term, parts, keyword=token.keyword):
                tokens.append(token._replace(step=waiting))
                waiting = 0
                continue
            if not parts and not chosen.preserve_original:
                waiting -= token.step == 1 and bool(tokens)
                continue
            is_first = not tokens
            if chosen.preserve_original:
                tokens.append(token._replace(step=waiting))
                waiting, is_first = 0, False
            found, waiting = _delimited(token, parts, is_single=is_single, chosen=chosen, waiting=waiting)
            for term, step, end in found:
                own = max(step, 1) if is_first else step
                early = chosen.ends_early(token, end)
                tokens.append(token._replace(term=term, step=own, span=1, keyword=False, ends_early=early))
                is_first = False
        return Stream(tokens, stream.rest)

    return Filter(rewrite, is_local=False, reads_synonyms=False)


def _delimited(
    token: Token, parts: Sequence[tuple[int, int, int]], *, is_single: bool, chosen: _Options, waiting: int
) -> tuple[list[tuple[str, int, int]], int]:
    """(term, step, where it ends) of what a word is cut into, in order, and the steps left for the next word.

    Where the word takes another number of units in the text than it has, all parts begin where it does.
    """
    placed: list[tuple[_Piece, int]] = []
    has_output, follows, run = False, not chosen.preserve_original, 0
    for piece in _pieces(token.term, parts, is_single=is_single, chosen=chosen):
        if piece.run != run:
            has_output, run = False, piece.run
        if has_output or follows:
            placed.append((piece, 0 if piece.count and has_output else max(1, waiting)))
            waiting = 0
        else:
            placed.append((piece, 0))
            follows = True
        has_output = True
        if piece.count:
            waiting = 0
    placed.sort(key=lambda each: (0 if token.size else each[0].start, -each[1]))
    return [(piece.text, step, piece.end) for piece, step in placed], waiting

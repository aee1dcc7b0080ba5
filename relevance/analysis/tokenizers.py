"""Tokenizers: a text to its tokens, as Lucene's cut it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

import regex

from relevance.analysis.classic import classic
from relevance.analysis.parameters import BoundedPattern, Texts, lucene_pattern
from relevance.analysis.standard import MAX_TOKEN_LENGTH, lower, standard_words, word_type
from relevance.analysis.tokens import Stream, Token, Tokenizer
from relevance.errors import InputError


def standard(*, max_token_length: int = MAX_TOKEN_LENGTH) -> Tokenizer:
    """Cut at word boundaries by UAX #29."""

    def tokenize(text: str) -> Stream:
        words = standard_words(text, max_token_length)
        return Stream([Token(word, type=word_type(word), glued=glued) for word, glued in words])

    return Tokenizer(tokenize, at_spaces=True)


def keyword(*, buffer_size: int = 256) -> Tokenizer:  # noqa: ARG001 - changes speed alone
    """Take the whole text as one token."""
    return Tokenizer(lambda text: Stream([Token(text)]))


def _runs(is_part: Callable[[str], bool], longest: int, change: Callable[[str], str] = str) -> Tokenizer:
    def tokenize(text: str) -> Stream:
        return Stream([Token(change(part)) for run in _split(text, is_part) for part in _pieces(run, longest)])

    return Tokenizer(tokenize, at_spaces=not is_part(" "))


def _split(text: str, is_part: Callable[[str], bool]) -> Iterator[str]:
    start = None
    for place, sign in enumerate(text):
        if is_part(sign):
            start = place if start is None else start
        elif start is not None:
            yield text[start:place]
            start = None
    if start is not None:
        yield text[start:]


def _pieces(run: str, longest: int) -> Iterator[str]:
    """Pieces of at most `longest` UTF-16 units; a pair of surrogates may pass the limit by one."""
    units = start = 0
    for place, sign in enumerate(run):
        units += 1 + (sign > "\uffff")
        if units >= longest:
            yield run[start : place + 1]
            units, start = 0, place + 1
    if start < len(run):
        yield run[start:]


_JAVA_SPACES = frozenset("\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f")
_NO_BREAK = frozenset("\u00a0\u2007\u202f")


def is_java_whitespace(sign: str) -> bool:
    """Whether Java's `Character.isWhitespace` is true."""
    return sign in _JAVA_SPACES or (sign not in _NO_BREAK and unicodedata.category(sign) in {"Zs", "Zl", "Zp"})


def is_letter(sign: str) -> bool:
    """Whether Java's `Character.isLetter` is true."""
    return unicodedata.category(sign).startswith("L")


def is_digit(sign: str) -> bool:
    """Whether Java's `Character.isDigit` is true."""
    return unicodedata.category(sign) == "Nd"


def _is_punctuation(sign: str) -> bool:
    return unicodedata.category(sign).startswith("P")


def _is_symbol(sign: str) -> bool:
    return unicodedata.category(sign).startswith("S")


CLASSES: dict[str, Callable[[str], bool]] = {
    "letter": is_letter,
    "digit": is_digit,
    "whitespace": is_java_whitespace,
    "punctuation": _is_punctuation,
    "symbol": _is_symbol,
}


def whitespace(*, max_token_length: int = MAX_TOKEN_LENGTH) -> Tokenizer:
    """Cut at white space."""
    return _runs(lambda sign: not is_java_whitespace(sign), max_token_length)


def letter() -> Tokenizer:
    """Take runs of letters."""
    return _runs(is_letter, MAX_TOKEN_LENGTH)


def lowercase() -> Tokenizer:
    """Take runs of letters, in lower case."""
    return _runs(is_letter, MAX_TOKEN_LENGTH, lower)


def _between(text: str, spans: Iterable[tuple[int, int]]) -> Iterator[str]:
    """What stands between spans of a text, where that is something."""
    start = 0
    for first, end in spans:
        if first > start:
            yield text[start:first]
        start = end
    if start < len(text):
        yield text[start:]


def pattern(*, pattern: str = r"\W+", flags: str = "", group: int = -1) -> Tokenizer:
    """Cut where a pattern of Java's matches, or take what one of its groups matches."""
    bounded = BoundedPattern("tokenizer pattern", pattern, flags)

    def tokenize(text: str) -> Stream:
        matches = bounded.matches(text)
        if group >= 0:
            return Stream([Token(term) for match in matches if (term := match.group(group))])
        return Stream([Token(term) for term in _between(text, (match.span() for match in matches))])

    return Tokenizer(tokenize)


def _longest_matches(bounded: BoundedPattern, text: str) -> Iterator[tuple[int, int]]:
    at = 0
    while at < len(text):
        end = bounded.longest(text, at)
        if end < 0:  # the rest may be the beginning of a match, and is not looked through
            return
        if end > at:
            yield at, end
        at = max(end, at + 1)


def simple_pattern(*, pattern: str = "") -> Tokenizer:
    """Take what a pattern of Lucene's matches, at each place the longest."""
    bounded = BoundedPattern("tokenizer simple_pattern", pattern, syntax=lucene_pattern)
    return Tokenizer(lambda text: Stream([Token(text[start:end]) for start, end in _longest_matches(bounded, text)]))


def simple_pattern_split(*, pattern: str = "") -> Tokenizer:
    """Cut where a pattern of Lucene's matches, at each place the longest."""
    bounded = BoundedPattern("tokenizer simple_pattern_split", pattern, syntax=lucene_pattern)
    return Tokenizer(lambda text: Stream([Token(term) for term in _between(text, _longest_matches(bounded, text))]))


def char_group(*, tokenize_on_chars: Texts = (), max_token_length: int = MAX_TOKEN_LENGTH) -> Tokenizer:
    """Cut at characters and classes of them."""
    signs: set[str] = set()
    classes: list[Callable[[str], bool]] = []
    for name in tokenize_on_chars:
        if not name:
            raise InputError("tokenize_on_chars: an empty text; allowed: a character, \\n, \\uXXXX or a class")
        if len(name) == 1:
            signs.add(name)
        elif name[0] == "\\":
            signs.add(_escaped(name))
        elif name in CLASSES:
            classes.append(CLASSES[name])
        else:
            raise InputError(f"tokenize_on_chars: {name!r}; allowed: a character, \\n, \\uXXXX, {', '.join(CLASSES)}")
    return _runs(lambda sign: sign not in signs and not any(test(sign) for test in classes), max_token_length)


def _escaped(name: str) -> str:
    known = {"\\n": "\n", "\\r": "\r", "\\t": "\t", "\\b": "\b", "\\f": "\f", "\\\\": "\\"}
    if name in known:
        return known[name]
    if name.startswith("\\u"):
        return chr(int(name[2:6], 16))
    raise InputError(f"tokenize_on_chars: {name!r}; allowed: \\n, \\r, \\t, \\uXXXX")


def _in_classes(token_chars: Texts, custom: str) -> Callable[[str], bool] | None:
    if not token_chars:
        return None
    tests: list[Callable[[str], bool]] = []
    for name in token_chars:
        if name == "custom":
            tests.append(lambda sign: sign in custom)
        elif name in CLASSES:
            tests.append(CLASSES[name])
        else:
            raise InputError(f"token_chars: {name!r}; allowed: {', '.join(CLASSES)}, custom")
    return lambda sign: any(test(sign) for test in tests)


MAX_NGRAM_DIFF = 1
"""How far the lengths of `ngram` may lie apart unless the index's settings have their own `max_ngram_diff`."""


def refuse_grams(min_gram: int, max_gram: int, most_apart: int | None = None) -> None:
    """Refuse lengths of `ngram` and `edge_ngram` that the server refuses."""
    lengths = f"min_gram = {min_gram}, max_gram = {max_gram}"
    if most_apart is not None and max_gram - min_gram > most_apart:
        raise InputError(f"{lengths}; allowed: {most_apart} apart, or more by the setting index.max_ngram_diff")
    if not 1 <= min_gram <= max_gram:
        raise InputError(f"{lengths}; allowed: 1 or more, the smaller first")


def _gram_tokens(minimum: int, maximum: int, token_chars: Texts, custom: str, *, edges_only: bool) -> Tokenizer:
    is_part = _in_classes(token_chars, custom)

    def tokenize(text: str) -> Stream:
        words = [text] if is_part is None else _split(text, is_part)
        tokens = [
            Token(word[start : start + size])
            for word in words
            for start in (range(min(1, len(word))) if edges_only else range(len(word)))
            for size in range(minimum, min(maximum, len(word) - start) + 1)
        ]
        return Stream(tokens)

    return Tokenizer(tokenize, at_spaces=is_part is not None and not is_part(" "))


def ngram(
    max_ngram_diff: int = MAX_NGRAM_DIFF,
    /,
    *,
    min_gram: int = 1,
    max_gram: int = 2,
    token_chars: Texts = (),
    custom_token_chars: str = "",
) -> Tokenizer:
    """Take all pieces of some lengths."""
    refuse_grams(min_gram, max_gram, max_ngram_diff)
    return _gram_tokens(min_gram, max_gram, token_chars, custom_token_chars, edges_only=False)


def edge_ngram(
    *, min_gram: int = 1, max_gram: int = 2, token_chars: Texts = (), custom_token_chars: str = ""
) -> Tokenizer:
    """Take the beginnings of words, of some lengths."""
    refuse_grams(min_gram, max_gram)
    return _gram_tokens(min_gram, max_gram, token_chars, custom_token_chars, edges_only=True)


def path_hierarchy(
    release: int = 9,
    /,
    *,
    delimiter: str = "/",
    replacement: str | None = None,
    buffer_size: int = 1024,  # noqa: ARG001 - changes speed alone
    reverse: bool = False,
    skip: int = 0,
) -> Tokenizer:
    """Take each folder of a path with those above it; from release 9 on each at a position of its own."""
    joint = delimiter if replacement is None else replacement
    if len(delimiter) != 1 or len(joint) != 1:
        raise InputError(f"delimiter = {delimiter!r}, replacement = {joint!r}; allowed: one character")

    sign = regex.escape(delimiter)
    folders = regex.compile(f"[^{sign}]*{sign}|[^{sign}]+" if reverse else f"{sign}[^{sign}]*|[^{sign}]+")

    def tokenize(text: str) -> Stream:
        names = folders.findall(text)
        if reverse:
            names = names[: len(names) - skip]
            paths = ["".join(names[at:]) for at in range(len(names))]
        else:
            paths = list(accumulate(names[skip:]))
        terms = [path.replace(delimiter, joint) for path in paths]
        return Stream([Token(term, 1 if release > 8 or not at else 0) for at, term in enumerate(terms)])

    return Tokenizer(tokenize)


TOKENIZERS: dict[str, Callable[..., Tokenizer]] = {
    "standard": standard,
    "whitespace": whitespace,
    "keyword": keyword,
    "classic": classic,
    "letter": letter,
    "lowercase": lowercase,
    "path_hierarchy": path_hierarchy,
    "PathHierarchy": path_hierarchy,
    "simple_pattern": simple_pattern,
    "simple_pattern_split": simple_pattern_split,
    "pattern": pattern,
    "char_group": char_group,
    "ngram": ngram,
    "edge_ngram": edge_ngram,
}

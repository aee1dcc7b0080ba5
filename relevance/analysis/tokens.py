"""What analysis hands on: tokens with their places, as Lucene's token streams carry them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from relevance.values import units

WORD = "word"
SYNONYM = "SYNONYM"


class Token(NamedTuple):
    """A token of a stream.

    Attributes:
        term: its text.
        step: its position less that of the token before it; 0 for one that stands beside it.
        span: positions that it covers; above 1 in graphs.
        type: Lucene's name of its kind.
        keyword: whether stemmers leave it alone.
        glued: whether it begins where the word before it ends; the standard tokenizer says so.
        size: UTF-16 units that it takes in the text, where its term has another number; else 0.
        ends_early: whether the word that it was cut out of goes on in the text, so that it does not end a text.
    """

    term: str
    step: int = 1
    span: int = 1
    type: str = WORD
    keyword: bool = False
    glued: bool = False
    size: int = 0
    ends_early: bool = False

    def as_term(self, term: str) -> Token:
        """Give the token with another text."""
        if term == self.term:
            return self
        size = self.size or units(self.term)
        own = 0 if units(term) == size else size
        return Token(term, self.step, self.span, self.type, self.keyword, self.glued, own, self.ends_early)


class Stream(NamedTuple):
    """The tokens of a text, and the steps from the last of them to its end, left by tokens that were removed."""

    tokens: Sequence[Token]
    rest: int = 0

    @property
    def length(self) -> int:
        """How many positions the text has."""
        return sum(token.step for token in self.tokens) + self.rest


CharFilter: TypeAlias = Callable[[str], str]


@dataclass(frozen=True)
class Tokenizer:
    """Cuts a text into tokens.

    Attributes:
        tokenize: a text to its tokens.
        at_spaces: whether no token holds a space, and what is between two spaces becomes the same tokens alone.
    """

    tokenize: Callable[[str], Stream]
    at_spaces: bool = False


@dataclass(frozen=True)
class Filter:
    """A token filter.

    Attributes:
        rewrite: a stream to a stream.
        is_local: whether what becomes of the tokens of a position depends on them alone.
        ends_graph: whether a search no longer reads tokens that span positions as paths of a graph.
        reads_synonyms: whether synonym rules can be read through it, where it stands before the synonyms.
        plain: the form that gives one token for one, for synonym rules and normalizers; None: the filter itself.
        in_normalizer: whether a normalizer may have it.
        in_place: whether each token that it gives is one that it took, with the same place in the text.
    """

    rewrite: Callable[[Stream], Stream]
    is_local: bool = True
    ends_graph: bool = False
    reads_synonyms: bool = True
    plain: Filter | None = None
    in_normalizer: bool = False
    in_place: bool = False


def one_by_one(change: Callable[[Token], Token], *, in_normalizer: bool = False) -> Filter:
    """Make a filter of a function from token to token."""
    return Filter(
        lambda stream: Stream(list(map(change, stream.tokens)), stream.rest), in_normalizer=in_normalizer, in_place=True
    )


def each(change: Callable[[str], str], *, in_normalizer: bool = False, but_keywords: bool = False) -> Filter:
    """Make a filter of a function from term to term."""

    def changed(token: Token) -> Token:
        return token if but_keywords and token.keyword else token.as_term(change(token.term))

    return one_by_one(changed, in_normalizer=in_normalizer)


def only(keeps: Callable[[Token], bool]) -> Filter:
    """Make a filter that removes tokens; their positions stay empty."""
    return Filter(lambda stream: without(stream, map(keeps, stream.tokens)), in_place=True)


def without(stream: Stream, flags: Iterable[bool]) -> Stream:
    """Keep the tokens whose flag is true; the steps to the others are added to the next one."""
    flags = list(flags)
    if all(flags):
        return stream
    tokens: list[Token] = []
    skipped = 0
    for token, flag in zip(stream.tokens, flags, strict=True):
        if not flag:
            skipped += token.step
            continue
        tokens.append(token._replace(step=token.step + skipped) if skipped else token)
        skipped = 0
    return Stream(tokens, stream.rest + skipped)


def spread(parts: Callable[[Token], Iterable[Token]]) -> Filter:
    """Make a filter of a function from a token to those in its place; the steps of a token without any are kept."""

    def rewrite(stream: Stream) -> Stream:
        tokens: list[Token] = []
        skipped = 0
        for token in stream.tokens:
            several = list(parts(token._replace(step=token.step + skipped) if skipped else token))
            skipped = 0 if several else skipped + token.step
            tokens += several
        return Stream(tokens, stream.rest + skipped)

    return Filter(rewrite)

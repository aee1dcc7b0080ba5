"""Words that are not known yet, so that one reading of a template serves all queries of a shape."""

from __future__ import annotations

from dataclasses import dataclass, is_dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from relevance.analysis import Stream

if TYPE_CHECKING:
    from collections.abc import Collection

    from relevance.engines.embedded.bodies.levels import Levels

Use = tuple[Literal["stream", "ending", "whole"], tuple[str, ...]]
"""What is learnt of a text: its tokens by an analyzer, whether the last ends it, or all of it through normalizers."""


class NotPlannedError(Exception):
    """A clause has to know the words of its text."""


class Question(Protocol):
    """What rewriting has to know of words that it does not know."""

    def answer(self, levels: Levels) -> Any:
        """Answer with the words of the query that is asked."""


@dataclass
class Reading:
    """The reading of a template for queries of a shape: the words of one of them, and what was asked about them."""

    words: list[str]
    questions: dict[Question, None]


@dataclass(frozen=True, order=True)
class UnknownWord:
    """A word of a query, by its number among those that differ; no text, so that nothing reads it as one."""

    number: int


def has_words(value: Any) -> bool:
    """Whether a value holds words that are not known, but for those in nodes below it."""
    if isinstance(value, tuple | frozenset):
        return any(map(has_words, value))
    is_part = is_dataclass(value) and not hasattr(value, "rewritten")
    return isinstance(value, UnknownWord) or (is_part and any(map(has_words, vars(value).values())))


class Unknown:
    """The text of a query, of which a template may learn how many words it has, where they stand and which are equal.

    Args:
        text: the query's.
        levels: that analyze it.
        words: the number of each word that the template asked for before; those of others come to it.
        named: words that the template itself names: they stay texts.
        uses: how the text was read; what is new comes to it.
        normalizers: that change the whole text, one after the other.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - a text, and what is learnt of it
        self,
        text: str,
        levels: Levels,
        words: dict[str, int],
        named: Collection[str],
        uses: dict[Use, None],
        normalizers: tuple[str, ...] = (),
    ) -> None:
        self._text, self._levels, self._words, self._named, self._uses = text, levels, words, named, uses
        self._normalizers = normalizers

    def stream(self, analyzer: str) -> Stream:
        """Analyze it."""
        self._uses["stream", (analyzer,)] = None
        stream = self._levels.stream(analyzer, self._text)
        return stream._replace(tokens=[token._replace(term=self._word(token.term)) for token in stream.tokens])

    def ends_with_a_token(self, analyzer: str) -> bool:
        """Whether its last token by an analyzer ends it."""
        self._uses["ending", (analyzer,)] = None
        return ends_with_a_token(self._levels, analyzer, self._text)

    def through(self, normalizer: str) -> Unknown:
        """Normalize it."""
        normalizers = (*self._normalizers, normalizer) if normalizer else self._normalizers
        return Unknown(self._text, self._levels, self._words, self._named, self._uses, normalizers)

    def word(self) -> Any:
        """The whole text as a word."""
        self._uses["whole", self._normalizers] = None
        return self._word(normalized(self._levels, self._text, self._normalizers))

    def _word(self, term: str) -> Any:
        return term if term in self._named else UnknownWord(self._words.setdefault(term, len(self._words)))


def normalized(levels: Levels, text: str, normalizers: tuple[str, ...]) -> str:
    """Change a text by normalizers."""
    for name in normalizers:
        text = levels.analysis.normalizer(name)(text)
    return text


def ends_with_a_token(levels: Levels, analyzer: str, text: str) -> bool:
    """Whether the last token ends where the text ends: that of the tokenizer does, and it is still there."""
    analyze, stream = levels.analysis.analyzer(analyzer), levels.stream(analyzer, text)
    if stream.rest or not stream.tokens or stream.tokens[-1].ends_early:
        return False
    for change in analyze.char_filters:
        text = change(text)
    tokens = analyze.tokenizer.tokenize(text).tokens
    if not tokens or not text.lower().endswith(tokens[-1].term.lower()):
        return False
    shorter = Stream(tokens[:-1])
    for one in analyze.filters:
        shorter = one.rewrite(shorter)
    return list(shorter.tokens) != list(stream.tokens)

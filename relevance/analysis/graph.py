"""Token filters whose tokens span positions: shingles, joined frequent words, several chains; what flattens them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from relevance.analysis.parameters import Texts
from relevance.analysis.standard import lower
from relevance.analysis.tokens import Filter, Stream, Token
from relevance.errors import InputError

MAX_SHINGLE_DIFF = 3
"""How far the sizes of `shingle` may lie apart unless the index's settings have their own `max_shingle_diff`."""


def shingle(
    max_shingle_diff: int = MAX_SHINGLE_DIFF,
    /,
    *,
    min_shingle_size: int = 2,
    max_shingle_size: int = 2,
    output_unigrams: bool = True,
    output_unigrams_if_no_shingles: bool = False,
    token_separator: str = " ",  # noqa: S107 - no secret
    filler_token: str = "_",  # noqa: S107
) -> Filter:
    """Join neighbouring tokens."""
    if not 2 <= min_shingle_size <= max_shingle_size:
        raise InputError("shingle: sizes below 2, or the larger first; allowed: 2 or more")
    if max_shingle_size - min_shingle_size + output_unigrams > max_shingle_diff:
        raise InputError(
            f"min_shingle_size = {min_shingle_size}, max_shingle_size = {max_shingle_size}; allowed: "
            f"{max_shingle_diff - output_unigrams} apart{' with output_unigrams' if output_unigrams else ''}, "
            "or more by the setting index.max_shingle_diff"
        )

    def rewrite(stream: Stream) -> Stream:
        units: list[Token | None] = []
        for token in stream.tokens:
            if token.step == 0 and units:
                units.append(token)
                continue
            units += [None] * min(token.step - 1, max_shingle_size - 1)
            units.append(token)
        units += [None] * min(stream.rest, max_shingle_size - 1)
        return Stream(list(_shingles(units)), stream.rest)

    def _shingles(units: Sequence[Token | None]) -> Iterator[Token]:
        alone = output_unigrams or (output_unigrams_if_no_shingles and len(units) < min_shingle_size)
        step = 0
        for at, unit in enumerate(units):
            step += 1
            sizes = ([1] if alone else []) + list(range(min_shingle_size, max_shingle_size + 1))
            for size in sizes:
                group = units[at : at + size]
                if len(group) < size or all(one is None for one in group) or (size == 1 and unit is None):
                    continue
                term = token_separator.join(filler_token if one is None else one.term for one in group)
                if size == 1 and unit is not None:
                    yield unit._replace(step=step, span=1)
                else:
                    span = size if alone else size - min_shingle_size + 1
                    is_keyword, ends_early = unit is not None and unit.keyword, bool(group[-1] and group[-1].ends_early)
                    yield Token(term, step, span, "shingle", keyword=is_keyword, ends_early=ends_early)
                step = 0
            if step:  # Lucene's ends at the first place that gives nothing
                return

    ends_graph = output_unigrams or min_shingle_size != max_shingle_size
    return Filter(rewrite, is_local=False, ends_graph=ends_graph, reads_synonyms=False)


def common_grams(*, common_words: Texts, ignore_case: bool = False, query_mode: bool = False) -> Filter:
    """Join frequent words with their neighbours, beside the words; in queries in the place of the words."""
    common = {lower(word) if ignore_case else word for word in common_words}

    def is_common(token: Token) -> bool:
        return (lower(token.term) if ignore_case else token.term) in common

    def rewrite(stream: Stream) -> Stream:
        tokens: list[Token] = []
        for at, token in enumerate(stream.tokens):
            after = stream.tokens[at + 1] if at + 1 < len(stream.tokens) else None
            before = stream.tokens[at - 1] if at else None
            joined_term = None
            if after is not None and (is_common(token) or is_common(after)):
                joined_term = f"{token.term}_{after.term}"
            joined = before is not None and (is_common(token) or is_common(before))
            if not query_mode or not (joined_term or (after is None and joined)):
                tokens.append(token)
            if joined_term:
                step, span = (1, 1) if query_mode else (0, 2)
                tokens.append(Token(joined_term, step, span, "gram", ends_early=after is not None and after.ends_early))
        return Stream(tokens, stream.rest)

    return Filter(rewrite, is_local=False, reads_synonyms=False)


def multiplexer(chains: Sequence[Sequence[Filter]], *, preserve_original: bool = True) -> Filter:
    """Give what several chains make of each token, side by side, equal ones once."""
    every = [*([[]] if preserve_original else []), *chains]

    def rewrite(stream: Stream) -> Stream:
        tokens: list[Token] = []
        seen: set[str] = set()
        for token in stream.tokens:
            step = token.step
            seen = set() if step else seen
            for chain in every:
                rewritten = Stream([token])
                for one in chain:
                    rewritten = one.rewrite(rewritten)
                for other in rewritten.tokens:
                    if other.term not in seen:
                        seen.add(other.term)
                        tokens.append(other._replace(step=step))
                        step = 0
        return Stream(tokens, stream.rest)

    return Filter(rewrite, reads_synonyms=False)


@dataclass
class _Place:
    """A place of a graph: the tokens that leave it, the nearest and the furthest place they reach, where it comes."""

    tokens: list[Token] = field(default_factory=list)
    nearest: float = math.inf
    furthest: int = -1
    level: int = -1
    is_reached: bool = False


class _Flattening:
    """Lucene's FlattenGraphFilter: places of a graph to the levels of a chain, each as far as its longest path.

    Behind a removed token no path tells the level; then it is one behind the place that may have led there.
    """

    def __init__(self) -> None:
        self.tokens: list[Token] = []
        self._places: defaultdict[int, _Place] = defaultdict(_Place)
        self._places[0] = _Place(level=0, is_reached=True)
        self._levels: defaultdict[int, list[int]] = defaultdict(list, {0: [0]})
        self._last_level = self._released = 0
        self._before = self._at = -1

    def add(self, token: Token) -> None:
        self._at += token.step
        source = self._places[self._at]
        if not source.is_reached:
            source.is_reached = True
            self._connect(source, token.step)
        elif token.step > 1:
            before = self._places[self._at - token.step]
            if source.level - before.level <= 1 and before.nearest != self._at:  # a side path that ends in a hole
                self._levels[source.level].remove(self._at)
                self._connect(source, token.step)
        source.tokens.append(token)
        end = self._at + token.span
        source.furthest = max(source.furthest, end)
        source.nearest = min(source.nearest, end)
        target = self._places[end]
        target.is_reached = True
        if source.level >= target.level:
            if target.level >= 0:
                self._levels[target.level].remove(end)
            self._put(target, end, source.level + 1)

    def _connect(self, place: _Place, step: int) -> None:
        before = self._places[self._at - step] if self._at >= step else None
        if before is None:
            level = self._last_level + 1
        elif before.nearest < self._at:
            level = self._places[int(before.nearest)].level + 1
        else:
            level = self._last_level
        self._put(place, self._at, level)

    def _put(self, place: _Place, at: int, level: int) -> None:
        place.level = level
        self._levels[level].append(at)
        self._last_level = max(self._last_level, level)

    def release(self, *, is_end: bool = False) -> None:
        """Give the tokens of levels that no later token can change."""
        while self._released < self._last_level:
            places = self._levels[self._released]
            if not is_end and max((self._places[at].furthest for at in places), default=-1) > self._at:
                return
            for at in places:
                for token in self._places[at].tokens:
                    span = self._places[at + token.span].level - self._released
                    self.tokens.append(token._replace(step=self._released - self._before, span=span))
                    self._before = self._released
            self._released += 1


def flatten_graph() -> Filter:
    """Turn a graph into what an index can hold."""

    def rewrite(stream: Stream) -> Stream:
        flattening = _Flattening()
        for token in stream.tokens:
            flattening.add(token)
            flattening.release()
        flattening.release(is_end=True)
        return Stream(flattening.tokens, stream.rest)

    return Filter(rewrite, is_local=False)

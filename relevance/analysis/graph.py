"""Token filters whose tokens span positions: synonyms, parts of words, shingles; and what flattens them."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, wraps
from itertools import permutations
from typing import Any

from relevance.analysis.parameters import Texts
from relevance.analysis.standard import lower
from relevance.analysis.tokens import SYNONYM, Filter, Stream, Token
from relevance.errors import InputError

Words = tuple[str, ...]
_REMEMBERED = 200_000

# Synonyms


@dataclass
class Rules:
    """What stands for what: a run of words to the runs beside it, and whether it stays itself."""

    outputs: dict[Words, list[Words]] = field(default_factory=dict)
    stays: dict[Words, bool] = field(default_factory=dict)

    def add(self, source: Words, target: Words, *, stays: bool) -> None:
        """Let a run of words stand for another."""
        targets = self.outputs.setdefault(source, [])
        if target not in targets:
            targets.append(target)
        self.stays[source] = self.stays.get(source, False) or stays

    def longest(self) -> dict[str, list[Words]]:
        """Sources by their first word, the longest first."""
        by_first: dict[str, list[Words]] = {}
        for source in sorted(self.outputs, key=len, reverse=True):
            by_first.setdefault(source[0], []).append(source)
        return by_first


def parse_solr(lines: Iterable[str], analyze: Callable[[str], Words], *, expand: bool, lenient: bool) -> Rules:
    """Read Solr's synonym rules: `a, b` and `a, b => c`.

    Raises:
        InputError: a rule has no word left after analysis, and it is not `lenient`.
    """
    rules = Rules()
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        try:
            _parse_line(line, analyze, rules, expand=expand, lenient=lenient)
        except ValueError as error:
            if not lenient:
                raise InputError(f"synonym rule {line!r}: {error}") from None
    return rules


def _parse_line(line: str, analyze: Callable[[str], Words], rules: Rules, *, expand: bool, lenient: bool) -> None:
    sides = _cut_unescaped(line, "=>")
    if len(sides) > 2:
        raise ValueError("more than one '=>'")

    def words(side: str) -> list[Words]:
        """The runs of words of a side; one that analysis drops is empty, where the rules are lenient."""
        runs: list[Words] = []
        for part in _cut_unescaped(side, ","):
            try:
                runs.append(_analyzed(_unescaped(part).strip(), analyze))
            except ValueError:
                if not lenient:
                    raise
                runs.append(())
        return runs

    group = words(sides[0])
    if len(sides) == 2:
        pairs = [(source, target) for source in group for target in words(sides[1])]
    elif expand:
        pairs = list(permutations(group, 2))
    else:
        pairs = [(source, group[0]) for source in group]
    for source, target in pairs:
        if source and target:
            rules.add(source, target, stays=expand and len(sides) == 1)


def _analyzed(text: str, analyze: Callable[[str], Words]) -> Words:
    words = analyze(text)
    if not words:
        raise ValueError(f"{text!r} is no word after analysis")
    return words


def _cut_unescaped(text: str, separator: str) -> list[str]:
    parts, start, at = [], 0, 0
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text.startswith(separator, at):
            parts.append(text[start:at])
            at += len(separator)
            start = at
        else:
            at += 1
    parts.append(text[start:])
    return parts


def _unescaped(text: str) -> str:
    signs = iter(text)
    return "".join(next(signs, "") if sign == "\\" else sign for sign in signs)


def _match(tokens: Sequence[Token], at: int, by_first: Mapping[str, list[Words]]) -> Words | None:
    for source in by_first.get(tokens[at].term, ()):
        end = at + len(source)
        if end <= len(tokens) and all(token.term == word for token, word in zip(tokens[at:end], source, strict=True)):
            return source
    return None


def synonym_graph_of(rules: Rules) -> Filter:
    """Lucene's SynonymGraphFilter: the longest match at each token; every reading is a path of its own."""
    by_first = rules.longest()

    def rewrite(stream: Stream) -> Stream:
        tokens: list[Token] = []
        last_start, next_node, at = -1, 0, 0
        while at < len(stream.tokens):
            source = _match(stream.tokens, at, by_first)
            if source is None:
                token = stream.tokens[at]
                tokens.append(token)
                last_start += token.step
                next_node = last_start + token.span
                at += 1
                continue
            originals = stream.tokens[at : at + len(source)] if rules.stays[source] else ()
            edges, next_node = _paths(originals, rules.outputs[source], next_node)
            for token, start, end in edges:
                tokens.append(token._replace(step=start - last_start, span=end - start))
                last_start = start
            at += len(source)
        return Stream(tokens, stream.rest)

    return Filter(rewrite, is_local=False)


def _paths(
    originals: Sequence[Token], outputs: Sequence[Words], start: int
) -> tuple[list[tuple[Token, int, int]], int]:
    """The tokens of all paths with the nodes that they join, and the node at which the paths meet."""
    paths: list[list[Token]] = [[Token(word, type=SYNONYM) for word in words] for words in outputs]
    if originals:
        paths.append(list(originals))
    end = start + 1 + sum(len(path) - 1 for path in paths)
    firsts, node = [], start
    for path in paths:
        if len(path) == 1:
            firsts.append((path[0], start, end))
            continue
        node += 1
        firsts.append((path[0], start, node))
        node += len(path) - 2
    edges = list(firsts)
    for path, (_, _, first_end) in zip(paths, firsts, strict=True):
        if len(path) == 1:
            continue
        before = first_end
        for token in path[1:-1]:
            edges.append((token, before, before + 1))
            before += 1
        edges.append((path[-1], before, end))
    return edges, end


def synonym_of(rules: Rules) -> Filter:
    """Lucene's older SynonymFilter: readings of several words spill over the positions that follow."""
    by_first = rules.longest()

    def rewrite(stream: Stream) -> Stream:
        inputs = stream.tokens
        beside: dict[int, list[tuple[str, int]]] = {}
        replaced: set[int] = set()
        at = 0
        while at < len(inputs):
            source = _match(inputs, at, by_first)
            if source is None:
                at += 1
                continue
            stays = rules.stays[source]
            for words in rules.outputs[source]:
                for place, word in enumerate(words):
                    span = len(source) if len(words) == 1 and stays else 1
                    outputs = beside.setdefault(at + place, [])
                    outputs.append((word, span))
            if not stays:
                replaced.update(range(at, at + len(source)))
            at += len(source)
        tokens: list[Token] = []
        for place in range(max(len(inputs), max(beside, default=-1) + 1)):
            step = 1
            if place < len(inputs) and place not in replaced:
                tokens.append(inputs[place])
                step = 0
            for word, span in beside.get(place, ()):
                tokens.append(Token(word, step, span, SYNONYM))
                step = 0
        return Stream(tokens, stream.rest)

    return Filter(rewrite, is_local=False)


# Shingles


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
                    yield Token(term, step, span, "shingle", keyword=unit is not None and unit.keyword)
                step = 0
            if step:  # Lucene's ends at the first place that gives nothing
                return

    ends_graph = output_unigrams or min_shingle_size != max_shingle_size
    return Filter(rewrite, is_local=False, ends_graph=ends_graph, reads_synonyms=False)


# Parts of words

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

    def passes(self, term: str, parts: Sequence[tuple[int, int, int]], *, keyword: bool) -> bool:
        """Whether a word stays as it is."""
        return (
            (self.ignore_keywords and keyword)
            or term in self.protected
            or (bool(parts) and parts[0][:2] == (0, len(term)))
        )


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
    adjust_offsets: bool = True,  # noqa: ARG001 - offsets are not kept
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
    )


@dataclass
class _Joined:
    """Parts that are joined: where they begin, their text, how many, and the kind of the first."""

    start: int
    offset: int
    kind: int
    text: str = ""
    count: int = 0
    end: int = 0

    def add(self, text: str, end: int = 0) -> None:
        self.text += text
        self.count += 1
        self.end = end


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
    def cut(term: str, *, keyword: bool) -> tuple[tuple[str, int, int | None], ...]:
        """(term, steps more than the word has, span or None for the word's own)."""
        parts, is_single = chosen.words.parts(term)
        if chosen.passes(term, parts, keyword=keyword) or (chosen.preserve_original and not parts):
            return ((term, 0, None),)
        pieces = _graph_parts(term, parts, is_single=is_single, chosen=chosen) if parts else []
        starts = [0, *(start for _, start, _ in pieces)]
        return tuple(
            (text, start - before, end - start) for before, (text, start, end) in zip(starts, pieces, strict=False)
        )

    def rewrite(stream: Stream) -> Stream:
        tokens: list[Token] = []
        step = 0
        for token in stream.tokens:
            step += token.step
            for term, more, span in cut(token.term, keyword=token.keyword):
                tokens.append(Token(term, step + more, span or token.span, token.type, token.keyword))
                step = 0
        return Stream(tokens, stream.rest)

    return Filter(rewrite, is_local=False, reads_synonyms=False)


def _graph_parts(
    word: str,
    parts: Sequence[tuple[int, int, int]],
    *,
    is_single: bool,
    chosen: _Options,
) -> list[tuple[str, int, int]]:
    """(term, first and last node) of what a word is cut into, the original first."""
    found: list[tuple[int, int, int, int, str]] = []  # in the order of the stream
    node = last_count = 0
    joined: _Joined | None = None
    joined_all: _Joined | None = None

    def flush(one: _Joined) -> None:
        nonlocal node, last_count
        node += node == one.start
        last_count = one.count
        if one.count != 1 or not chosen.generate(one.kind):
            found.append((one.start, -node, one.offset, -one.end, one.text))

    if is_single:
        start, end, _ = parts[0]
        found.append((0, -1, start, -end, word[start:end]))
        node = 1
    else:
        for start, end, kind in parts:
            text = word[start:end]
            if joined is not None and not joined.kind & kind:
                flush(joined)
                joined = None
            if chosen.catenate(kind):
                joined = joined or _Joined(node, start, kind)
                joined.add(text, end)
            if chosen.catenate_all:
                joined_all = joined_all or _Joined(node, start, kind)
                joined_all.add(text, end)
            if chosen.generate(kind):
                found.append((node, -node - 1, start, -end, text))
                node += 1
        if joined is not None:
            flush(joined)
        if joined_all is not None and joined_all.count > last_count:
            node += node == joined_all.start
            found.append((joined_all.start, -node, joined_all.offset, -joined_all.end, joined_all.text))
    found.sort(key=lambda one: one[:4])
    ordered = [(text, start, -end) for start, end, _, _, text in found]
    return [(word, 0, max(node, 1)), *ordered] if chosen.preserve_original else ordered


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
            found, waiting = _delimited(token.term, parts, is_single=is_single, chosen=chosen, waiting=waiting)
            for term, step in found:
                tokens.append(token._replace(term=term, step=max(step, 1) if is_first else step))
                is_first = False
        return Stream(tokens, stream.rest)

    return Filter(rewrite, is_local=False, reads_synonyms=False)


def _delimited(
    word: str,
    parts: Sequence[tuple[int, int, int]],
    *,
    is_single: bool,
    chosen: _Options,
    waiting: int,
) -> tuple[list[tuple[str, int]], int]:
    """(term, step) of what a word is cut into, in order, and the steps that are left for the next word."""
    found: list[tuple[int, str, int]] = []
    has_output, follows = False, not chosen.preserve_original
    last_count = 0
    joined: _Joined | None = None
    joined_all: _Joined | None = None

    def step(*, beside: bool) -> int:
        nonlocal has_output, follows, waiting
        before, was_output = waiting, has_output
        has_output = True
        if not was_output and not follows:
            follows = True
            return 0
        waiting = 0
        return 0 if beside and was_output else max(1, before)

    def flush(one: _Joined) -> None:
        nonlocal last_count, waiting
        last_count = one.count
        if one.count != 1 or not chosen.generate(one.kind):
            found.append((one.offset, one.text, step(beside=True)))
            waiting = 0

    if is_single:
        start, end, _ = parts[0]
        return [(word[start:end], step(beside=False))], waiting
    for start, end, kind in parts:
        text = word[start:end]
        if joined is not None and not joined.kind & kind:
            flush(joined)
            joined, has_output = None, False
        if chosen.catenate(kind):
            joined = joined or _Joined(0, start, kind)
            joined.add(text)
        if chosen.catenate_all:
            joined_all = joined_all or _Joined(0, start, kind)
            joined_all.add(text)
        if chosen.generate(kind):
            found.append((start, text, step(beside=False)))
    if joined is not None:
        flush(joined)
    if joined_all is not None and joined_all.count > last_count:
        found.append((joined_all.offset, joined_all.text, step(beside=True)))
        waiting = 0
    found.sort(key=lambda one: (one[0], -one[2]))
    return [(term, steps) for _, term, steps in found], waiting


# Frequent words joined with their neighbours


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
                tokens.append(Token(joined_term, 1 if query_mode else 0, 1 if query_mode else 2, "gram"))
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
                found = Stream([token])
                for one in chain:
                    found = one.rewrite(found)
                for each in found.tokens:
                    if each.term not in seen:
                        seen.add(each.term)
                        tokens.append(each._replace(step=step))
                        step = 0
        return Stream(tokens, stream.rest)

    return Filter(rewrite, reads_synonyms=False)


def flatten_graph() -> Filter:
    """Lucene's FlattenGraphFilter: a graph to what an index can hold, each node as far as its longest path."""

    def rewrite(stream: Stream) -> Stream:
        edges: list[tuple[Token, int, int]] = []
        node_of: dict[int, int] = {0: 0}
        start, most = -1, 0
        for token in stream.tokens:
            start += token.step
            if start not in node_of:  # behind a hole
                node_of[start] = most + 1
            end = start + token.span
            node_of[end] = max(node_of.get(end, -1), node_of[start] + 1)
            most = max(most, node_of[end])
            edges.append((token, start, end))
        edges.sort(key=lambda edge: node_of[edge[1]])
        tokens, before = [], -1
        for token, start, end in edges:
            tokens.append(token._replace(step=node_of[start] - before, span=max(1, node_of[end] - node_of[start])))
            before = node_of[start]
        return Stream(tokens, stream.rest)

    return Filter(rewrite, is_local=False)

"""Token filters that need no graph: each a function of its parameters."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache, lru_cache
from importlib import resources

import regex

from relevance.analysis import graph, word_delimiter
from relevance.analysis.classic import classic_filter
from relevance.analysis.languages import ARTICLES, with_lists
from relevance.analysis.normalization import LOWER, NORMALIZATIONS
from relevance.analysis.parameters import BoundedPattern, Texts, java_replacement
from relevance.analysis.standard import lower, upper
from relevance.analysis.stemmers import snowball, stemmer
from relevance.analysis.tokenizers import MAX_NGRAM_DIFF, is_java_whitespace, refuse_grams
from relevance.analysis.tokens import Filter, Stream, Token, each, one_by_one, only, spread
from relevance.errors import InputError, unknown
from relevance.values import units

_MOST = 2**31 - 1
_REMEMBERED = 200_000


def lowercase(*, language: str | None = None) -> Filter:
    """Lower case."""
    if language is None:
        return each(lower, in_normalizer=True)
    if language.lower() not in LOWER:
        raise InputError(unknown("language", language, LOWER))
    return each(LOWER[language.lower()], in_normalizer=True)


def uppercase() -> Filter:
    """Upper case."""
    return each(upper, in_normalizer=True)


def reverse() -> Filter:
    """Turn each token round."""
    return each(lambda term: term[::-1])


def trim(*, update_offsets: bool = False) -> Filter:  # noqa: ARG001 - offsets are not kept
    """Remove white space around each token."""

    def change(term: str) -> str:
        start, end = 0, len(term)
        while start < end and is_java_whitespace(term[start]):
            start += 1
        while end > start and is_java_whitespace(term[end - 1]):
            end -= 1
        return term[start:end]

    return each(change, in_normalizer=True)


def truncate(*, length: int = 10) -> Filter:
    """Keep the beginning of each token."""
    if length < 1:
        raise InputError(f"length = {length}; allowed: 1 or more")
    return each(lambda term: _cut(term, length), but_keywords=True)


def _cut(term: str, size: int) -> str:
    """The first UTF-16 units."""
    if units(term) == len(term):
        return term[:size]
    return term.encode("utf-16-le", "surrogatepass")[: 2 * size].decode("utf-16-le", "surrogatepass")


def length(*, min: int = 0, max: int = _MOST) -> Filter:  # noqa: A002 - the settings' own names
    """Keep tokens of some lengths, in UTF-16 units."""
    return only(lambda token: min <= units(token.term) <= max)


def apostrophe() -> Filter:
    """Cut each token at its first apostrophe."""
    return each(lambda term: regex.split("['\u2019]", term, maxsplit=1)[0])


def elision(*, articles: Texts | None = None, articles_case: bool = False) -> Filter:
    """Remove an elided article before its apostrophe; the French ones in any case, unless there are others."""
    if articles is None:
        articles, articles_case = tuple(ARTICLES["french"].split()), True
    known = {lower(article) if articles_case else article for article in articles}

    def change(term: str) -> str:
        place = next((at for at, sign in enumerate(term) if sign in "'\u2019"), -1)
        first = term[:place] if place >= 0 else ""
        return term[place + 1 :] if place >= 0 and (lower(first) if articles_case else first) in known else term

    return each(change, in_normalizer=True)


def decimal_digit() -> Filter:
    """Write all decimal digits as ASCII ones."""

    def change(term: str) -> str:
        if term.isascii():
            return term
        return "".join(str(unicodedata.decimal(sign)) if unicodedata.category(sign) == "Nd" else sign for sign in term)

    return each(change, in_normalizer=True)


def pattern_replace(*, pattern: str, replacement: str = "", all: bool = True, flags: str = "") -> Filter:  # noqa: A002
    """Replace what a pattern of Java's matches."""
    bounded = BoundedPattern("filter pattern_replace", pattern, flags)
    template = java_replacement(replacement, bounded.compiled)
    return each(lambda term: bounded.sub(template, term, count=0 if all else 1), in_normalizer=True)


def pattern_capture(*, patterns: Texts, preserve_original: bool = True) -> Filter:
    """Add what the groups of patterns match, as tokens beside."""
    bounded = [BoundedPattern("filter pattern_capture", pattern) for pattern in patterns]

    def captures(term: str, pattern: BoundedPattern) -> Iterator[tuple[int, int]]:
        for match in pattern.matches(term):
            for group in range(1, pattern.compiled.groups + 1):
                start, end = match.span(group)
                if start != end and not (preserve_original and (start, end) == (0, len(term))):
                    yield start, end

    def parts(token: Token) -> list[Token]:
        heads = [iter(captures(token.term, pattern)) for pattern in bounded]
        spans = [next(head, None) for head in heads]
        terms = [token.term] if preserve_original else []
        while any(span is not None for span in spans):
            first = min((span[0], at) for at, span in enumerate(spans) if span is not None)[1]
            terms.append(token.term[slice(*spans[first])])  # type: ignore[misc]
            spans[first] = next(heads[first], None)
        terms = terms or [token.term]
        return [token._replace(term=term, step=0 if at else token.step) for at, term in enumerate(terms)]

    return spread(parts)


def keyword_marker(*, keywords: Texts = (), keywords_pattern: str | None = None, ignore_case: bool = False) -> Filter:
    """Protect words from stemmers."""
    if keywords_pattern is not None and keywords:
        raise InputError("keyword_marker: keywords and keywords_pattern; allowed: one of them")
    if keywords_pattern is not None:
        flags = "CASE_INSENSITIVE" if ignore_case else ""
        marked: Callable[[str], bool] = BoundedPattern("filter keyword_marker", keywords_pattern, flags).is_whole
    elif keywords:
        known = {lower(word) if ignore_case else word for word in keywords}
        marked = lambda term: (lower(term) if ignore_case else term) in known  # noqa: E731
    else:
        raise InputError("keyword_marker needs keywords or keywords_pattern")

    return one_by_one(lambda token: token._replace(keyword=True) if marked(token.term) else token)


def keyword_repeat() -> Filter:
    """Give each token twice, first as a keyword."""
    return replace(
        spread(lambda token: [token._replace(keyword=True), token._replace(step=0, keyword=False)]),
        reads_synonyms=False,
        in_place=True,
    )


def stemmer_override(*, rules: Texts) -> Filter:
    """Stem some words by rules, and keep stemmers from them."""
    stems: dict[str, str] = {}
    for rule in rules:
        left, arrow, right = rule.partition("=>")
        if not arrow or not right.strip():
            raise InputError(f'stemmer_override: rule {rule!r}; allowed: "running => run"')
        for word in left.split(","):
            stems.setdefault(word.strip(), right.strip())

    def stemmed(token: Token) -> Token:
        stem = None if token.keyword else stems.get(token.term)
        return token if stem is None else token.as_term(stem)._replace(keyword=True)

    return one_by_one(stemmed)


def keep(*, keep_words: Texts, keep_words_case: bool = False) -> Filter:
    """Keep some words alone."""
    known = {lower(word) if keep_words_case else word for word in keep_words}
    return only(lambda token: (lower(token.term) if keep_words_case else token.term) in known)


def keep_types(*, types: Texts, mode: str = "include") -> Filter:
    """Keep, or remove, tokens of some kinds."""
    if mode not in {"include", "exclude"}:
        raise InputError(f"keep_types: mode = {mode!r}; allowed: include, exclude")
    known = set(types)
    return only(lambda token: (token.type in known) == (mode == "include"))


def limit(*, max_token_count: int = 1, consume_all_tokens: bool = False) -> Filter:  # noqa: ARG001 - changes speed alone
    """Keep the first tokens."""
    return Filter(lambda stream: Stream(stream.tokens[:max_token_count], 0), is_local=False, in_place=True)


def unique(*, only_on_same_position: bool = False) -> Filter:
    """Keep the first of equal tokens, of the text or of a position; no position stays empty."""

    def rewrite(stream: Stream) -> Stream:
        seen: set[str] = set()
        tokens = []
        for token in stream.tokens:
            if only_on_same_position and token.step:
                seen = set()
            if token.term not in seen:
                seen.add(token.term)
                tokens.append(token)
        return Stream(tokens, stream.rest)

    return Filter(rewrite, is_local=only_on_same_position, in_place=True)


def remove_duplicates() -> Filter:
    """Keep the first of equal tokens of a position."""
    return unique(only_on_same_position=True)


def _grams(starts: Callable[[str], Iterable[int]], minimum: int, maximum: int, *, preserve_original: bool) -> Filter:
    @lru_cache(_REMEMBERED)
    def grams(term: str) -> list[str]:
        terms = [
            term[start : start + size]
            for start in starts(term)
            for size in range(minimum, min(maximum, len(term) - start) + 1)
        ]
        return [*terms, term] if preserve_original and not minimum <= len(term) <= maximum else terms

    def parts(token: Token) -> list[Token]:
        return [
            Token(gram, 0 if at else token.step, token.span, token.type, token.keyword, ends_early=token.ends_early)
            for at, gram in enumerate(grams(token.term))
        ]

    every = spread(parts).rewrite
    # What filters before it removed from the text's end is forgotten, so that it cannot work piece by piece.
    return Filter(lambda stream: every(Stream(stream.tokens)), is_local=False, reads_synonyms=False)


def ngram(
    max_ngram_diff: int = MAX_NGRAM_DIFF,
    /,
    *,
    min_gram: int = 1,
    max_gram: int = 2,
    preserve_original: bool = False,
) -> Filter:
    """Give all pieces of a token, of some lengths."""
    refuse_grams(min_gram, max_gram, max_ngram_diff)
    return _grams(lambda term: range(len(term)), min_gram, max_gram, preserve_original=preserve_original)


def edge_ngram(*, min_gram: int = 1, max_gram: int = 2, preserve_original: bool = False, side: str = "front") -> Filter:
    """Give the beginnings of a token, of some lengths."""
    if side not in {"front", "back"}:
        raise InputError(f"edge_ngram: side = {side!r}; allowed: front, back")
    refuse_grams(min_gram, max_gram)
    grams = _grams(lambda term: range(min(1, len(term))), min_gram, max_gram, preserve_original=preserve_original)
    if side == "front":
        return grams
    turned = reverse().rewrite
    return Filter(lambda stream: turned(grams.rewrite(turned(stream))), is_local=False, reads_synonyms=False)


def stop(
    release: int = 9, /, *, stopwords: Texts = ("_english_",), ignore_case: bool = False, remove_trailing: bool = True
) -> Filter:
    """Remove stop words; their positions stay empty."""
    if not remove_trailing:
        raise InputError("remove_trailing = false is not known to this engine; allowed: true")
    known = {lower(word) if ignore_case else word for word in with_lists(stopwords, release)}
    return only(lambda token: (lower(token.term) if ignore_case else token.term) not in known)


@cache
def _ascii_table() -> dict[int, str]:
    text = resources.files(__package__).joinpath("ascii_folding.txt").read_text(encoding="utf-8")
    rows = (line.split(" ; ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {int(code, 16): folded for code, folded in rows}


def asciifolding(*, preserve_original: bool = False) -> Filter:
    """Write letters with accents, and signs, as ASCII."""
    table = _ascii_table()

    def fold(term: str) -> str:
        return term if term.isascii() else term.translate(table)

    folding = each(fold, in_normalizer=True)
    if not preserve_original:
        return folding

    def forms(token: Token) -> list[Token]:
        folded = fold(token.term)
        return [token._replace(term=folded), *([token._replace(step=0)] if folded != token.term else [])]

    return replace(spread(forms), plain=folding, in_normalizer=True)


def _in_java_order(term: str) -> bytes:
    return term.encode("utf-16-be", "surrogatepass")


def fingerprint(*, separator: str = " ", max_output_size: int = 255) -> Filter:
    """Join the sorted distinct tokens."""

    def rewrite(stream: Stream) -> Stream:
        term = ""
        for word in sorted({token.term for token in stream.tokens}, key=_in_java_order):
            term += f"{separator}{word}" if term else word
        if not stream.tokens or units(term) > max_output_size:
            return Stream((), 1)
        return Stream([Token(term, type="fingerprint")], 1)

    return Filter(rewrite, is_local=False, reads_synonyms=False)


def dictionary_decompounder(
    release: int = 9,
    /,
    *,
    word_list: Texts,
    min_word_size: int = 5,
    min_subword_size: int = 2,
    max_subword_size: int = 15,
    only_longest_match: bool = False,
) -> Filter:
    """Add the words of a list that a token holds, beside it; from release 9 on the longest ones do not overlap."""
    known = {lower(word) for word in word_list}

    def parts(token: Token) -> Iterator[Token]:
        yield token
        term = token.term
        start, last = 0, len(term) - min_subword_size if len(term) >= min_word_size else -1
        while start <= last:
            sizes = range(min_subword_size, min(max_subword_size, len(term) - start) + 1)
            words = [term[start : start + size] for size in sizes if lower(term[start : start + size]) in known]
            for word in words[-1:] if only_longest_match else words:
                yield token._replace(term=word, step=0)
            start += len(words[-1]) if words and only_longest_match and release > 8 else 1

    return replace(spread(parts), reads_synonyms=False)


_CJK = {"han": "<IDEOGRAPHIC>", "hiragana": "<HIRAGANA>", "katakana": "<KATAKANA>", "hangul": "<HANGUL>"}


def cjk_bigram(*, ignored_scripts: Texts = (), output_unigrams: bool = False) -> Filter:
    """Give pairs of neighbouring Chinese, Japanese and Korean characters, and a lone one alone."""
    types = {kind for script, kind in _CJK.items() if script not in ignored_scripts}

    def pairs(signs: str) -> Iterator[Token]:
        for at, sign in enumerate(signs):
            if output_unigrams or len(signs) == 1:
                yield Token(sign, type="<SINGLE>")
            if at + 1 < len(signs):
                beside = (0, 2) if output_unigrams else (1, 1)
                yield Token(sign + signs[at + 1], *beside, type="<DOUBLE>")

    def rewrite(stream: Stream) -> Stream:
        tokens: list[Token] = []
        run = ""
        for token in stream.tokens:
            is_cjk = token.type in types
            if run and not (is_cjk and token.glued and token.step == 1):
                tokens += pairs(run)
                run = ""
            if is_cjk:
                run += token.term
            else:
                tokens.append(token)
        return Stream([*tokens, *pairs(run)], stream.rest)

    return Filter(rewrite, is_local=False, ends_graph=output_unigrams, reads_synonyms=not output_unigrams)


def delimited_payload(*, delimiter: str = "|", encoding: str = "float") -> Filter:  # noqa: ARG001 - payloads are not kept
    """Cut each token at a delimiter; what follows it is no text."""
    return each(lambda term: term.partition(delimiter)[0])


def _normalization(name: str) -> Callable[[], Filter]:
    return lambda: each(NORMALIZATIONS[name], in_normalizer=True)


def _stem(language: str) -> Callable[[int], Filter]:
    return lambda release, /: stemmer(release, language=language)


FILTERS: dict[str, Callable[..., Filter]] = {
    **{name: _normalization(name) for name in NORMALIZATIONS},
    **{
        f"{language}_stem": _stem(language)
        for language in ["arabic", "brazilian", "czech", "dutch", "french", "german", "persian", "russian"]
    },
    "apostrophe": apostrophe,
    "asciifolding": asciifolding,
    "cjk_bigram": cjk_bigram,
    "classic": classic_filter,
    "common_grams": graph.common_grams,
    "decimal_digit": decimal_digit,
    "delimited_payload": delimited_payload,
    "dictionary_decompounder": dictionary_decompounder,
    "edge_ngram": edge_ngram,
    "elision": elision,
    "fingerprint": fingerprint,
    "flatten_graph": graph.flatten_graph,
    "keep": keep,
    "keep_types": keep_types,
    "keyword_marker": keyword_marker,
    "keyword_repeat": keyword_repeat,
    "kstem": _stem("kstem"),
    "length": length,
    "limit": limit,
    "lowercase": lowercase,
    "ngram": ngram,
    "pattern_capture": pattern_capture,
    "pattern_replace": pattern_replace,
    "porter_stem": _stem("porter"),
    "remove_duplicates": remove_duplicates,
    "reverse": reverse,
    "shingle": graph.shingle,
    "snowball": snowball,
    "stemmer": stemmer,
    "stemmer_override": stemmer_override,
    "stop": stop,
    "trim": trim,
    "truncate": truncate,
    "unique": unique,
    "uppercase": uppercase,
    "word_delimiter": word_delimiter.word_delimiter,
    "word_delimiter_graph": word_delimiter.word_delimiter_graph,
}
"""All filters but those that need the chain before them: synonyms and the multiplexer."""

"""Texts are read by their parts as they are read whole, whatever an analyzer does, in chunks or at once."""

from itertools import groupby
from typing import Any

import pytest

from relevance.analysis import Analysis, Analyzer
from relevance.engines.embedded.bodies import lexicon
from relevance.engines.embedded.bodies.lexicon import Lexicon, Tokens

GAP = 7
FILTERS: dict[str, dict[str, Any]] = {
    "parts": {"type": "word_delimiter_graph", "preserve_original": True},
    "beside": {"type": "synonym", "synonyms": ["grey, gray", "sofa bed => couch"]},
    "begun": {"type": "edge_ngram", "min_gram": 2, "max_gram": 4},
    "pairs": {"type": "shingle"},
}
CHAINS = {
    "words": ("standard", ["lowercase"]),
    "stopped": ("standard", ["lowercase", "stop"]),
    "twice": ("standard", ["keyword_repeat", "porter_stem", "remove_duplicates"]),
    "parts": ("whitespace", ["parts", "lowercase"]),
    "synonyms": ("standard", ["lowercase", "beside"]),
    "begun": ("standard", ["stop", "begun"]),
    "pairs": ("standard", ["stop", "pairs"]),
    "first": ("standard", ["limit"]),
    "whole": ("keyword", ["trim"]),
}
TEXTS = [
    (0, "the grey sofa-bed of the house"),
    (0, "a sofa bed"),
    (0, ""),
    (0, "the of"),
    (0, "wi-fi 4k the"),
    (2, "  two  spaces "),
    (2, "Grey grey 100-200 don't"),
    (5, "\u7070\u8272 sofas \U0001f600 the"),
]


def analyzer(name: str) -> Analyzer:
    tokenizer, filters = CHAINS[name]
    own = {"tokenizer": tokenizer, "filter": filters, "char_filter": ["html_strip"]}
    return Analysis({"analysis": {"filter": FILTERS, "analyzer": {"own": own}}}).analyzer("own")


def expected(analyze: Analyzer) -> list[tuple[int, str, int, bool]]:
    """Document, term, position and whether it stands beside the token before it, of each token, text by text."""
    tokens = []
    for doc, texts in groupby(TEXTS, key=lambda one: one[0]):
        position = -1
        for _, text in texts:
            stream = analyze(text)
            place = position
            for token in stream.tokens:
                place += token.step
                tokens.append((doc, token.term, place, token.step == 0))
            position += stream.length + GAP
    return tokens


def listed(tokens: Tokens) -> list[tuple[int, str, int, bool]]:
    terms = [tokens.names[number] for number in tokens.terms.tolist()]
    columns = (tokens.docs.tolist(), terms, tokens.positions.tolist(), tokens.is_beside.tolist())
    return list(zip(*columns, strict=True))


@pytest.mark.parametrize("at_once", [1, 1 << 19])
@pytest.mark.parametrize("name", CHAINS)
def test_parts_are_read_as_the_text_is(monkeypatch: pytest.MonkeyPatch, name: str, at_once: int) -> None:
    monkeypatch.setattr(lexicon, "_PARTS_AT_ONCE", at_once)
    analyze = analyzer(name)
    shared = Lexicon(analyze.parts, analyze.part)
    docs, texts = zip(*TEXTS, strict=True)
    first, second = (shared.tokens(docs, texts, GAP) for _ in range(2))
    assert listed(first) == listed(second) == expected(analyze)
    assert first.names == sorted(set(first.names))


def test_no_texts_are_no_tokens() -> None:
    analyze = analyzer("words")
    tokens = Lexicon(analyze.parts, analyze.part).tokens([], [], GAP)
    assert not listed(tokens)
    assert not tokens.names

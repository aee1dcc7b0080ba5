"""Analysis chains drawn at random from a grammar over the components, and what the server makes of texts by them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np

from relevance.analysis import Analysis, Stream
from relevance.errors import InputError

Place = tuple[str, int, int]
"""A token: its term, position and span."""
Definition = Mapping[str, Any] | str
GAP = 100

LANGUAGES = (
    "english porter2 kstem minimal_english possessive_english german light_german french light_french spanish italian "
    "dutch brazilian swedish turkish greek hindi"
)
WORDS = [
    "usb",
    "tv",
    "hp",
    "flash",
    "drive",
    "wi",
    "the",
    "with",
    "for",
    "and",
    "black",
    "gb",
    "laser",
    "printer",
    "of",
]


def _synonyms(random: Random, kind: str) -> Definition:
    def side(most: int) -> str:
        runs = [" ".join(random.sample(WORDS, random.choice([1, 1, 2, 3]))) for _ in range(random.randint(1, most))]
        return ", ".join(runs)

    rules = [f"{side(2)} => {side(2)}" if random.random() < 0.3 else f"{side(2)}, {side(1)}" for _ in range(5)]
    return {"type": kind, "synonyms": rules, "expand": random.random() < 0.8, "lenient": True}


def _flags(random: Random, names: str, most: int = 4) -> dict[str, bool]:
    return {name: random.random() < 0.5 for name in random.sample(names.split(), random.randint(0, most))}


_DELIMITER = (
    "generate_word_parts generate_number_parts catenate_words catenate_numbers catenate_all split_on_case_change "
    "preserve_original split_on_numerics stem_english_possessive"
)

CHAR_FILTERS: dict[str, Callable[[Random], Definition]] = {
    "html_strip": lambda _: "html_strip",
    "mapping": lambda r: {
        "type": "mapping",
        "mappings": r.sample(["- => _", "& => and", "wi-fi => wifi", "\\u0020 => -", "a => "], 2),
    },
    "pattern_replace": lambda r: {
        "type": "pattern_replace",
        "pattern": r.choice([r"(\d+)\s*(gb|tb|mm)\b", r"[^\w\s]+", r"(?i)(usb)"]),
        "replacement": r.choice([" ", "x", "$1"]) if r.random() < 0.5 else " ",
    },
}
TOKENIZERS: dict[str, Callable[[Random], Definition]] = {
    "standard": lambda r: r.choice(["standard", {"type": "standard", "max_token_length": 5}]),
    "whitespace": lambda _: "whitespace",
    "letter": lambda _: "letter",
    "lowercase": lambda _: "lowercase",
    "keyword": lambda _: "keyword",
    "pattern": lambda r: {"type": "pattern", "pattern": r.choice([r"\W+", r"[,;/]\s*", r"\s+|-"])},
    "char_group": lambda r: {
        "type": "char_group",
        "tokenize_on_chars": r.sample(["whitespace", "-", "/", "digit", "punctuation"], 2),
    },
    "ngram": lambda r: {
        "type": "ngram",
        "min_gram": 2,
        "max_gram": 3,
        "token_chars": r.choice([[], ["letter", "digit"]]),
    },
    "edge_ngram": lambda r: {
        "type": "edge_ngram",
        "min_gram": 1,
        "max_gram": 4,
        "token_chars": r.choice([[], ["letter", "digit"]]),
    },
    "classic": lambda r: {"type": "classic", "max_token_length": r.choice([5, 255])},
    "simple_pattern": lambda _: {"type": "simple_pattern", "pattern": "[a-zA-Z]+|[0-9]+"},
    "simple_pattern_split": lambda _: {"type": "simple_pattern_split", "pattern": "[ ,;/]+"},
    "path_hierarchy": lambda r: {
        "type": "path_hierarchy",
        "delimiter": r.choice([" ", "/", "-"]),
        "reverse": r.random() < 0.5,
        "skip": r.choice([0, 1]),
    },
}
FILTERS: dict[str, Callable[[Random], Definition]] = {
    "lowercase": lambda _: "lowercase",
    "uppercase": lambda _: "uppercase",
    "asciifolding": lambda r: {"type": "asciifolding", "preserve_original": r.random() < 0.3},
    "stop": lambda r: {
        "type": "stop",
        "stopwords": r.choice(["_english_", ["for", "with"]]),
        "ignore_case": r.random() < 0.3,
    },
    "stemmer": lambda r: {
        "type": "stemmer",
        "language": r.choice(LANGUAGES.split()),
    },
    "porter_stem": lambda _: "porter_stem",
    "kstem": lambda _: "kstem",
    "classic": lambda _: "classic",
    "snowball": lambda r: {"type": "snowball", "language": r.choice(["English", "Porter"])},
    "keyword_marker": lambda r: {
        "type": "keyword_marker",
        "keywords": ["drives", "printers", "cables"],
        "ignore_case": r.random() < 0.5,
    },
    "keyword_repeat": lambda _: "keyword_repeat",
    "stemmer_override": lambda _: {
        "type": "stemmer_override",
        "rules": ["printers, printing => print", "drives => drive"],
    },
    "synonym": lambda r: _synonyms(r, "synonym"),
    "synonym_graph": lambda r: _synonyms(r, "synonym_graph"),
    "word_delimiter": lambda r: {"type": "word_delimiter", **_flags(r, _DELIMITER)},
    "word_delimiter_graph": lambda r: {"type": "word_delimiter_graph", **_flags(r, _DELIMITER)},
    "flatten_graph": lambda _: "flatten_graph",
    "shingle": lambda r: {
        "type": "shingle",
        "max_shingle_size": r.choice([2, 3]),
        **_flags(r, "output_unigrams output_unigrams_if_no_shingles", 2),
    },
    "common_grams": lambda r: {
        "type": "common_grams",
        "common_words": ["the", "for", "with", "of"],
        **_flags(r, "query_mode ignore_case", 2),
    },
    "edge_ngram": lambda r: {
        "type": "edge_ngram",
        "min_gram": 2,
        "max_gram": 5,
        "side": r.choice(["front", "back"]),
        "preserve_original": r.random() < 0.3,
    },
    "ngram": lambda r: {"type": "ngram", "min_gram": 2, "max_gram": 3, "preserve_original": r.random() < 0.3},
    "unique": lambda r: {"type": "unique", "only_on_same_position": r.random() < 0.5},
    "remove_duplicates": lambda _: "remove_duplicates",
    "length": lambda r: {"type": "length", "min": r.choice([0, 2, 3]), "max": r.choice([5, 10])},
    "truncate": lambda r: {"type": "truncate", "length": r.choice([2, 5])},
    "trim": lambda _: "trim",
    "reverse": lambda _: "reverse",
    "elision": lambda r: {"type": "elision", "articles": ["l", "d"], "articles_case": r.random() < 0.5},
    "apostrophe": lambda _: "apostrophe",
    "decimal_digit": lambda _: "decimal_digit",
    "pattern_replace": lambda r: {
        "type": "pattern_replace",
        "pattern": r.choice([r"\d+", r"[aeiou]", r"(\w)\1"]),
        "replacement": r.choice(["", "#", "$0"]),
    },
    "pattern_capture": lambda r: {
        "type": "pattern_capture",
        "patterns": r.choice([[r"(\d+)"], [r"([a-z]+)(\d*)", r"-(\w+)"]]),
        "preserve_original": r.random() < 0.5,
    },
    "limit": lambda r: {"type": "limit", "max_token_count": r.choice([1, 5])},
    "keep": lambda _: {"type": "keep", "keep_words": WORDS, "keep_words_case": True},
    "keep_types": lambda r: {
        "type": "keep_types",
        "types": r.choice([["<NUM>"], ["<ALPHANUM>"]]),
        "mode": r.choice(["include", "exclude"]),
    },
    "multiplexer": lambda r: {
        "type": "multiplexer",
        "filters": ["lowercase, porter_stem", "uppercase"],
        "preserve_original": r.random() < 0.5,
    },
    "fingerprint": lambda _: "fingerprint",
    "cjk_width": lambda _: "cjk_width",
    "cjk_bigram": lambda r: {"type": "cjk_bigram", **_flags(r, "output_unigrams", 1)},
    "dictionary_decompounder": lambda r: {
        "type": "dictionary_decompounder",
        "word_list": ["note", "book", "print", "head", "phone", "ones"],
        **_flags(r, "only_longest_match", 1),
    },
    "delimited_payload": lambda _: {"type": "delimited_payload", "delimiter": "-", "encoding": "identity"},
    "german_normalization": lambda _: "german_normalization",
    "scandinavian_folding": lambda _: "scandinavian_folding",
    "scandinavian_normalization": lambda _: "scandinavian_normalization",
}


@dataclass(frozen=True)
class Chain:
    """An analyzer: of the components, each by its name or with its parameters; or a built-in one by name."""

    tokenizer: Definition = "standard"
    filters: Sequence[Definition] = ()
    char_filters: Sequence[Definition] = ()
    analyzer: Definition | None = None

    @property
    def name(self) -> str:
        """What a built-in analyzer, or a lone filter, is called."""
        if self.analyzer is not None:
            return str(self.analyzer)
        first = self.filters[0] if self.filters else self.tokenizer
        return first if isinstance(first, str) else " ".join(map(str, first.values()))

    @property
    def request(self) -> dict[str, Any]:
        if self.analyzer is not None:
            return {"analyzer": self.analyzer}
        return {"tokenizer": self.tokenizer, "filter": list(self.filters), "char_filter": list(self.char_filters)}

    @property
    def settings(self) -> dict[str, Any]:
        """The same as an index's settings, with `mine` as the analyzer."""
        if self.analyzer is not None:
            settings = {"type": self.analyzer} if isinstance(self.analyzer, str) else self.analyzer
            return {"analysis": {"analyzer": {"mine": settings}}}
        parts: dict[str, dict[str, Any]] = {"tokenizer": {}, "filter": {}, "char_filter": {}}

        def named(part: str, definition: Definition) -> str:
            if isinstance(definition, str):
                return definition
            name = f"{part}{len(parts[part])}"
            parts[part][name] = definition
            return name

        analyzer = {
            "tokenizer": named("tokenizer", self.tokenizer),
            "filter": [named("filter", one) for one in self.filters],
            "char_filter": [named("char_filter", one) for one in self.char_filters],
        }
        return {"analysis": {**parts, "analyzer": {"mine": analyzer}}}

    @classmethod
    def drawn(cls, random: Random) -> Chain:
        tokenizer = random.choice(["standard", "standard", "whitespace", "whitespace", *TOKENIZERS])
        filters = random.sample([*FILTERS, "synonym_graph", "stop", "flatten_graph"], random.randint(0, 4))
        chars = random.sample(list(CHAR_FILTERS), random.choice([0, 0, 0, 1]))
        return cls(
            TOKENIZERS[tokenizer](random),
            [*(["lowercase"] if random.random() < 0.5 else []), *(FILTERS[name](random) for name in filters)],
            [CHAR_FILTERS[name](random) for name in chars],
        )


@dataclass
class Comparison:
    """What came of a chain: texts and tokens compared, texts that differ, and why none were."""

    texts: int = 0
    tokens: int = 0
    different: list[tuple[str, list[Place], list[Place]]] = field(default_factory=list)
    refused: str = ""
    refused_by_server: str = ""


def places(stream: Stream, base: int = -1) -> list[Place]:
    """The tokens of a stream with their positions, behind `base`."""
    rows = []
    for token in stream.tokens:
        base += token.step
        rows.append((token.term, base, token.span))
    return rows


Ask = Callable[[Mapping[str, Any]], Sequence[Mapping[str, Any]]]
"""Sends a body to `_analyze`; gives its tokens, or raises ValueError with the server's reason."""


def compare(ask: Ask, chain: Chain, texts: Sequence[str], *, release: int, at_once: int = 25) -> Comparison:
    """Analyse texts here and there, there in batches; a batch that differs goes again, text by text."""
    result = Comparison()
    try:
        analyzer = Analysis(chain.settings, release=release).analyzer("mine")
    except InputError as error:
        result.refused = str(error)
        return result
    if chain.tokenizer == "lowercase":  # Elasticsearch's own lowers whole letters, its stand-in here 16-bit ones alone
        texts = ["".join(sign for sign in text if sign <= "\uffff") for text in texts]
    if any(one == "limit" or (not isinstance(one, str) and one["type"] == "limit") for one in chain.filters):
        at_once = 1  # the server does not read such a text to its end, so that the next one's offsets are off
    # outside of an index a built-in analyzer of release 8 has none
    gap = 0 if chain.analyzer is not None and release < 9 else GAP
    for start in range(0, len(texts), at_once):
        part = texts[start : start + at_once]
        streams = [analyzer(text) for text in part]
        try:
            theirs = _asked(ask, chain, part)
        except ValueError as error:
            if at_once > 1:  # it may be too many tokens for one request
                return compare(ask, chain, texts, release=release, at_once=1)
            result.refused_by_server = str(error)
            return result
        ours = []
        base = -1
        for stream in streams:
            rows = places(stream, base)
            ours.append(rows)
            base = (rows[-1][1] if rows else base) + stream.rest + gap
        result.texts += len(part)
        result.tokens += sum(map(len, theirs))
        if ours != theirs:
            alone = [_asked(ask, chain, [text])[0] for text in part]
            rows = [(text, places(stream), one) for text, stream, one in zip(part, streams, alone, strict=True)]
            different = [row for row in rows if row[1] != row[2]]
            result.different += different or [("\n".join(part), [], [])]
    return result


def _asked(ask: Ask, chain: Chain, texts: Sequence[str]) -> list[list[Place]]:
    """The texts share one axis of offsets, counted in UTF-16 units, with a gap of one between two of them."""
    tokens = ask({**chain.request, "text": list(texts)})
    starts = np.cumsum([0, *(len(text.encode("utf-16-le", "surrogatepass")) // 2 + 1 for text in texts)])
    rows: list[list[Place]] = [[] for _ in texts]
    owners = np.searchsorted(starts, [token["start_offset"] for token in tokens], side="right") - 1
    for owner, token in zip(owners.tolist(), tokens, strict=True):
        rows[owner].append((token["token"], token["position"], token.get("positionLength", 1)))
    return rows

"""Elasticsearch's components that are not known here, by part and name: why, and what to take instead."""

from __future__ import annotations

from collections.abc import Mapping

_RENAMED_N = "was renamed; allowed: ngram"
_RENAMED_EDGE = "was renamed; allowed: edge_ngram"
_SCRIPT = "runs a script; allowed: keep, keep_types, length, keyword_marker, multiplexer"
_FILES = "reads files of the server"
_LOGS = "is for categories of logs; allowed: pattern_replace"


def _of_plugin(plugin: str, instead: str, names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), f"comes with the plugin analysis-{plugin}; allowed: {instead}")


REFUSED: Mapping[str, Mapping[str, str]] = {
    "char_filter": {
        "first_line_with_letters": _LOGS,
        "first_non_blank_line": _LOGS,
        **_of_plugin("icu", "mapping, or the filters lowercase, asciifolding and cjk_width", "icu_normalizer"),
        **_of_plugin("kuromoji", "pattern_replace", "kuromoji_iteration_mark"),
    },
    "tokenizer": {
        "edgeNGram": _RENAMED_EDGE,
        "ml_classic": "is for categories of logs; allowed: classic",
        "ml_standard": "is for categories of logs; allowed: standard",
        "nGram": _RENAMED_N,
        "thai": "needs Java's dictionary of Thai, and release 9 has it no more; allowed: standard, ngram",
        "uax_url_email": "needs a list of all top-level domains; allowed: classic, standard, pattern",
        **_of_plugin("icu", "standard", "icu_tokenizer"),
        **_of_plugin("kuromoji", "standard with cjk_bigram", "kuromoji_tokenizer"),
        **_of_plugin("nori", "standard with cjk_bigram", "nori_tokenizer"),
        **_of_plugin("smartcn", "standard with cjk_bigram", "smartcn_tokenizer"),
    },
    "filter": {
        "condition": _SCRIPT,
        "edgeNGram": _RENAMED_EDGE,
        "hunspell": f"{_FILES}; allowed: stemmer, stemmer_override",
        "hyphenation_decompounder": f"{_FILES}; allowed: dictionary_decompounder",
        "min_hash": "gives hashes of a text, for texts that are nearly the same; allowed: shingle",
        "nGram": _RENAMED_N,
        "predicate_token_filter": _SCRIPT,
        **_of_plugin(
            "icu", "lowercase, asciifolding, cjk_width", "icu_collation icu_folding icu_normalizer icu_transform"
        ),
        **_of_plugin(
            "kuromoji",
            "stop, pattern_replace, cjk_width",
            "hiragana_uppercase ja_stop katakana_uppercase kuromoji_baseform kuromoji_completion kuromoji_number "
            "kuromoji_part_of_speech kuromoji_readingform kuromoji_stemmer",
        ),
        **_of_plugin("nori", "stop, decimal_digit", "nori_number nori_part_of_speech nori_readingform"),
        **_of_plugin("phonetic", "synonym, or fuzziness in the search", "phonetic"),
        **_of_plugin("smartcn", "stop", "smartcn_stop"),
        **_of_plugin("stempel", "stop, stemmer_override", "polish_stem polish_stop"),
    },
    "analyzer": {
        "chinese": "is for indices of old releases; allowed: cjk, standard",
        "estonian": "needs Snowball's rules of Estonian, which PyStemmer does not have; allowed: a custom analyzer "
        "with lowercase and stop of _estonian_",
        "thai": "needs Java's dictionary of Thai, and release 9 has it no more; allowed: standard",
        **_of_plugin("icu", "standard", "icu_analyzer"),
        **_of_plugin("kuromoji", "cjk", "kuromoji kuromoji_completion"),
        **_of_plugin("nori", "cjk", "nori"),
        **_of_plugin("smartcn", "cjk", "smartcn"),
        **_of_plugin("stempel", "a custom analyzer", "polish"),
        **_of_plugin("ukrainian", "a custom analyzer", "ukrainian"),
    },
    "stemmer": {
        "dutch_kp": "is gone from release 9; allowed: dutch",
        "estonian": "needs Snowball's rules of Estonian, which PyStemmer does not have; allowed: no stemmer",
        "kp": "is gone from release 9; allowed: dutch",
        "lovins": "is gone from release 9; allowed: english, porter2, kstem",
        "plural_english": "has rules of Elasticsearch alone; allowed: minimal_english",
    },
}

"""The analyzers of languages, as chains of Elasticsearch's components, and their stop words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources

from relevance.errors import InputError, unknown

CHAINS = {
    "armenian": "lowercase stop keywords stemmer:armenian",
    "basque": "lowercase stop keywords stemmer:basque",
    "catalan": "elision:catalan lowercase stop keywords stemmer:catalan",
    "danish": "lowercase stop keywords stemmer:danish",
    "english": "stemmer:possessive_english lowercase stop keywords stemmer:english",
    "finnish": "lowercase stop keywords stemmer:finnish",
    "french": "elision:french lowercase stop keywords stemmer:light_french",
    "hungarian": "lowercase stop keywords stemmer:hungarian",
    "italian": "elision:italian lowercase stop keywords stemmer:light_italian",
    "lithuanian": "lowercase stop keywords stemmer:lithuanian",
    "norwegian": "lowercase stop keywords stemmer:norwegian",
    "portuguese": "lowercase stop keywords stemmer:light_portuguese",
    "romanian": "lowercase stop keywords stemmer:romanian",
    "russian": "lowercase stop keywords stemmer:russian",
    "spanish": "lowercase stop keywords stemmer:light_spanish",
    "swedish": "lowercase stop keywords stemmer:swedish",
}
"""By language, behind the standard tokenizer: filters; `stop` and `keywords` take the analyzer's own words."""

ARTICLES = {
    "catalan": "d l m n s t",
    "french": "l m t qu n s j d c jusqu quoiqu lorsqu puisqu",
    "irish": "d m b",
    "italian": "c l all dall dell nell sull coll pell gl agl dagl degl negl sugl un m t s v d",
}
"""What elision removes, in any case."""


@cache
def stop_words() -> Mapping[str, tuple[str, ...]]:
    """Read the stop words of all languages."""
    text = resources.files(__package__).joinpath("stop_words.txt").read_text(encoding="utf-8")
    rows = (line.split(": ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {language: tuple(words.split()) for language, words in rows}


def with_lists(names: Iterable[str]) -> list[str]:
    """Put the words of a language in the place of its name, such as `_german_`.

    Raises:
        InputError: the language is not known.
    """
    words: list[str] = []
    for name in names:
        if name == "_none_":
            continue
        if name.startswith("_") and name.endswith("_") and len(name) > 2:
            language = name[1:-1]
            if language not in stop_words():
                raise InputError(f"stopwords: {unknown('list', name, [f'_{one}_' for one in stop_words()])}")
            words += stop_words()[language]
        else:
            words.append(name)
    return words

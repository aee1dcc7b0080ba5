"""The analyzers of languages, as chains of Elasticsearch's components, and their stop words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources

from relevance.errors import InputError, unknown

CHAINS = {
    "arabic": "lowercase decimal_digit stop arabic_normalization keywords stemmer:arabic",
    "armenian": "lowercase stop keywords stemmer:armenian",
    "basque": "lowercase stop keywords stemmer:basque",
    "bengali": "lowercase decimal_digit keywords indic_normalization bengali_normalization stop stemmer:bengali",
    "brazilian": "lowercase stop keywords stemmer:brazilian",
    "bulgarian": "lowercase stop keywords stemmer:bulgarian",
    "catalan": "elision:catalan lowercase stop keywords stemmer:catalan",
    "cjk": "cjk_width lowercase cjk_bigram stop",
    "czech": "lowercase stop keywords stemmer:czech",
    "danish": "lowercase stop keywords stemmer:danish",
    "dutch": "lowercase stop keywords stemmer_override:dutch stemmer:dutch",
    "english": "stemmer:possessive_english lowercase stop keywords stemmer:english",
    "finnish": "lowercase stop keywords stemmer:finnish",
    "french": "elision:french lowercase stop keywords stemmer:light_french",
    "galician": "lowercase stop keywords stemmer:galician",
    "german": "lowercase stop keywords german_normalization stemmer:light_german",
    "greek": "lowercase:greek stop stemmer:greek",
    "hindi": "lowercase decimal_digit keywords indic_normalization hindi_normalization stop stemmer:hindi",
    "hungarian": "lowercase stop keywords stemmer:hungarian",
    "indonesian": "lowercase stop keywords stemmer:indonesian",
    "irish": "stop:irish elision:irish lowercase:irish stop keywords stemmer:irish",
    "italian": "elision:italian lowercase stop keywords stemmer:light_italian",
    "latvian": "lowercase stop keywords stemmer:latvian",
    "lithuanian": "lowercase stop keywords stemmer:lithuanian",
    "norwegian": "lowercase stop keywords stemmer:norwegian",
    "persian": "lowercase decimal_digit arabic_normalization persian_normalization stop",
    "portuguese": "lowercase stop keywords stemmer:light_portuguese",
    "romanian": "lowercase stop keywords stemmer:romanian",
    "russian": "lowercase stop keywords stemmer:russian",
    "serbian": "lowercase stop keywords stemmer:serbian serbian_normalization",
    "sorani": "sorani_normalization lowercase decimal_digit stop keywords stemmer:sorani",
    "spanish": "lowercase stop keywords stemmer:light_spanish",
    "swedish": "lowercase stop keywords stemmer:swedish",
    "turkish": "apostrophe lowercase:turkish stop keywords stemmer:turkish",
}
"""By language, behind the standard tokenizer: filters; `stop` and `keywords` take the analyzer's own words."""

SINCE_9 = {
    "persian": f"{CHAINS['persian']} stemmer:persian",
    "romanian": "lowercase romanian_normalization stop keywords stemmer:romanian",
}
"""Those that release 9 changed."""

ARTICLES = {
    "catalan": "d l m n s t",
    "french": "l m t qu n s j d c jusqu quoiqu lorsqu puisqu",
    "irish": "d m b",
    "italian": "c l all dall dell nell sull coll pell gl agl dagl degl negl sugl un m t s v d",
}
"""What elision removes, in any case."""


OVERRIDES = {"dutch": "fiets => fiets, bromfiets => bromfiets, ei => eier, kind => kinder"}
"""Stems that are given."""

BEFORE_WORDS = {"irish": "h n t"}
"""What stands before a hyphen and is no word."""


@cache
def stop_words() -> Mapping[str, tuple[str, ...]]:
    """Read the stop words of all languages."""
    text = resources.files(__package__).joinpath("stop_words.txt").read_text(encoding="utf-8")
    rows = (line.split(": ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {language: tuple(words.split()) for language, words in rows}


def with_lists(names: Iterable[str], release: int) -> list[str]:
    """Put the words of a language in the place of its name, such as `_german_`.

    Args:
        names: words and names of lists.
        release: of Elasticsearch; a few lists changed with release 9.

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
                raise InputError(
                    f"stopwords: {unknown('list', name, [f'_{one}_' for one in stop_words() if ' ' not in one])}"
                )
            words += stop_words()[language]
            words += stop_words().get(f"{language} {8 if release < 9 else 9}", ())
        else:
            words.append(name)
    return words

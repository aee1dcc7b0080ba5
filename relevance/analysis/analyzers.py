"""The analyzers that an index has by name, plain ones and those of languages, and their parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from relevance.analysis.filters import FILTERS, elision, keyword_marker, stemmer_override, stop
from relevance.analysis.languages import ARTICLES, BEFORE_WORDS, CHAINS, OVERRIDES, SINCE_9, stop_words
from relevance.analysis.normalization import romanian
from relevance.analysis.parameters import Texts
from relevance.analysis.stemmers import snowball, stemmer
from relevance.analysis.tokenizers import TOKENIZERS
from relevance.analysis.tokens import CharFilter, Filter, Tokenizer, each


class Parts(NamedTuple):
    """What an analyzer is made of."""

    char_filters: Sequence[CharFilter]
    tokenizer: Tokenizer
    filters: Sequence[Filter]


def _language(language: str, release: int, /, *, stopwords: Texts | None = None, stem_exclusion: Texts = ()) -> Parts:
    chain = SINCE_9.get(language, CHAINS[language]) if release > 8 else CHAINS[language]
    if stopwords is None:
        stopwords = stop_words().get(f"{language} analyzer") or (f"_{language}_",)
    char_filters = [_with_spaces] if language == "persian" else []
    filters = list(_filters(chain, release, stopwords, stem_exclusion))
    return Parts(char_filters, TOKENIZERS["standard"](), filters)


def _with_spaces(text: str) -> str:
    """Cut words where Persian has a zero-width non-joiner."""
    return text.replace("\u200c", " ")


def _filters(chain: str, release: int, stopwords: Texts, exclusion: Texts) -> Iterator[Filter]:
    for name in chain.split():
        kind, _, argument = name.partition(":")
        if kind == "keywords":
            if exclusion:
                yield keyword_marker(keywords=exclusion)
        elif kind == "stop":
            words = tuple(BEFORE_WORDS[argument].split()) if argument else stopwords
            yield stop(release, stopwords=words, ignore_case=bool(argument))
        elif kind == "elision":
            yield elision(articles=tuple(ARTICLES[argument].split()), articles_case=True)
        elif kind == "stemmer_override":
            yield stemmer_override(rules=tuple(OVERRIDES[argument].split(", ")))
        elif kind == "romanian_normalization":  # a filter that no settings can name
            yield each(romanian)
        elif kind == "stemmer":
            yield stemmer(release, language=argument)
        else:
            yield FILTERS[kind](**({"language": argument} if argument else {}))


def _standard(release: int, /, *, max_token_length: int = 255, stopwords: Texts = ("_none_",)) -> Parts:
    tokenizer = TOKENIZERS["standard"](max_token_length=max_token_length)
    return Parts((), tokenizer, [FILTERS["lowercase"](), stop(release, stopwords=stopwords)])


def _pattern(
    release: int, /, *, pattern: str = r"\W+", flags: str = "", lowercase: bool = True, stopwords: Texts = ("_none_",)
) -> Parts:
    lower = [FILTERS["lowercase"]()] if lowercase else []
    return Parts((), TOKENIZERS["pattern"](pattern=pattern, flags=flags), [*lower, stop(release, stopwords=stopwords)])


def _fingerprint(
    release: int, /, *, separator: str = " ", max_output_size: int = 255, stopwords: Texts = ("_none_",)
) -> Parts:
    joined = FILTERS["fingerprint"](separator=separator, max_output_size=max_output_size)
    letters = [FILTERS["lowercase"](), FILTERS["asciifolding"]()]
    return Parts((), TOKENIZERS["standard"](), [*letters, stop(release, stopwords=stopwords), joined])


def _stop(release: int, /, *, stopwords: Texts = ("_english_",)) -> Parts:
    return Parts((), TOKENIZERS["lowercase"](), [stop(release, stopwords=stopwords)])


def _snowball(
    release: int, /, *, language: str | None = None, name: str | None = None, stopwords: Texts | None = None
) -> Parts:
    chosen = (language or name or "english").lower()
    if stopwords is None:
        own = "german" if chosen == "german2" else chosen
        stopwords = (f"_{own}_",) if own in {"dutch", "english", "french", "german"} else ()
    possessive = [stemmer(release, language="possessive_english")] if chosen in {"english", "porter"} else []
    filters = [FILTERS["lowercase"](), stop(release, stopwords=stopwords), snowball(release, language=chosen)]
    return Parts((), TOKENIZERS["standard"](), [*possessive, *filters])


def _only(tokenizer: str) -> Parts:
    return Parts((), TOKENIZERS[tokenizer](), ())


ANALYZERS: dict[str, Callable[..., Parts]] = {
    "standard": _standard,
    "simple": lambda: _only("lowercase"),
    "whitespace": lambda: _only("whitespace"),
    "keyword": lambda: _only("keyword"),
    "stop": _stop,
    "pattern": _pattern,
    "fingerprint": _fingerprint,
    "snowball": _snowball,
    **{language: partial(_language, language) for language in CHAINS},
}

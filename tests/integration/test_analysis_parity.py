"""Analysis without a server against real ones: chains from a seeded grammar, analyzers and stemmers of languages.

RELEVANCE_CHAINS and RELEVANCE_TEXTS say how many chains and texts, for a longer run.
"""

import json
import os
import unicodedata
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from random import Random
from typing import Any

import pytest
import urllib3
from helpers.tables import Record
from parity.chains import Ask, Chain, Comparison, compare
from parity.server import ReferenceServer
from parity.texts import fuzzed_texts, hard_texts, seeded

from relevance.analysis import Analysis
from relevance.analysis.languages import CHAINS, stop_words
from relevance.analysis.stemmers import SNOWBALL, STEMMERS
from relevance.records import Dataset

COUNT = int(os.environ.get("RELEVANCE_CHAINS", "30"))
TEXTS = int(os.environ.get("RELEVANCE_TEXTS", "100"))
SEED = 17


def asking(server: ReferenceServer) -> Ask:
    """Read with `json`, which takes the halves of surrogate pairs that some filters leave; the client does not."""

    def ask(body: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        data = json.dumps(body).encode()
        answer = urllib3.request(
            "POST", f"{server.url}/_analyze", body=data, headers={"Content-Type": "application/json"}
        )
        content = json.loads(answer.data)
        if answer.status != HTTPStatus.OK:
            raise ValueError(content["error"]["reason"])
        tokens: list[dict[str, Any]] = content["tokens"]
        return tokens

    return ask


def of_old_unicode(text: str) -> str:
    """Without code points that one of the servers' Java may not know yet."""
    return "".join(sign for sign in text if unicodedata.ucd_3_2_0.category(sign) != "Cn")


def texts_of(random: Random, *datasets: Dataset) -> list[str]:
    texts = [
        str(text)
        for dataset in datasets
        for texts in (dataset.catalogue.products["title"], dataset.catalogue.products["description"])
        for text in random.sample(list(texts), min(TEXTS // 4, len(texts)))
    ]
    fuzzed = [of_old_unicode(text) for text in fuzzed_texts(seeded(SEED), TEXTS // 5)]
    fuzzed += hard_texts(random, TEXTS // 5)
    return random.sample([text[:300] for text in texts] + fuzzed, min(TEXTS, len(texts) + len(fuzzed)))


def seen(comparisons: Sequence[Comparison]) -> dict[str, int]:
    return {
        "chains": sum(one.texts > 0 for one in comparisons),
        "refused": sum(bool(one.refused) for one in comparisons),
        "texts": sum(one.texts for one in comparisons),
        "tokens": sum(one.tokens for one in comparisons),
        "texts different": sum(len(one.different) for one in comparisons),
    }


@pytest.mark.needs("data")
def test_chains_give_the_same_tokens(
    reference: ReferenceServer, chorus: Dataset, homedepot: Dataset, record: Record
) -> None:
    random = seeded(SEED)
    texts = texts_of(random, chorus, homedepot)
    chains = [Chain.drawn(random) for _ in range(COUNT)]
    comparisons = [compare(asking(reference), chain, texts, release=int(reference.release)) for chain in chains]
    record("tokens of random chains", seen(comparisons))
    wrong = [(chain.request, one.different[0]) for chain, one in zip(chains, comparisons, strict=True) if one.different]
    assert not wrong
    assert not [one.refused_by_server for one in comparisons if one.refused_by_server]
    assert sum(bool(one.refused) for one in comparisons) < COUNT / 4


NORMALIZING = (
    *("lowercase", "uppercase", "asciifolding", "trim", "decimal_digit", "elision", "cjk_width"),
    *("german_normalization", "scandinavian_folding", "serbian_normalization", "arabic_normalization"),
    *("bengali_normalization", "hindi_normalization", "indic_normalization", "sorani_normalization"),
)


@pytest.mark.needs("data")
def test_normalizers_give_the_same_text(reference: ReferenceServer, chorus: Dataset, record: Record) -> None:
    random, ask = seeded(SEED), asking(reference)
    texts = texts_of(random, chorus)[:40]
    different = []
    for _ in range(COUNT // 4):
        filters = random.sample(NORMALIZING, random.randint(1, 3))
        normalizer = Analysis({"analysis": {"normalizer": {"mine": {"filter": filters}}}}).normalizer("mine")
        for text in texts:
            theirs = "".join(token["token"] for token in ask({"filter": filters, "text": text}))
            different += [(filters, text, theirs)] if normalizer(text) != theirs else []
    record("normalized texts", {"texts": COUNT // 4 * len(texts), "texts different": len(different)})
    assert not different


def words_of(language: str) -> list[str]:
    """Words of a language, and words that end as they do: its stop words joined with each other's endings."""
    random = seeded(SEED)
    known = list(stop_words().get(language, stop_words()["english"]))
    made = [random.choice(known) + random.choice(known)[-random.randint(1, 5) :] for _ in range(4 * TEXTS)]
    words = [*known, *made, *(random.choice(known) + word for word in made), *(word.capitalize() for word in known)]
    return [" ".join(words[at : at + 20]) for at in range(0, len(words), 20)]


LANGUAGES = [Chain(analyzer=language) for language in CHAINS]
STEMS = [Chain("whitespace", [{"type": "stemmer", "language": name}]) for name in STEMMERS]
SNOWBALLS = [
    Chain("whitespace", [{"type": "snowball", "language": name.capitalize()}])
    for name in SNOWBALL
    if STEMMERS[name] != name
]


@pytest.mark.parametrize("chain", [*LANGUAGES, *STEMS, *SNOWBALLS], ids=lambda chain: str(chain.name))
def test_languages_give_the_same_tokens(reference: ReferenceServer, chain: Chain, record: Record) -> None:
    language = next((one for one in stop_words() if one in chain.name), "english")
    comparison = compare(asking(reference), chain, words_of(language), release=int(reference.release))
    record("tokens of languages", seen([comparison]), detail=chain.name)
    assert comparison.texts
    assert not comparison.different


def test_the_comparison_sees_a_wrong_chain(reference: ReferenceServer) -> None:
    """The stemmer of another release."""
    chain = Chain("whitespace", [{"type": "stemmer", "language": "german"}])
    other = 17 - int(reference.release)
    assert compare(asking(reference), chain, ["zuerst haene"], release=other).different

"""The embedded analysis against a real Elasticsearch, token by token."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from parity.compare import different_texts
from parity.texts import every_code_point, fuzzed_texts, seeded

from relevance.engines.embedded.analysis import analyze
from relevance.records import attribute_texts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from helpers.tables import Record
    from parity.server import ReferenceServer

    from relevance.records import Dataset

FUZZED = 20_000
PLANES_WITH_CHARACTERS = (0, 1, 2, 3, 14)


def differing(reference: ReferenceServer, texts: Sequence[str]) -> list[str]:
    """Return the texts that the reference takes apart in another way than ours."""
    return [texts[at] for at in different_texts(reference.analyze(texts), [analyze(text) for text in texts])]


def shown(texts: Sequence[str]) -> str:
    """Name the code points of the shortest texts, which say best what differs."""
    return "; ".join(
        " ".join(f"U+{ord(sign):04X} {unicodedata.name(sign, '?')}" for sign in text)
        for text in sorted(texts, key=len)[:5]
    )


@pytest.fixture(scope="session")
def real_texts(chorus: Dataset, homedepot: Dataset, shared_data: Path) -> list[str]:
    """All distinct texts of the real data: products, attributes, queries, pairs and descriptions."""
    texts: list[str] = []
    for dataset in (chorus, homedepot):
        products = dataset.catalogue.products
        texts += [*products["title"], *products["description"], *attribute_texts(dataset.catalogue)]
        texts += dataset.queries.texts
    for folder, file, columns in (
        ("homedepot", "train", ["product_title", "search_term"]),
        ("homedepot", "test", ["product_title", "search_term"]),
        ("homedepot_descriptions", "product_descriptions", ["product_description"]),
    ):
        path = shared_data / folder / f"{file}.csv.zip"
        frame = pd.read_csv(path, encoding="latin-1", dtype=str, keep_default_na=False)
        texts += [text for column in columns for text in frame[column]]
    return sorted(set(texts))


@pytest.mark.needs("data")
def test_real_texts_become_the_same_tokens(reference: ReferenceServer, real_texts: list[str], record: Record) -> None:
    """No distinct text of the real data becomes other tokens than on the server."""
    different = differing(reference, real_texts)
    record("tokens of real texts", {"texts": len(real_texts), "texts different": len(different)})
    assert not different, shown(different)


def test_fuzzed_texts_become_the_same_tokens(reference: ReferenceServer, record: Record) -> None:
    """No fuzzed Unicode string becomes other tokens than on the server."""
    texts = fuzzed_texts(seeded(20260), FUZZED)
    different = differing(reference, texts)
    record("tokens of fuzzed Unicode strings", {"texts": len(texts), "texts different": len(different)})
    assert not different, shown(different)


@pytest.mark.parametrize("plane", PLANES_WITH_CHARACTERS)
def test_every_code_point_segments_the_same(reference: ReferenceServer, record: Record, plane: int) -> None:
    """No code point, alone or between letters, digits, Katakana or emoji, is segmented otherwise than on the server."""
    texts = every_code_point([plane])
    different = differing(reference, texts)
    figures = {"texts": len(texts), "texts different": len(different)}
    record("tokens around every code point", figures, detail=f"plane {plane}")
    assert not different, shown(different)


def test_the_comparison_sees_a_wrong_analysis(reference: ReferenceServer, real_texts: list[str]) -> None:
    r"""Splitting by `\w+` is reported as different on thousands of the same texts."""
    theirs = reference.analyze(real_texts[:20_000])
    ours = pd.Series(real_texts[:20_000]).str.lower().str.findall(r"\w+").tolist()
    assert len(different_texts(theirs, ours)) > 2_000

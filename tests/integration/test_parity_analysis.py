"""The embedded analysis against a real Elasticsearch, token by token."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from helpers.tables import Record
from parity.compare import different_texts
from parity.server import ReferenceServer
from parity.texts import every_code_point, fuzzed_texts, seeded

from relevance.analysis.standard import analyze
from relevance.records import Dataset, attribute_texts

PLANES_WITH_CHARACTERS = (0, 1, 2, 3, 14)


def compared(server: ReferenceServer, record: Record, what: str, texts: Sequence[str], detail: str = "") -> str:
    """The code points of the shortest texts that become other tokens, which say best what differs; "" for none."""
    different = [texts[at] for at in different_texts(server.analyze(texts), [analyze(text) for text in texts])]
    record(what, {"texts": len(texts), "texts different": len(different)}, detail=detail)
    return "; ".join(
        " ".join(f"U+{ord(sign):04X} {unicodedata.name(sign, '?')}" for sign in text)
        for text in sorted(different, key=len)[:5]
    )


@pytest.fixture(scope="session")
def real_texts(chorus: Dataset, homedepot: Dataset, shared_data: Path) -> list[str]:
    """All distinct texts of the real data: products, attributes, queries, pairs and descriptions."""
    texts: list[str] = []
    for dataset in (chorus, homedepot):
        products = dataset.catalogue.products
        texts += [*products["title"], *products["description"], *attribute_texts(dataset.catalogue)]
        texts += dataset.queries.texts
    for file, columns in (
        ("homedepot/train", ["product_title", "search_term"]),
        ("homedepot/test", ["product_title", "search_term"]),
        ("homedepot_descriptions/product_descriptions", ["product_description"]),
    ):
        path = shared_data / f"{file}.csv.zip"
        frame = pd.read_csv(path, encoding="latin-1", dtype=str, keep_default_na=False)
        texts += [text for column in columns for text in frame[column]]
    return sorted(set(texts))


@pytest.mark.needs("data")
def test_real_texts_become_the_same_tokens(reference: ReferenceServer, real_texts: list[str], record: Record) -> None:
    assert not compared(reference, record, "tokens of real texts", real_texts)


def test_fuzzed_texts_become_the_same_tokens(reference: ReferenceServer, record: Record) -> None:
    texts = fuzzed_texts(seeded(20260), 20_000)
    assert not compared(reference, record, "tokens of fuzzed Unicode strings", texts)


@pytest.mark.parametrize("plane", PLANES_WITH_CHARACTERS)
def test_every_code_point_segments_the_same(reference: ReferenceServer, record: Record, plane: int) -> None:
    """Alone and between letters, digits, Katakana or emoji."""
    what = "tokens around every code point"
    assert not compared(reference, record, what, every_code_point([plane]), f"plane {plane}")


@pytest.mark.needs("data")
def test_the_comparison_sees_a_wrong_analysis(reference: ReferenceServer, real_texts: list[str]) -> None:
    theirs = reference.analyze(real_texts[:20_000])
    ours = pd.Series(real_texts[:20_000]).str.lower().str.findall(r"\w+").tolist()
    assert len(different_texts(theirs, ours)) > 2_000

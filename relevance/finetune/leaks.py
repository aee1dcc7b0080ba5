"""The leak detector: it looks at what really goes into training, and knows nothing of how that was chosen."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relevance.errors import InputError
from relevance.finetune.likeness import all_deletions, deletions, normalised, one_edit_apart, stems

if TYPE_CHECKING:
    from collections.abc import Iterable

    from relevance.records import Dataset

__all__ = ["Leaks", "Trained", "find_leaks", "text_key"]

_SHOWN = 3


@dataclass(frozen=True)
class Trained:
    """A pair as a training has seen it.

    Attributes:
        query: its text, normalised or not.
        product: its id.
        text: `text_key` of the product's text.
    """

    query: str
    product: str
    text: str


@dataclass(frozen=True)
class Leaks:
    """What a training shares with a benchmark and may share.

    Attributes:
        near_queries: (trained, evaluated) normalised queries that have the same bag of stems or are one edit apart.
        shared_products: ids of the products that are trained on and indexed.
        products: how many products are trained on.
    """

    near_queries: tuple[tuple[str, str], ...]
    shared_products: tuple[str, ...]
    products: int


def text_key(text: str) -> str:
    """What stands for a product's whole text where the text itself is not kept: a hash of it, normalised."""
    return hashlib.sha256(normalised(text).encode()).hexdigest()[:32]


def find_leaks(trained: Iterable[Trained], dataset: Dataset, *, where: str) -> Leaks:
    """Look for queries of the benchmark in a training.

    Args:
        trained: all pairs of training and validation.
        dataset: whose queries are evaluated.
        where: what is looked at, for messages.

    Raises:
        InputError: an evaluated query is trained on, or is a trained product's whole text, after normalisation.
    """
    pairs = list(trained)
    evaluated = {normalised(text): text for text in dataset.queries.texts}
    queries = {normalised(pair.query): pair.query for pair in pairs}
    if same := [query for query in queries if query in evaluated]:
        _refuse(
            where, [evaluated[query] for query in same], "is evaluated and trained on", "are evaluated and trained on"
        )
    keys = {text_key(text): text for text in dataset.queries.texts}
    if whole := sorted({keys[pair.text] for pair in pairs if pair.text in keys}):
        rule = "evaluated and the whole text of a product that is trained on"
        _refuse(where, whole, f"is {rule}", f"are {rule}")
    products = {pair.product for pair in pairs}
    shared = products & set(dataset.catalogue.ids)
    return Leaks(_near(queries, evaluated), tuple(sorted(shared)), len(products))


def _refuse(where: str, texts: list[str], one: str, many: str) -> None:
    more = f" and {len(texts) - _SHOWN:,} more" if len(texts) > _SHOWN else ""
    shown = ", ".join(map(repr, texts[:_SHOWN]))
    noun = f"1 query {one}" if len(texts) == 1 else f"{len(texts):,} queries {many}"
    raise InputError(f"leak in {where}: {noun}: {shown}{more}; allowed: pairs of queries that are not evaluated")


def _near(queries: Iterable[str], evaluated: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Pairs of a trained and an evaluated query that are nearly the same."""
    by_stems: dict[tuple[str, ...], list[str]] = {}
    for text in evaluated:
        by_stems.setdefault(stems(text), []).append(text)
    by_deletion = all_deletions(evaluated)
    found = set()
    for query in queries:
        found |= {(query, other) for other in by_stems.get(stems(query), ())}
        candidates = {other for left in deletions(query) for other in by_deletion.get(left, ())}
        found |= {(query, other) for other in candidates if one_edit_apart(query, other)}
    return tuple(sorted(found))

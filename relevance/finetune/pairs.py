"""From a data set's rated pairs to those that are trained on: no query of the benchmark, split by query."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from relevance.errors import InputError
from relevance.fields import embedded_texts
from relevance.finetune.leaks import Trained, text_key
from relevance.finetune.likeness import normalised

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from relevance.records import Dataset

__all__ = ["POSITIVE", "SPLIT_SEED", "Pair", "Pairs", "build_pairs"]

POSITIVE = 3.0
"""The relevance of a pair that is trained on; the scale goes from 1 to 3."""

SPLIT_SEED = 12
VALIDATION_SHARE = 0.1
FEWEST = 10
"""Positive pairs, of which training is more than noise."""

_RELATED = 2.0
"""From this relevance on a product is no negative for the query."""


@dataclass(frozen=True)
class Pair:
    """A query, a product, and how relevant the product is for it.

    Attributes:
        query: the query's text.
        product: the product's id.
        text: the product's whole text.
        relevance: mean rating, 1 (irrelevant) to 3 (highly relevant).
    """

    query: str
    product: str
    text: str
    relevance: float = POSITIVE


@dataclass(frozen=True)
class Pairs:
    """What a training may use.

    Attributes:
        train: positives that are trained on.
        validation: positives of other queries, a tenth of them.
        related: all pairs of those queries that are no negatives (relevance 2 or more).
        rated: all pairs of the queries of `validation`.
        dropped: texts of the queries that the benchmark evaluates, as they stand in the pairs.
        dropped_pairs: how many rated pairs went with them, or because an evaluated query is their product's text.
        unknown: pairs of products that no file gives a title of, which were dropped.
    """

    train: tuple[Pair, ...]
    validation: tuple[Pair, ...]
    related: tuple[Pair, ...]
    rated: tuple[Pair, ...]
    dropped: tuple[str, ...] = ()
    dropped_pairs: int = 0
    unknown: int = 0

    @cached_property
    def trained(self) -> tuple[Trained, ...]:
        """All that a training sees: the pairs of both sides, and the other products of the validation's queries."""
        pairs = dict.fromkeys((*self.train, *self.validation, *self.rated))
        return tuple(Trained(pair.query, pair.product, text_key(pair.text)) for pair in pairs)

    @cached_property
    def sha256(self) -> str:
        """Hash of everything that influences a training, in its order."""
        digest = hashlib.sha256()
        for name in ("train", "validation", "related", "rated"):
            for pair in getattr(self, name):
                row = [name, pair.query, pair.product, pair.text, pair.relevance]
                digest.update(json.dumps(row, separators=(",", ":")).encode("ascii") + b"\n")
        return digest.hexdigest()


def build_pairs(frame: pd.DataFrame, dataset: Dataset, *, drop_unknown: bool, seed: int = SPLIT_SEED) -> Pairs:
    """Choose and split.

    Args:
        frame: columns `query`, `product` (id), `title`, `relevance`, optionally `text` (whole text of the product); the
            catalogue's text of a product outranks both.
        dataset: its queries are not trained on.
        drop_unknown: whether pairs of products that no file gives a title of are dropped and counted.
        seed: of the split; a tenth of the queries becomes the validation's.

    Raises:
        InputError: too few pairs, pairs of one query only, or a product without a title that may not be dropped.
    """
    rows, unknown = _with_texts(frame, dataset, drop_unknown=drop_unknown)
    evaluated = {normalised(text) for text in dataset.queries.texts}
    kept = [pair for pair in rows if not {normalised(pair.query), normalised(pair.text)} & evaluated]
    dropped = dict.fromkeys(pair.query for pair in rows if normalised(pair.query) in evaluated)
    merged = _merged(kept)
    positives = [pair for pair in merged if pair.relevance == POSITIVE]
    _refuse_few(dataset.name, positives, dropped=len(rows) - len(kept))
    held_out = _held_out({pair.query for pair in positives}, seed)
    train = tuple(pair for pair in positives if pair.query not in held_out)
    trained = {pair.query for pair in train}
    return Pairs(
        train=train,
        validation=tuple(pair for pair in positives if pair.query in held_out),
        related=tuple(pair for pair in merged if pair.relevance >= _RELATED and pair.query in trained | held_out),
        rated=tuple(pair for pair in merged if pair.query in held_out),
        dropped=tuple(dropped),
        dropped_pairs=len(rows) - len(kept),
        unknown=unknown,
    )


def _with_texts(frame: pd.DataFrame, dataset: Dataset, *, drop_unknown: bool) -> tuple[list[Pair], int]:
    """Every rated pair with its product's text, and how many have none."""
    texts: Mapping[str, str] = dict(zip(dataset.catalogue.ids, embedded_texts(dataset.catalogue, "whole"), strict=True))
    given = frame["text" if "text" in frame else "title"]
    found, unknown = [], []
    for query, product, text, relevance in zip(
        frame["query"], frame["product"], given, frame["relevance"], strict=True
    ):
        whole = texts.get(product, "").strip() or text.strip()
        if whole:
            found.append(Pair(query, product, whole, relevance))
        else:
            unknown.append(product)
    if unknown and not drop_unknown:
        problem = f"{len(unknown):,} of {len(frame):,} pairs are of products that no file gives a title of"
        allowed = "allowed: products with a title, or --unknown-products drop"
        raise InputError(f"data set {dataset.name!r}: {problem}, such as {unknown[0]!r}; {allowed}")
    return found, len(unknown)


def _merged(pairs: Iterable[Pair]) -> list[Pair]:
    """One pair for each query and product, with the mean of its ratings; spellings of one query become the first."""
    spelling: dict[str, str] = {}
    ratings: dict[tuple[str, str], list[float]] = {}
    texts: dict[str, str] = {}
    for pair in pairs:
        query = spelling.setdefault(normalised(pair.query), pair.query)
        ratings.setdefault((query, pair.product), []).append(pair.relevance)
        texts.setdefault(pair.product, pair.text)
    return [
        Pair(query, product, texts[product], sum(found) / len(found)) for (query, product), found in ratings.items()
    ]


def _refuse_few(name: str, positives: list[Pair], *, dropped: int) -> None:
    gone = f" ({dropped:,} went with the queries that are evaluated)" if dropped else ""
    if len(positives) < FEWEST:
        found = f"{len(positives):,} pairs of relevance {POSITIVE:g} to train on{gone}"
        raise InputError(f"data set {name!r}: {found}; allowed: {FEWEST} or more")
    if len({pair.query for pair in positives}) == 1:
        found = f"all {len(positives):,} pairs are of one query, {positives[0].query!r}{gone}"
        raise InputError(f"data set {name!r}: {found}; allowed: pairs of two queries or more")


def _held_out(queries: set[str], seed: int) -> set[str]:
    """A tenth of the queries, by a hash of their text: the order of the files means nothing."""
    ordered = sorted(queries, key=lambda query: hashlib.sha256(f"{seed}\0{normalised(query)}".encode()).digest())
    return set(ordered[: max(1, round(VALIDATION_SHARE * len(ordered)))])

"""Changes of text on its way into the engine: of products when they are indexed, of queries when they are asked."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from relevance.mutation.altered import Alterations, altered
from relevance.mutation.kind import Kind, NotApplicableError
from relevance.records import Catalogue

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from relevance.engines.base import QueryBatch
    from relevance.suite import Plan

    _Frames: TypeAlias = tuple[pd.DataFrame, pd.DataFrame]
    _Change: TypeAlias = Callable[[pd.DataFrame, pd.DataFrame], _Frames]

__all__ = ["KINDS"]

_INDEXED, _ASKED = "indexed text", "queries"
_LOST = "zqzq"
"""Stands in front of a word that is not found any more, which stays a word of its own."""

_SHARE_MISSING = 0.05
_WORDS_KEPT = 10
_WORDS_ASKED = 2


def _indexed(change: _Change) -> Callable[[Plan, int], Plan]:
    """A change of products (`id`, `title`, `description`) and attributes (`id`, `name`, `value`)."""

    def of(catalogue: Catalogue) -> Catalogue:
        products, attributes = catalogue.products.copy(), catalogue.attributes.copy()
        attributes["id"] = np.array(catalogue.ids, dtype=object)[attributes["product"].to_numpy(dtype=np.int64)]
        return Catalogue(*change(products, attributes))

    def changed(plan: Plan, seed: int) -> Plan:  # noqa: ARG001 - nothing is drawn
        if not plan.text_fields:
            raise NotApplicableError("no strategy matches text")
        return altered(plan, Alterations(catalogue=of))

    return changed


def _words(rewrite: Callable[[str], str]) -> _Change:
    """All texts of products rewritten."""

    def change(products: pd.DataFrame, attributes: pd.DataFrame) -> _Frames:
        for frame, names in ((products, ("title", "description")), (attributes, ("name", "value"))):
            for name in names:
                frame[name] = [rewrite(text) for text in frame[name].tolist()]
        return products, attributes

    return change


def _emptied(name: str) -> _Change:
    def change(products: pd.DataFrame, attributes: pd.DataFrame) -> _Frames:
        if name == "attributes":
            return products, attributes.iloc[:0]
        return products.assign(**{name: ""}), attributes

    return change


def _exchanged(products: pd.DataFrame, attributes: pd.DataFrame) -> _Frames:
    return products.assign(title=products["description"], description=products["title"]), attributes


def _cut(products: pd.DataFrame, attributes: pd.DataFrame) -> _Frames:
    cut = [" ".join(text.split()[:_WORDS_KEPT]) for text in products["description"].tolist()]
    return products.assign(description=cut), attributes


def _missing(plan: Plan, seed: int) -> Plan:
    def products(catalogue: Catalogue) -> list[int]:
        kept = np.random.default_rng(seed).random(len(catalogue)) >= _SHARE_MISSING
        return np.flatnonzero(kept).tolist()

    return altered(plan, Alterations(products=products))


def _asked(rewrite: Callable[[str], str]) -> Callable[[Plan, int], Plan]:
    """Each query's text rewritten before it is matched; one of which nothing is left stays as it is."""

    def of(batch: QueryBatch) -> QueryBatch:
        return replace(batch, texts=[rewrite(text) or text for text in batch.texts])

    def changed(plan: Plan, seed: int) -> Plan:  # noqa: ARG001 - nothing is drawn
        if not plan.text_fields:
            raise NotApplicableError("no strategy matches text")
        if all((rewrite(text) or text) == text for text in plan.dataset.queries.texts):
            raise NotApplicableError("no query has what is changed")
        return altered(plan, Alterations(batch=of))

    return changed


def _capitals_lost(text: str) -> str:
    return re.sub(r"\w*[A-Z]\w*", lambda found: _LOST + found[0].lower(), text)


def _stemmed(text: str) -> str:
    """Plurals cut by a rule that is too simple."""
    return re.sub(r"(?i)\b([a-z]{3,}?)(es|s)\b", r"\1", text)


KINDS = (
    Kind("title_lost", _INDEXED, "titles are indexed empty", _indexed(_emptied("title"))),
    Kind("description_lost", _INDEXED, "descriptions are indexed empty", _indexed(_emptied("description"))),
    Kind("attributes_lost", _INDEXED, "attributes are not indexed", _indexed(_emptied("attributes"))),
    Kind("fields_swapped", _INDEXED, "titles are indexed as descriptions, and these as titles", _indexed(_exchanged)),
    Kind("description_cut", _INDEXED, f"descriptions are indexed up to {_WORDS_KEPT} words", _indexed(_cut)),
    Kind("products_missing", _INDEXED, "5% of the products are not indexed", _missing),
    Kind(
        "lower_case_lost_in_index",
        _INDEXED,
        "words with a capital are not found, the index does not lower them",
        _indexed(_words(_capitals_lost)),
    ),
    Kind("stemmed_in_index", _INDEXED, "plurals are cut in the index, not in queries", _indexed(_words(_stemmed))),
    Kind(
        "lower_case_lost_in_queries",
        _ASKED,
        "words with a capital are not found, queries are not lowered",
        _asked(_capitals_lost),
    ),
    Kind("stemmed_in_queries", _ASKED, "plurals are cut in queries, not in the index", _asked(_stemmed)),
    Kind(
        "first_word_lost",
        _ASKED,
        "the first word of longer queries is not matched",
        _asked(lambda text: text.partition(" ")[2]),
    ),
    Kind(
        "last_word_lost",
        _ASKED,
        "the last word of longer queries is not matched",
        _asked(lambda text: text.rpartition(" ")[0]),
    ),
    Kind(
        "numbers_lost",
        _ASKED,
        "words with a digit are not matched",
        _asked(lambda text: " ".join(re.sub(r"\S*\d\S*", " ", text).split())),
    ),
    Kind(
        "queries_cut",
        _ASKED,
        f"queries are cut behind {_WORDS_ASKED} words",
        _asked(lambda text: " ".join(text.split()[:_WORDS_ASKED])),
    ),
)

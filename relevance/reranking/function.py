"""A Python function of the user's that scores products for a query."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relevance.errors import InputError, StrategyError
from relevance.outside import score_in
from relevance.programs import load_function
from relevance.reranking import LARGEST, Reranker
from relevance.text import one_line, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from relevance.outside import Query
    from relevance.records import Catalogue
    from relevance.stages import Rerank

_NO_LISTS = (str, bytes, bytearray, Mapping, AbstractSet)
"""What can be gone through, and has no scores in the order of the products."""


def scoring_function(rerank: Rerank) -> Callable[..., object]:
    """Import the function of a strategy.

    Raises:
        InputError: there is none.
    """
    try:
        return load_function(rerank.search or "", Path(rerank.folder))
    except InputError as error:
        raise InputError(f"rerank: search: {error}") from None


class FunctionReranker(Reranker):
    """Calls `function(query, products, params)`, query by query; nothing is kept, as what it does is not known.

    Args:
        name: `module:function`.
        function: gives a number for each product.
        catalogue: of the products, which the function sees as documents, with their `id`.
    """

    def __init__(self, name: str, function: Callable[..., object], catalogue: Catalogue) -> None:
        self.name = f"rerank {name}"
        self._function, self._catalogue = function, catalogue
        self._documents: list[dict[str, Any]] = []

    def scores(
        self,
        queries: Sequence[Query],
        products: Sequence[Sequence[int]],
        *,
        cached: bool = True,  # noqa: ARG002 - there is no cache
    ) -> Sequence[Sequence[float]]:
        """See `Reranker`."""
        if not self._documents:
            self._documents = self._catalogue.documents()
        return [self._scored(query, codes) for query, codes in zip(queries, products, strict=True)]

    def _scored(self, query: Query, codes: Sequence[int]) -> list[float]:
        documents = [self._document(code) for code in codes]
        try:
            value: Any = self._function(query.text, documents, dict(query.params)) if documents else []
            value = value.tolist() if hasattr(value, "tolist") else value
            scores = value if isinstance(value, _NO_LISTS) else list(value)
        except (Exception, SystemExit) as error:
            what = one_line(f"{type(error).__name__}: {error}")
            raise StrategyError(f"{self.name}: {query}: {what}") from error
        if isinstance(scores, _NO_LISTS):
            allowed = "a list of numbers, one for each product in their order"
            raise StrategyError(f"{self.name}: {query}: found {type(scores).__name__}; allowed: {allowed}")
        if len(scores) != len(codes):
            found = f"{plural(len(scores), 'score')} for {plural(len(codes), 'product')}"
            raise StrategyError(f"{self.name}: {query}: {found}; allowed: one each")
        try:
            return list(map(_number, scores))
        except InputError as error:
            raise StrategyError(f"{self.name}: {query}: {error}") from None

    def _document(self, code: int) -> Mapping[str, Any]:
        return {**self._documents[code], "id": self._catalogue.ids[code]}


def _number(value: object) -> float:
    score = score_in(value)
    if score is None or abs(score) > LARGEST:
        raise InputError(f"a score is {score}; allowed: a finite number up to {LARGEST:g}")
    return score

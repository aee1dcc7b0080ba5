"""What makes a fine-tuned model: base weights, pairs, options and what it is judged by meanwhile, as one hash."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from relevance.evaluation import NDCG10, evaluate
from relevance.records import Judgments, Ranking, embedded_texts

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from relevance.embeddings import Model
    from relevance.finetune import Options
    from relevance.finetune.pairs import Pairs
    from relevance.records import Catalogue

    _Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Step:
    """One evaluation on the validation pairs.

    Attributes:
        step: batches trained so far; 0 is the base model.
        epoch: passes over the training pairs so far.
        loss: mean training loss since the evaluation before; None before training.
        pearson: correlation of the cosine with 1 (held-out positives) and 0 (as many random pairs).
        spearman: the same of ranks.
        ndcg: nDCG@10 of the validation queries over the pool.
    """

    step: int
    epoch: float
    loss: float | None
    pearson: float
    spearman: float
    ndcg: float


@dataclass(frozen=True)
class Curve:
    """A training: its evaluations, and the index of the one whose model is kept (`best`).

    `stopped_early`: whether it ended before its last epoch because it no longer learned.
    """

    steps: tuple[Step, ...]
    best: int
    seconds: float
    stopped_early: bool


_FORMAT = 1
"""Counts the versions of the training itself: what an older one made is not taken for what this one makes."""

DISTRACTORS = 2_000
_HITS = 10


@dataclass(frozen=True, eq=False)
class Validation:
    """Queries, a pool of products, and which belong together.

    Attributes:
        queries: texts.
        products: ids of the pool, sorted.
        texts: of the pool's products.
        judgments: by codes of `queries` and `products`; grade = rounded relevance - 1, as the benchmark's.
        pairs: shape (2 n, 2), codes: n held-out positives, then n random pairs that nobody rated relevant.
    """

    queries: tuple[str, ...]
    products: tuple[str, ...]
    texts: tuple[str, ...]
    judgments: Judgments
    pairs: npt.NDArray[np.int64]

    @cached_property
    def sha256(self) -> str:
        """Hash of all of it."""
        judged = [array.tolist() for array in (self.judgments.queries, self.judgments.products, self.judgments.grades)]
        value = [self.queries, self.products, self.texts, judged, self.pairs.tolist()]
        return hashlib.sha256(json.dumps(value, separators=(",", ":")).encode("ascii")).hexdigest()

    def measure(self, queries: _Floats, products: _Floats) -> dict[str, float]:
        """Score a model by its vectors: `pearson`, `spearman` and `ndcg`, as in `Step`.

        Args:
            queries: shape (queries, dimensions), rows of unit length.
            products: shape (products, dimensions), likewise.
        """
        from scipy.stats import pearsonr, spearmanr  # noqa: PLC0415 - only where a model is trained

        cosines = queries @ products.T
        of_pairs = cosines[self.pairs[:, 0], self.pairs[:, 1]].astype(np.float64)
        expected = np.repeat([1.0, 0.0], len(self.pairs) // 2)
        order = np.argsort(-cosines, axis=1, kind="stable")[:, :_HITS]
        ranking = Ranking(order.astype(np.int64), np.take_along_axis(cosines, order, axis=1))
        evaluation = evaluate(ranking, self.judgments, n_products=len(self.products), metrics=(NDCG10,))
        if not np.isfinite(of_pairs).all() or np.ptp(of_pairs) == 0:
            return dict.fromkeys(("pearson", "spearman", "ndcg"), float("nan"))
        pearson, spearman = pearsonr(of_pairs, expected)[0], spearmanr(of_pairs, expected)[0]
        return {"pearson": float(pearson), "spearman": float(spearman), "ndcg": evaluation.mean(NDCG10)}


def make_validation(pairs: Pairs, catalogue: Catalogue, *, seed: int, distractors: int = DISTRACTORS) -> Validation:
    """The queries that were held out, over their products and up to 2,000 others of pairs and catalogue.

    Args:
        pairs: split already.
        catalogue: whose products are distractors too.
        seed: of the distractors and of the random pairs.
        distractors: how many there are at most.
    """
    rng = np.random.default_rng(seed)
    own = {pair.product: pair.text for pair in pairs.rated}
    whole = zip(catalogue.ids, embedded_texts(catalogue, "whole"), strict=True)
    others = {product: text for product, text in whole if text} | {pair.product: pair.text for pair in pairs.train}
    names = sorted(others.keys() - own.keys())
    chosen = [names[at] for at in rng.permutation(len(names))[:distractors].tolist()]
    pool = dict(sorted((own | {name: others[name] for name in chosen}).items()))
    queries = tuple(dict.fromkeys(pair.query for pair in pairs.rated))
    query_codes = {query: code for code, query in enumerate(queries)}
    codes = {product: code for code, product in enumerate(pool)}
    rated = np.array([(query_codes[pair.query], codes[pair.product]) for pair in pairs.rated], dtype=np.int64)
    # `round` is the reference's rule for its grades: a half goes to the even neighbour
    grades = np.array([round(pair.relevance) - 1 for pair in pairs.rated], dtype=np.int64)
    positives = np.array([(query_codes[pair.query], codes[pair.product]) for pair in pairs.validation], dtype=np.int64)
    related = {(query_codes[pair.query], codes[pair.product]) for pair in pairs.related if pair.query in query_codes}
    negatives = _random_pairs(positives, related, len(pool), rng)
    judgments = Judgments(rated[:, 0], rated[:, 1], grades, relevant_from=1)
    return Validation(queries, tuple(pool), tuple(pool.values()), judgments, np.concatenate([positives, negatives]))


def _random_pairs(
    positives: npt.NDArray[np.int64], related: set[tuple[int, int]], products: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """For each positive its query with a random product; one that is rated relevant is drawn again, up to 100 times."""
    pairs = []
    for query in positives[:, 0].tolist():
        drawn = rng.integers(products, size=100).tolist()
        pairs.append((query, next((code for code in drawn if (query, code) not in related), drawn[0])))
    return np.array(pairs, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Recipe:
    """Everything that a training takes; `dataset` is the name of the data set, for the model card."""

    base: Model
    pairs: Pairs
    validation: Validation
    options: Options
    dataset: str

    @property
    def ingredients(self) -> dict[str, object]:
        """What the hash is made of."""
        return {
            "format": _FORMAT,
            "base": self.base.fingerprint,
            "prompt": self.base.prompt,
            "pairs": self.pairs.sha256,
            "validation": self.validation.sha256,
            "options": asdict(self.options),
        }

    @property
    def sha256(self) -> str:
        """The hash under which the model is stored."""
        return recipe_hash(self.ingredients)


def recipe_hash(ingredients: object) -> str:
    """Sha256 of ingredients as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True, separators=(",", ":")).encode("ascii")).hexdigest()


_TOKENS_PER_S = 1_000
"""That a model of `_WEIGHTS_BYTES` (all-MiniLM-L6-v2) is trained on, on two CPU cores; a larger one in proportion."""
_WEIGHTS_BYTES = 90_868_376
_TOKENS_PER_WORD = 1.4
_VALIDATION_SPEED_UP = 4
"""A text is embedded so many times faster than it is trained on."""


def estimated_seconds(recipe: Recipe) -> float:
    """Seconds that a training takes on two CPU cores, all epochs and evaluations, estimated from words."""
    options = recipe.options

    def tokens(texts: Iterable[str]) -> float:
        return sum(min(options.max_tokens, 2 + len(text.split()) * _TOKENS_PER_WORD) for text in texts)

    trained = options.epochs * tokens(text for pair in recipe.pairs.train for text in (pair.query, pair.text))
    judged = (2 * options.epochs + 1) * tokens(recipe.validation.texts)
    size = recipe.base.weights.stat().st_size / _WEIGHTS_BYTES
    return size * (trained + judged / _VALIDATION_SPEED_UP) / _TOKENS_PER_S

"""What makes a fine-tuned model: base weights, pairs, options and what it is judged by meanwhile, as one hash."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from relevance.errors import InputError
from relevance.evaluation import NDCG10, evaluate
from relevance.finetune.losses import LOSSES
from relevance.finetune.pairs import POSITIVE
from relevance.packages import require
from relevance.records import Judgments, Ranking, embedded_texts
from relevance.setting import text_of
from relevance.strategies import FINETUNED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import numpy.typing as npt

    from relevance.embeddings import Model
    from relevance.finetune import Options
    from relevance.finetune.pairs import Pair, Pairs, Trained
    from relevance.finetune.teacher import Teacher
    from relevance.records import Catalogue

    _Floats = npt.NDArray[np.float32]

_FORMAT = 1
"""Counts the versions of the training itself: what an older one made is not taken for what this one makes."""

_MINING = 2
"""Counts the versions of the choice of negatives, in the same way."""

_FIRST_OPTIONS = ("epochs", "batch_size", "learning_rate", "max_tokens", "seed", "loss", "patience")
_SAID_ELSEWHERE = ("positive_from", "mix", "teacher")
"""Options that choose the pairs and the teacher, which are in the hash themselves."""

DISTRACTORS = 2_000
_HITS = 10
_DRAWS = 100


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

    Attributes:
        seconds: all that it took, mining and a teacher counted.
        stopped_early: whether it ended before its last epoch because it no longer learned.
        parts: what of `seconds` went where beside training, by name: `mining`, `teacher`.
        memory_bytes: its peak, see `peak_memory`; None of a model that was trained before it was looked at.
    """

    steps: tuple[Step, ...]
    best: int
    seconds: float
    stopped_early: bool
    parts: Mapping[str, float] = field(default_factory=dict)
    memory_bytes: int | None = None


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
        return recipe_hash([self.queries, self.products, self.texts, judged, self.pairs.tolist()])

    def measure(self, queries: _Floats, products: _Floats) -> dict[str, float]:
        """Score a model by its vectors, a row of unit length each: `pearson`, `spearman` and `ndcg`, as in `Step`."""
        cosines = queries @ products.T
        codes = np.broadcast_to(np.arange(len(self.products)), cosines.shape)
        return self.score(codes, cosines, cosines[self.pairs[:, 0], self.pairs[:, 1]])

    def score(self, codes: npt.NDArray[np.int64], scores: _Floats, of_pairs: _Floats) -> dict[str, float]:
        """Score a model by what it gives some products of each query, shape (queries, products), and the `pairs`."""
        from scipy.stats import pearsonr, spearmanr  # noqa: PLC0415 - only where a model is trained

        of_pairs = of_pairs.astype(np.float64)
        if not np.isfinite(of_pairs).all() or np.ptp(of_pairs) == 0:
            return dict.fromkeys(("pearson", "spearman", "ndcg"), float("nan"))
        expected = np.repeat([1.0, 0.0], len(self.pairs) // 2)
        pearson, spearman = pearsonr(of_pairs, expected)[0], spearmanr(of_pairs, expected)[0]
        ndcg = float(self._ndcg(codes, scores).mean())
        return {"pearson": float(pearson), "spearman": float(spearman), "ndcg": ndcg}

    def ndcg(self, queries: _Floats, products: _Floats) -> npt.NDArray[np.float64]:
        """nDCG@10 of each query under a model, by its vectors, a row of unit length each; shape (queries,)."""
        cosines = queries @ products.T
        return self._ndcg(np.broadcast_to(np.arange(len(self.products)), cosines.shape), cosines)

    def _ndcg(self, codes: npt.NDArray[np.int64], scores: _Floats) -> npt.NDArray[np.float64]:
        order = np.argsort(-scores, axis=1, kind="stable")[:, :_HITS]
        hits = np.take_along_axis(codes, order, axis=1).astype(np.int64)
        ranking = Ranking(hits, np.take_along_axis(scores, order, axis=1))
        evaluation = evaluate(ranking, self.judgments, n_products=len(self.products), metrics=(NDCG10,))
        return evaluation.per_query[NDCG10]

    def first(self, count: int) -> Validation:
        """Give the first queries alone, over the same products, and as many of either kind of `pairs` at most."""
        judged, half = self.judgments, len(self.pairs) // 2
        kept = judged.queries < count
        return replace(
            self,
            queries=self.queries[:count],
            judgments=Judgments(
                judged.queries[kept], judged.products[kept], judged.grades[kept], relevant_from=judged.relevant_from
            ),
            pairs=np.concatenate([part[part[:, 0] < count] for part in (self.pairs[:half], self.pairs[half:])]),
        )


def make_validation(pairs: Pairs, catalogue: Catalogue, *, seed: int, distractors: int = DISTRACTORS) -> Validation:
    """Put the held-out queries over their products and up to `distractors` others of pairs and catalogue.

    `seed` is that of the choice of distractors and of the random pairs.
    """
    rng = np.random.default_rng(seed)
    own = {pair.product: pair.text for pair in pairs.rated}
    whole = zip(catalogue.ids, embedded_texts(catalogue, "whole", FINETUNED), strict=True)
    trained = {pair.product: pair.text for pair in pairs.train if pair.relevance >= POSITIVE}  # whatever else is
    others = {product: text for product, text in whole if text} | trained
    names = sorted(others.keys() - own.keys())
    chosen = [names[at] for at in rng.permutation(len(names))[:distractors].tolist()]
    pool = dict(sorted((own | {name: others[name] for name in chosen}).items()))
    queries = dict.fromkeys(pair.query for pair in pairs.rated)
    query_codes = {query: code for code, query in enumerate(queries)}
    product_codes = {product: code for code, product in enumerate(pool)}

    def codes(chosen: Iterable[Pair]) -> npt.NDArray[np.int64]:
        return np.array([(query_codes[pair.query], product_codes[pair.product]) for pair in chosen], dtype=np.int64)

    rated, positives = codes(pairs.rated), codes(pairs.validation)
    related = set(map(tuple, codes(pair for pair in pairs.related if pair.query in queries).tolist()))
    negatives = []
    for query in positives[:, 0].tolist():
        drawn = [(query, code) for code in rng.integers(len(pool), size=_DRAWS).tolist()]
        negatives.append(next((pair for pair in drawn if pair not in related), drawn[0]))
    # `round` is the reference's rule for its grades: a half goes to the even neighbour
    grades = np.array([round(pair.relevance) - 1 for pair in pairs.rated], dtype=np.int64)
    return Validation(
        tuple(queries),
        tuple(pool),
        tuple(pool.values()),
        Judgments(rated[:, 0], rated[:, 1], grades, relevant_from=1),
        np.concatenate([positives, np.array(negatives, dtype=np.int64)]),
    )


@dataclass(frozen=True, eq=False)
class Recipe:
    """Everything that a training takes; `dataset` is the name of the data set, for the model card.

    Raises:
        InputError: the base model cannot be trained in this way.
    """

    base: Model
    pairs: Pairs
    validation: Validation
    options: Options
    dataset: str
    teacher: Teacher | None = None
    kind = "embedding model"

    def run(self, folder: Path, *, progress: bool, notes: list[str]) -> Curve:
        """Train, or go on from the last checkpoint; see `relevance.finetune.loop.run`."""
        from relevance.finetune.loop import run  # noqa: PLC0415 - imports torch

        return run(self, folder, progress=progress, notes=notes)

    def __post_init__(self) -> None:
        """Look whether the options fit the model."""
        largest = max(self.options.matryoshka or (0,))
        if largest > self.base.dimensions:
            has = f"the vectors of {self.base.name} have {self.base.dimensions} dimensions"
            raise InputError(f"matryoshka = {text_of(self.options.matryoshka)}: {has}; allowed: up to so many")
        if self.options.lora_rank:
            require(f"lora_rank = {self.options.lora_rank}", ("peft",))

    @property
    def parts(self) -> tuple[Recipe, ...]:
        """Those whose weights are averaged; none of a single training."""
        options, number = self.options, self.options.soup
        seeds = range(options.seed, options.seed + number) if number > 1 else ()
        return tuple(replace(self, options=replace(options, soup=1, seed=seed)) for seed in seeds)

    @cached_property
    def trained(self) -> tuple[Trained, ...]:
        """All that the training sees."""
        return self.pairs.trained(graded=self._graded)

    @property
    def _graded(self) -> bool:
        return LOSSES[self.options.loss].rows == "graded"

    @property
    def ingredients(self) -> dict[str, object]:
        """What the hash is made of."""
        # what few models have is in the hash of those alone
        rare = {name: self.base.facts.get(name) for name in ("document_prompt", "similarity")}
        rare["truncate_dim"] = self.base.truncate_dim
        return {
            "format": _FORMAT,
            "base": self.base.fingerprint,
            "prompt": self.base.query_prompt,
            "pairs": self._pairs_sha256,
            "validation": self.validation.sha256,
            "options": self._options,
            **({"mining": _MINING} if self.options.mined else {}),
            **({"teacher": self.teacher.facts} if self.teacher else {}),
            **{name: fact for name, fact in rare.items() if fact},
        }

    @cached_property
    def _pairs_sha256(self) -> str:
        return self.pairs.sha256(graded=self._graded)

    @property
    def _options(self) -> dict[str, object]:
        """Those of the first version; of the others only what is not the default, so that older hashes hold."""
        options = {name: value for name, value in asdict(self.options).items() if name not in _SAID_ELSEWHERE}
        defaults = {each.name: each.default for each in fields(self.options)}
        return {name: value for name, value in options.items() if name in _FIRST_OPTIONS or value != defaults[name]}

    @property
    def sha256(self) -> str:
        """The hash under which the model is stored."""
        return recipe_hash(self.ingredients)


def recipe_hash(ingredients: object) -> str:
    """Give the sha256 of ingredients as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True, separators=(",", ":")).encode("ascii")).hexdigest()


# that a model of so many bytes (all-MiniLM-L6-v2) is trained on, on two CPU cores; a larger one in proportion
_TOKENS_PER_S = 1_000
_WEIGHTS_BYTES = 90_868_376
_TOKENS_PER_WORD = 1.4
# a text is embedded so many times faster than it is trained on
_VALIDATION_SPEED_UP = 4


def estimated_seconds(recipe: Recipe) -> float:
    """Estimate from words the seconds that a training takes on two CPU cores, all epochs and evaluations."""
    options = recipe.options
    texts = (text for pair in recipe.pairs.train for text in (pair.query, pair.text))
    trained = options.epochs * tokens_of(texts, options.max_tokens)
    judged = (2 * options.epochs + 1) * tokens_of(recipe.validation.texts, options.max_tokens)
    return options.soup * seconds_of_tokens(recipe, trained, judged)


def tokens_of(texts: Iterable[str], limit: int) -> float:
    """Estimate from words the tokens of texts, each cut at the limit."""
    return sum(min(limit, 2 + len(text.split()) * _TOKENS_PER_WORD) for text in texts)


def seconds_of_tokens(recipe: Recipe, trained: float, judged: float) -> float:
    """Estimate the seconds that two CPU cores take to train on so many tokens and to evaluate so many."""
    size = recipe.base.weights_bytes / _WEIGHTS_BYTES
    return size * (trained + judged / _VALIDATION_SPEED_UP) / _TOKENS_PER_S

"""The training of a cross-encoder, by sentence-transformers' own trainer. Imported where one is trained."""

from __future__ import annotations

import math
import shutil
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from datasets import Dataset
from sentence_transformers import CrossEncoder
from sentence_transformers.base.evaluation import BaseEvaluator
from sentence_transformers.base.modules import Dense, Transformer
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
from sentence_transformers.cross_encoder.losses import ListNetLoss
from sentence_transformers.sentence_transformer.modules import Pooling
from transformers import PrinterCallback

from relevance.embeddings.sentence_model import LOADING, load, set_limit
from relevance.errors import InputError
from relevance.finetune import loop
from relevance.finetune.pairs import normalised
from relevance.finetune.reranker import CANDIDATES, VALIDATED, label_of
from relevance.finetune.rows import SKIPPED, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from relevance.finetune.loop import Follower
    from relevance.finetune.recipe import Curve
    from relevance.finetune.reranker import RerankerRecipe

    _Floats = npt.NDArray[np.float32]

_LOOKED_AT = 100
_SORTED_TOGETHER = 16
_SCORED_AT_ONCE = 64
_OF_HEAD = r"^model\.2\."
_HEAD_RATE = 25
"""Times the learning rate: the head begins at random, the rest does not."""
_NOTHING = 1e-4
"""The share of an irrelevant product among the relevant ones, which has to have a logarithm."""


def run(recipe: RerankerRecipe, folder: Path, *, progress: bool, notes: list[str]) -> Curve:
    """Train, or go on from the last checkpoint in `folder`; see `relevance.finetune.loop.run`, whose loop it is."""
    return loop.run(recipe, folder, progress=progress, notes=notes, make=_trainer, write=_write)


def untrained(recipe: RerankerRecipe) -> Any:
    """Make the cross-encoder: the base model's encoder, or its first layers, its pooling, and a head drawn by the seed.

    The pooling is the base model's own: of a model that was trained to give the mean of its tokens' vectors, the vector
    of the first token says little.

    Raises:
        InputError: a base model that pools no tokens' vectors, such as a static embedding.
    """
    torch.manual_seed(recipe.options.seed)
    base = load(recipe.base).transformer
    pooling = next((module for module in base if isinstance(module, Pooling)), None)
    if pooling is None:
        raise InputError(f"{recipe.base.name}: no cross-encoder can be made of it; allowed: a model of transformers")
    layers = recipe.reranker.layers
    encoder = Transformer(
        str(recipe.base.transformer),
        model_kwargs={**LOADING, "local_files_only": True, "trust_remote_code": recipe.base.trust_remote_code},
        config_kwargs={} if layers is None else {"num_hidden_layers": layers},
    )
    head = Dense(
        pooling.get_embedding_dimension(),
        1,
        activation_function=torch.nn.Identity(),
        module_input_name="sentence_embedding",
        module_output_name="scores",
    )
    crossing = CrossEncoder(
        modules=[encoder, pooling, head], device=recipe.base.device, activation_fn=torch.nn.Sigmoid()
    ).float()
    set_limit(crossing, min(recipe.options.max_tokens, recipe.base.max_tokens or recipe.options.max_tokens))
    return crossing


def _write(recipe: RerankerRecipe, encoder: Any | None, place: Path) -> None:
    """Write a cross-encoder, or else the one that nothing was trained of."""
    shutil.rmtree(place, ignore_errors=True)
    (encoder or untrained(recipe)).save_pretrained(str(place), create_model_card=False, safe_serialization=True)


def _trainer(recipe: RerankerRecipe, folder: Path, follower: Follower, *, evaluate_base: bool) -> Any:
    base = load(recipe.base).transformer
    set_limit(base, recipe.base.max_tokens and min(recipe.options.max_tokens, recipe.base.max_tokens))
    began = time.perf_counter()
    rows = _rows(recipe, base, progress=follower.progress)
    evaluator = _Evaluator(recipe, base, progress=follower.progress)
    follower.parts["mining"] = time.perf_counter() - began
    del base  # and what memory it has
    encoder = untrained(recipe)
    arguments = CrossEncoderTrainingArguments(
        **loop.arguments_of(recipe, folder, encoder, evaluate_base=evaluate_base)
        | {"per_device_train_batch_size": _queries_at_once(recipe.options.batch_size, rows["label"])},
        batch_sampler=partial(_LikeLength, [max(map(len, texts)) for texts in rows["text"]]),
        learning_rate_mapping={_OF_HEAD: _HEAD_RATE * recipe.options.learning_rate},
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # noqa: SLF001 - it has no option
    trainer = _Trainer(
        model=encoder,
        args=arguments,
        train_dataset=Dataset.from_dict(dict(rows)),
        loss=ListNetLoss(encoder, mini_batch_size=-1),
        evaluator=evaluator,
        callbacks=[follower],
    )
    trainer.remove_callback(PrinterCallback)
    loop.evaluate_twice_an_epoch(trainer, follower, recipe.options.epochs)
    return trainer


class _Trainer(loop.OfCheckpoints, CrossEncoderTrainer):
    pass


class _LikeLength(DefaultBatchSampler):
    """Batches of rows of about the same length, so that little is padded; which they are is drawn for each epoch."""

    def __init__(self, lengths: Sequence[int], dataset: Any, **settings: Any) -> None:
        super().__init__(dataset, **settings)
        self._lengths = np.array(lengths)

    def __iter__(self) -> Iterator[list[int]]:
        random = np.random.default_rng([self.seed, self.epoch])
        order = random.permutation(len(self._lengths))
        together = self.batch_size * _SORTED_TOGETHER
        batches: list[npt.NDArray[np.int64]] = []
        for start in range(0, len(order), together):
            part = order[start : start + together]
            part = part[np.argsort(self._lengths[part], kind="stable")]
            batches += [part[at : at + self.batch_size] for at in range(0, len(part), self.batch_size)]
        yield from (batches[at].tolist() for at in random.permutation(len(batches)))

    def __len__(self) -> int:
        return math.ceil(len(self._lengths) / self.batch_size)


def _queries_at_once(pairs: int, lists: Sequence[Sequence[float]]) -> int:
    """How many lists have about so many pairs together."""
    return max(1, round(pairs * len(lists) / sum(map(len, lists))))


def _rows(recipe: RerankerRecipe, base: Any, *, progress: bool) -> Mapping[str, list[Any]]:
    """A list a query: judged products by their grade, and near ones that nobody judged for it as irrelevant ones.

    ListNet (Cao et al. 2007) takes the softmax of labels for the shares of relevance; of logarithms it is the shares.
    """
    judged: dict[str, set[str]] = {}
    for pair in recipe.pairs.graded:
        judged.setdefault(normalised(pair.query), set()).add(pair.product)
    lists: dict[str, dict[str, float]] = {}
    for pair in recipe.chosen:
        lists.setdefault(pair.query, {})[pair.text] = label_of(pair.relevance)
    lists = {query: own for query, own in lists.items() if any(own.values())}
    if not lists:
        line = f"of the {len(recipe.chosen):,} pairs that the cross-encoder is trained on none is rated above 1"
        raise InputError(f"{line}; allowed: [reranker] pairs so high that some are")
    products = dict(sorted({pair.product: pair.text for pair in recipe.chosen}.items()))
    names = list(products)
    if recipe.reranker.negatives:
        random = np.random.default_rng(recipe.options.seed)
        encode = partial(loop.encoded, base, progress=progress)
        of_queries = encode(list(lists), recipe.base.query_prompt)
        of_products = encode(list(products.values()), recipe.base.document_prompt)
        for (query, own), (_, order) in zip(lists.items(), nearest(of_queries, of_products), strict=True):
            free = [names[at] for at in order[:_LOOKED_AT].tolist() if names[at] not in judged[normalised(query)]]
            free = free[SKIPPED:] or free
            drawn = random.permutation(len(free))[: len(own) * recipe.reranker.negatives].tolist()
            lists[query] = {products[free[at]]: 0.0 for at in drawn} | own
    return {
        "query": list(lists),
        "text": [list(own) for own in lists.values()],
        "label": [[math.log(max(label, _NOTHING)) for label in own.values()] for own in lists.values()],
    }


class _Evaluator(BaseEvaluator):
    """Reranks the nearest products of held-out queries."""

    def __init__(self, recipe: RerankerRecipe, base: Any, *, progress: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._progress = progress
        encode = partial(loop.encoded, base, what="first hits of the validation", progress=progress)
        self._validation = validation = recipe.validation.first(VALIDATED)
        queries = encode(validation.queries, recipe.base.query_prompt)
        products = encode(validation.texts, recipe.base.document_prompt)
        self._candidates = np.stack([order[:CANDIDATES] for _, order in nearest(queries, products)])
        self.primary_metric = "ndcg"

    def __call__(self, model: Any, *_: Any, **__: Any) -> dict[str, float]:
        validation = self._validation
        reranked = [(row, code) for row, codes in enumerate(self._candidates.tolist()) for code in codes]
        codes = [*reranked, *map(tuple, validation.pairs.tolist())]
        written = [(validation.queries[row], validation.texts[code]) for row, code in codes]
        options = {"batch_size": _SCORED_AT_ONCE, "show_progress_bar": False, "activation_fn": torch.nn.Identity()}
        with loop.watched(model, len(written), _SCORED_AT_ONCE, "evaluating", progress=self._progress):
            scores = np.asarray(model.predict(written, **options), dtype=np.float32)
        of_candidates = scores[: len(reranked)].reshape(self._candidates.shape)
        return validation.score(self._candidates, of_candidates, scores[len(reranked) :])

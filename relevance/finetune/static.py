"""The distillation of a static embedding. Imported where one is distilled: it imports torch.

A static embedding gives a text the mean of its tokens' vectors. They begin as the teacher's vectors of single tokens,
weighted by how rare they are, as model2vec does it (S. Tulkens and T. van Dongen, "Model2Vec", 2024; the weights are
those of S. Arora et al., "A Simple but Tough-to-Beat Baseline for Sentence Embeddings", 2017). Then they learn the
teacher's vectors of whole texts, and at last the pairs that the teacher was trained on.
"""

from __future__ import annotations

import math
import shutil
import time
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer
from torch.nn.functional import cosine_similarity

from relevance.embeddings import Encoder
from relevance.embeddings.sentence_model import load, quiet
from relevance.errors import CouldNotRunError
from relevance.finetune.pairs import normalised
from relevance.finetune.recipe import Curve, Step
from relevance.finetune.rows import Item, batches
from relevance.text import progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from relevance.finetune.distillation import Distillation

    _Floats = npt.NDArray[np.float32]

_BATCH = 256
_TOKENS_AT_ONCE = 256
_RARITY = 1e-3  # Arora et al.: from a share of 0.001 on a token is frequent
# chosen on Home Depot's fine-tuning queries, see docs/models.md
_EPOCHS, _TEXT_RATE, _PAIR_RATE = 3, 3e-3, 3e-3


def distil(
    recipe: Distillation,
    folder: Path,
    *,
    progress: bool,
    notes: list[str],
    clock: Callable[[], float] = time.monotonic,
) -> Curve:
    """Make token vectors of the teacher's and train them; the model of the best step is then in `folder / "best"`.

    Notes on the cache of the teacher's vectors are added to `notes`.

    Raises:
        CouldNotRunError: the teacher has no tokenizer of the library's fast ones, or a loss is no number.
        OSError: nothing can be written.
    """
    start, torch_state = clock(), torch.random.get_rng_state()
    torch.manual_seed(recipe.seed)
    texts, queries = list(recipe.texts), list(dict.fromkeys(pair.query for pair in recipe.pairs.train))
    encoder = Encoder(recipe.base, recipe.cache_dir, progress=progress)
    targets = np.concatenate(
        [encoder.products(texts, label="for the static embedding").expanded(), encoder.queries(queries).expanded()]
    )
    notes += encoder.notes
    with quiet():
        static = StaticEmbedding(*_token_vectors(recipe, [*texts, *queries], progress=progress))
        static.embedding.sparse = True  # a batch has few of the tokens
        model = SentenceTransformer(modules=[static], device="cpu", similarity_fn_name="cosine")
        steps = [_judged(recipe, model, 0, 0, None)]
        best = _copy(static)
        work = [*_text_losses(recipe, model, [*texts, *queries], targets), *_pair_losses(recipe, model)]
        total = sum(count for count, _, _ in work)
        with progress_bar(total, "distilling", "batch", shown=progress) as bar:
            for count, rate, losses in work:
                optimizer: Any = torch.optim.SparseAdam(list(static.parameters()), lr=rate)
                schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, count)
                taken = []
                for loss in losses():
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    schedule.step()
                    taken.append(loss.item())
                    bar.update(1)
                step = steps[-1].step + len(taken)
                epoch = steps[-1].epoch + _EPOCHS
                steps.append(_judged(recipe, model, step, epoch, sum(taken) / max(1, len(taken))))
                if steps[-1].ndcg > max(one.ndcg for one in steps[:-1]):
                    best = _copy(static)
                bar.set_postfix_str(f"nDCG {steps[0].ndcg:.4f} -> {steps[-1].ndcg:.4f}")
        with torch.no_grad():
            static.embedding.weight.copy_(best)
        shutil.rmtree(folder, ignore_errors=True)
        model.save_pretrained(str(folder / "best"), create_model_card=False, safe_serialization=True)
    torch.random.set_rng_state(torch_state)
    chosen = max(range(len(steps)), key=lambda at: (steps[at].ndcg, -at))
    return Curve(tuple(steps), chosen, clock() - start, stopped_early=False)


def _copy(static: Any) -> Any:
    return static.embedding.weight.detach().clone()


def _judged(recipe: Distillation, model: Any, step: int, epoch: float, loss: float | None) -> Step:
    if loss is not None and not math.isfinite(loss):
        raise CouldNotRunError(f"distilling: the loss is not a number at step {step}; allowed: another teacher")
    sides = (recipe.validation.queries, recipe.validation.texts)
    vectors = (model.encode(list(side), normalize_embeddings=True, show_progress_bar=False) for side in sides)
    return Step(step=step, epoch=epoch, loss=loss, **recipe.validation.measure(*vectors))


def _token_vectors(recipe: Distillation, texts: Sequence[str], *, progress: bool) -> tuple[Tokenizer, _Floats]:
    """The teacher's tokenizer, and a row for each of its tokens: the teacher's vector, centred and weighted."""
    teacher = load(recipe.base).transformer
    whole = getattr(teacher.tokenizer, "_tokenizer", None)
    if not isinstance(whole, Tokenizer):
        raise CouldNotRunError(f"distilling: the model {recipe.base.name} has no fast tokenizer; allowed: one that has")
    tokenizer = Tokenizer.from_str(whole.to_str())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    special = teacher.tokenizer("")["input_ids"]
    half, size, vectors = len(special) // 2, tokenizer.get_vocab_size(), []
    with (
        torch.inference_mode(),
        progress_bar(size, "vectors of tokens", "token", shown=progress) as bar,
    ):
        for first in range(0, size, _TOKENS_AT_ONCE):
            tokens = range(first, min(first + _TOKENS_AT_ONCE, size))
            ids = torch.tensor([[*special[:half], token, *special[half:]] for token in tokens], device=teacher.device)
            features = teacher({"input_ids": ids, "attention_mask": torch.ones_like(ids)})
            vectors.append(features["sentence_embedding"].float().cpu().numpy())
            bar.update(len(ids))
    rows = np.concatenate(vectors)
    encoded = tokenizer.encode_batch(list(texts), add_special_tokens=False)
    counts = np.bincount(np.fromiter(chain.from_iterable(one.ids for one in encoded), np.int64), minlength=size)
    rows = (rows - rows.mean(axis=0)) * (_RARITY / (_RARITY + counts / max(1, counts.sum())))[:, np.newaxis]
    return tokenizer, (rows / np.linalg.norm(rows, axis=1).mean()).astype(np.float32)


_Work = tuple[int, float, "Callable[[], Iterator[Any]]"]
"""How many steps at most, the learning rate, and what gives their losses."""


def _text_losses(recipe: Distillation, model: Any, texts: Sequence[str], targets: _Floats) -> Iterator[_Work]:
    """One minus the cosine with the teacher's vector."""

    def losses() -> Iterator[Any]:
        for epoch in range(_EPOCHS):
            order = np.random.default_rng([recipe.seed, epoch]).permutation(len(texts))
            for start in range(0, len(order), _BATCH):
                rows = order[start : start + _BATCH]
                vectors = model(model.preprocess([texts[row] for row in rows]))["sentence_embedding"]
                yield 1 - cosine_similarity(vectors, torch.from_numpy(targets[rows])).mean()

    yield _EPOCHS * math.ceil(len(texts) / _BATCH), _TEXT_RATE, losses


def _pair_losses(recipe: Distillation, model: Any) -> Iterator[_Work]:
    """Multiple negatives ranking, without false negatives in a batch."""
    pairs, loss = recipe.positives, MultipleNegativesRankingLoss(model)
    related: dict[str, set[str]] = {}
    for pair in (*pairs, *recipe.pairs.related):
        related.setdefault(normalised(pair.query), set()).add(pair.product)
    known = {query: frozenset(products) for query, products in related.items()}
    items = []
    for pair in pairs:
        query = normalised(pair.query)
        items.append(Item(frozenset({query, normalised(pair.text)}), query, (pair.product,)))
    seeds = [recipe.seed * 1_000_003 + epoch for epoch in range(_EPOCHS)]
    ordered = [list(batches(items, known, size=_BATCH, seed=seed)) for seed in seeds]

    def losses() -> Iterator[Any]:
        for batch in chain.from_iterable(ordered):
            sides = ([pairs[row].query for row in batch], [pairs[row].text for row in batch])
            yield loss([model.preprocess(side) for side in sides], None)

    yield sum(map(len, ordered)), _PAIR_RATE, losses

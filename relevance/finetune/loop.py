"""The training itself, by sentence-transformers' own trainer. Imported where a model is trained: it imports torch."""

from __future__ import annotations

import shutil
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from datasets import Dataset as Rows
from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.base.evaluation import BaseEvaluator
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from transformers import PrinterCallback

from relevance.embeddings.sentence_model import load, quiet
from relevance.errors import RelevanceError
from relevance.finetune.follower import Clock, Follower, best_of, steps_in
from relevance.finetune.record import Curve
from relevance.finetune.rows import training_rows
from relevance.finetune.sampler import batches
from relevance.finetune.store import checkpoints, seconds_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from relevance.finetune.recipe import Recipe
    from relevance.finetune.rows import TrainingRows
    from relevance.finetune.validation import Validation

__all__ = ["run"]

_WARM_UP = 0.1
_NEVER = 10**9
_ENCODED_AT_ONCE = 64


def run(
    recipe: Recipe, folder: Path, *, progress: bool, notes: list[str], clock: Callable[[], float] = time.monotonic
) -> Curve:
    """Train, or go on from the last checkpoint in `folder`; the model of the best step is then in `folder / "best"`.

    A checkpoint that is damaged, or that these libraries do not take up, is set aside and added to `notes`.

    Raises:
        CouldNotRunError: the device is not there, or the loss or a vector is no number.
        OSError: nothing can be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint, before = _last_checkpoint(folder, notes)
    spent = Clock(clock, before)
    with quiet():
        transformer = load(recipe.base).transformer
        transformer.max_seq_length = min(recipe.options.max_tokens, recipe.base.max_tokens)
        rows = training_rows(recipe, partial(_encoded, transformer))
        follower = Follower(recipe, folder, transformer, spent, progress=progress)
        trainer = _trainer(recipe, transformer, rows, follower, resumed=checkpoint is not None)
        follower.plan(len(trainer.get_train_dataloader()), recipe.options.epochs)
        try:
            trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        except Exception as error:
            of_memory = isinstance(error, MemoryError | torch.OutOfMemoryError)
            if checkpoint is None or follower.began or of_memory or isinstance(error, RelevanceError | OSError):
                raise
            _set_aside(checkpoint, f"{type(error).__name__} when it was taken up", notes)
            trainer = None
    if trainer is None:
        return run(recipe, folder, progress=progress, notes=notes, clock=clock)
    steps = steps_in(trainer.state.log_history)
    best = best_of(steps)
    shutil.rmtree(folder / "best", ignore_errors=True)
    (folder / f"best-{steps[best].step}").rename(folder / "best")
    stopped_early = trainer.state.global_step < trainer.state.max_steps
    return Curve(tuple(steps), best, spent.seconds(), stopped_early)


def _encoded(transformer: Any, texts: Sequence[str]) -> Any:
    return transformer.encode(
        list(texts), prompt="", batch_size=_ENCODED_AT_ONCE, normalize_embeddings=True, show_progress_bar=False
    )


def _trainer(recipe: Recipe, transformer: Any, rows: TrainingRows, follower: Follower, *, resumed: bool) -> Any:
    if transformer.device.type == "cuda" and transformer.device.index is not None:
        torch.cuda.set_device(transformer.device)
    trainer = _Trainer(
        model=transformer,
        args=_arguments(recipe, rows, follower.folder, transformer.device.type, on_start=not resumed),
        train_dataset=Rows.from_dict(rows.columns),
        loss=MultipleNegativesRankingLoss(transformer),
        evaluator=_Evaluator(recipe.validation, recipe.base.prompt),
        callbacks=[follower],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _arguments(recipe: Recipe, rows: TrainingRows, folder: Path, device: str, *, on_start: bool) -> Any:
    options, graphics = recipe.options, device == "cuda"
    brain_float = graphics and torch.cuda.is_bf16_supported()
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        num_train_epochs=options.epochs,
        per_device_train_batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        warmup_steps=_WARM_UP,
        seed=options.seed,
        data_seed=options.seed,
        batch_sampler=partial(_Batches, rows, options.epochs),
        eval_strategy="steps",
        eval_steps=_NEVER,  # the follower says when
        eval_on_start=on_start,
        save_strategy="steps",
        save_steps=_NEVER,
        save_total_limit=1,
        logging_strategy="steps",
        logging_steps=_NEVER,
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        use_cpu=device == "cpu",
        bf16=brain_float,
        fp16=graphics and not brain_float,
        dataloader_pin_memory=graphics,
    )
    # several devices would each get a part of a batch, and its negatives with it
    arguments._n_gpu = min(arguments.n_gpu, 1)  # noqa: SLF001 - it has no option
    return arguments


class _Trainer(SentenceTransformerTrainer):
    """Makes no model card of its own, which would count the tokens of all texts first."""

    def add_model_card_callback(self, *_: Any) -> None:
        """Add none."""


class _Batches(DefaultBatchSampler):
    """The batches of `relevance.finetune.sampler`, as many in each epoch."""

    def __init__(self, rows: TrainingRows, epochs: int, dataset: Any, **settings: Any) -> None:
        super().__init__(dataset, **settings)
        self._rows = rows
        self._length = min(sum(1 for _ in self._of(epoch)) for epoch in range(epochs))

    def _of(self, epoch: int) -> Iterator[list[int]]:
        # epochs of neighbouring seeds are not the same
        seed = self.seed * 1_000_003 + epoch
        return batches(self._rows.items, self._rows.related, size=self.batch_size, seed=seed)

    def __iter__(self) -> Iterator[list[int]]:
        yield from (batch for _, batch in zip(range(self._length), self._of(self.epoch), strict=False))

    def __len__(self) -> int:
        return self._length


class _Evaluator(BaseEvaluator):
    """Scores the model on the validation."""

    def __init__(self, validation: Validation, prompt: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._validation = validation
        self._prompt = prompt
        self.primary_metric = "ndcg"

    def __call__(self, model: Any, *_: Any, **__: Any) -> dict[str, float]:
        queries = _encoded(model, [self._prompt + query for query in self._validation.queries])
        found = self._validation.measure(queries, _encoded(model, self._validation.texts))
        return {"pearson": found.pearson, "spearman": found.spearman, "ndcg": found.ndcg}


def _last_checkpoint(folder: Path, notes: list[str]) -> tuple[Path | None, float]:
    """The last checkpoint that is as it was written, and the seconds that it took; half ones are removed."""
    marked = checkpoints(folder)
    for path in folder.glob("checkpoint-*"):
        if path not in [each for _, each in marked]:
            shutil.rmtree(path, ignore_errors=True)
    for _, path in marked:
        seconds = seconds_of(path)
        if seconds is not None:
            return path, seconds
        _set_aside(path, "a file of it is not as it was written", notes)
    return None, 0.0


def _set_aside(checkpoint: Path, problem: str, notes: list[str]) -> None:
    aside = checkpoint.with_name(f"damaged-{checkpoint.name}")
    shutil.rmtree(aside, ignore_errors=True)
    checkpoint.rename(aside)
    notes.append(f"a checkpoint of the fine-tuning was damaged ({problem}) and set aside as {aside}")

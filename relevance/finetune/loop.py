"""The training itself, by sentence-transformers' own trainer. Imported where a model is trained: it imports torch."""

# ruff: noqa: ARG002 - callbacks have the library's signatures

from __future__ import annotations

import math
import shutil
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from datasets import Dataset as Rows
from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.base.evaluation import BaseEvaluator
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from transformers import PrinterCallback, TrainerCallback

from relevance.embeddings.sentence_model import load, quiet
from relevance.errors import CouldNotRunError, RelevanceError
from relevance.finetune.recipe import Curve, Step
from relevance.finetune.rows import batches, pair_rows, triplet_rows
from relevance.finetune.store import mark_complete, set_checkpoint_aside, sound_checkpoint
from relevance.text import progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from relevance.finetune.recipe import Recipe, Validation
    from relevance.finetune.rows import TrainingRows

_SAVED_EVERY_S = 60.0
_WARM_UP = 0.1
_NEVER = 10**9
_ENCODED_AT_ONCE = 64


@dataclass(frozen=True)
class Loss:
    """A loss: what makes it for a model, and the rows that it is given."""

    make: Callable[[Any], Any]
    rows: Callable[[Recipe, Callable[[Sequence[str]], Any]], TrainingRows]


LOSSES = {
    "mnrl": Loss(MultipleNegativesRankingLoss, pair_rows),
    "hard": Loss(MultipleNegativesRankingLoss, triplet_rows),
}
"""By their names in `Options.loss`."""


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
    checkpoint, before_s = sound_checkpoint(folder, notes)
    start_s = clock() - before_s
    loss = LOSSES[recipe.options.loss]
    with quiet():
        transformer = load(recipe.base).transformer
        transformer.max_seq_length = min(recipe.options.max_tokens, recipe.base.max_tokens)
        rows = loss.rows(recipe, partial(_encoded, transformer))
        follower = Follower(recipe, folder, transformer, lambda: clock() - start_s, progress=progress)
        trainer: Any = _Trainer(
            model=transformer,
            args=_arguments(recipe, rows, folder, transformer.device, on_start=checkpoint is None),
            train_dataset=Rows.from_dict(rows.columns),
            loss=loss.make(transformer),
            evaluator=_Evaluator(recipe.validation, recipe.base.prompt),
            callbacks=[follower],
        )
        trainer.remove_callback(PrinterCallback)
        an_epoch, halves = len(trainer.get_train_dataloader()), range(1, 2 * recipe.options.epochs + 1)
        follower.evaluated = frozenset(round(half * an_epoch / 2) for half in halves)
        try:
            trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        except Exception as error:
            of_memory = isinstance(error, MemoryError | torch.OutOfMemoryError)
            if checkpoint is None or follower.began or of_memory or isinstance(error, RelevanceError | OSError):
                raise
            set_checkpoint_aside(checkpoint, f"{type(error).__name__} when it was taken up", notes)
            trainer = None  # and what memory it has
    if trainer is None:
        return run(recipe, folder, progress=progress, notes=notes, clock=clock)
    steps = steps_in(trainer.state.log_history)
    best = best_of(steps)
    shutil.rmtree(folder / "best", ignore_errors=True)
    (folder / f"best-{steps[best].step}").rename(folder / "best")
    stopped_early = trainer.state.global_step < trainer.state.max_steps
    return Curve(tuple(steps), best, clock() - start_s, stopped_early)


def _encoded(transformer: Any, texts: Sequence[str]) -> Any:
    return transformer.encode(
        list(texts), prompt="", batch_size=_ENCODED_AT_ONCE, normalize_embeddings=True, show_progress_bar=False
    )


def _arguments(recipe: Recipe, rows: TrainingRows, folder: Path, device: Any, *, on_start: bool) -> Any:
    options, graphics = recipe.options, device.type == "cuda"
    if graphics and device.index is not None:
        torch.cuda.set_device(device)
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
        use_cpu=device.type == "cpu",
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
    """The batches of `relevance.finetune.rows`, as many in each epoch."""

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
        return self._validation.measure(queries, _encoded(model, self._validation.texts))


class Follower(TrainerCallback):
    """Says when to evaluate, save and stop; keeps the best model; shows progress. What it knows is in the log.

    The library's own early stopping and best model begin with the first evaluation after a step: they do not know that
    the base model may be the best, and that patience counts from it.
    """

    def __init__(
        self, recipe: Recipe, folder: Path, transformer: Any, seconds: Callable[[], float], *, progress: bool
    ) -> None:
        self._recipe, self._folder, self._transformer = recipe, folder, transformer
        self._seconds, self._saved_s = seconds, seconds()
        self._progress = progress
        self._best = 0
        self._bar: Any = None
        self.evaluated: frozenset[int] = frozenset()
        self.began = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Show how far it is."""
        if steps := steps_in(state.log_history):
            self._best = steps[best_of(steps)].step
        self._bar = progress_bar(
            state.max_steps, "fine-tuning", "batch", shown=self._progress, initial=state.global_step
        )

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Leave the last state of the bar on the terminal."""
        self._bar.close()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Evaluate and save where it is time."""
        self.began = True
        self._bar.update(1)
        if state.global_step in self.evaluated:
            control.should_log = control.should_evaluate = control.should_save = True
        elif self._seconds() - self._saved_s > _SAVED_EVERY_S:
            control.should_save = True

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Refuse to go on with a loss that is no number."""
        if not all(math.isfinite((logs or {}).get(name, 0.0)) for name in ("loss", "eval_ndcg")):
            rule = "allowed: a lower learning rate, or another base model"
            raise CouldNotRunError(f"fine-tuning: the loss is not a number at step {state.global_step}; {rule}")

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Keep the model where it is the best so far; stop where it no longer learns."""
        steps = steps_in(state.log_history)
        best = best_of(steps)
        self._best = steps[best].step
        if self._bar is not None:
            self._bar.set_postfix_str(f"nDCG {steps[0].ndcg:.4f} -> {steps[-1].ndcg:.4f}")
        if best == len(steps) - 1:
            self._keep()
        elif len(steps) - 1 - best >= self._recipe.options.patience:
            control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Mark the checkpoint as complete, and drop the models that were the best before."""
        self._saved_s = self._seconds()
        for other in self._folder.glob("best-*"):
            if other.name != f"best-{self._best}":
                shutil.rmtree(other, ignore_errors=True)
        mark_complete(self._folder / f"checkpoint-{state.global_step}", self._seconds())

    def _keep(self) -> None:
        """Write the model beside its place, then move it there."""
        beside, place = self._folder / ".writing", self._folder / f"best-{self._best}"
        shutil.rmtree(beside, ignore_errors=True)
        transformer, base = self._transformer, self._recipe.base
        cut, prompts = transformer.max_seq_length, dict(transformer.prompts)
        transformer.max_seq_length = base.own_max_tokens or base.max_tokens
        transformer.prompts = {**prompts, "query": base.prompt}
        try:
            transformer.save_pretrained(str(beside), create_model_card=False, safe_serialization=True)
        finally:
            transformer.max_seq_length, transformer.prompts = cut, prompts
        shutil.rmtree(place, ignore_errors=True)
        beside.rename(place)


def steps_in(history: Sequence[dict[str, Any]]) -> list[Step]:
    """The evaluations in the trainer's log, each with the loss that was logged at its step."""
    losses = {entry["step"]: float(entry["loss"]) for entry in history if "loss" in entry}
    return [
        Step(
            step=entry["step"],
            epoch=round(float(entry.get("epoch") or 0.0), 4),
            loss=losses.get(entry["step"]),
            pearson=float(entry["eval_pearson"]),
            spearman=float(entry["eval_spearman"]),
            ndcg=float(entry["eval_ndcg"]),
        )
        for entry in history
        if "eval_ndcg" in entry
    ]


def best_of(steps: Sequence[Step]) -> int:
    """The first evaluation with the highest nDCG."""
    return max(range(len(steps)), key=lambda at: (steps[at].ndcg, -at))

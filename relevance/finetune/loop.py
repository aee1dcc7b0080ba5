"""The training itself, by sentence-transformers' own trainer. Imported where a model is trained: it imports torch."""

# ruff: noqa: ARG002 - callbacks have the library's signatures

from __future__ import annotations

import math
import shutil
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.base.evaluation import BaseEvaluator
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.sentence_transformer import losses
from transformers import PrinterCallback, TrainerCallback, set_seed

from relevance.embeddings.sentence_model import load, quiet, save, set_limit
from relevance.errors import CouldNotRunError, RelevanceError
from relevance.finetune.checkpoints import checkpoint_of, mark_complete, set_checkpoint_aside, sound_checkpoint
from relevance.finetune.losses import LOSSES
from relevance.finetune.recipe import Curve, Step
from relevance.finetune.rows import QUERY, ROWS, batches
from relevance.text import progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from relevance.embeddings import Model
    from relevance.finetune import Options
    from relevance.finetune.recipe import Recipe
    from relevance.finetune.rows import TrainingRows

_Recipe = TypeVar("_Recipe", bound="Recipe")

_SAVED_EVERY_S = 60.0
_WARM_UP = 0.1
_LORA_DROPOUT = 0.1
_NEVER = 10**9
_ENCODED_AT_ONCE = 64


def run(  # noqa: PLR0913 - by name
    recipe: _Recipe,
    folder: Path,
    *,
    progress: bool,
    notes: list[str],
    clock: Callable[[], float] = time.monotonic,
    make: Callable[..., Any] | None = None,
    write: Callable[[_Recipe, Any, Path], None] | None = None,
) -> Curve:
    """Train, or go on from the last checkpoint in `folder`; the model of the best step is then in `folder / "best"`.

    A checkpoint that is damaged, or that these libraries do not take up, is set aside and added to `notes`. Another
    kind of model has its own way to `make` the trainer and to `write` what it trained.

    Raises:
        CouldNotRunError: the device is not there, or the loss or a vector is no number.
        OSError: nothing can be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint, before_s = sound_checkpoint(folder, notes)
    start_s = clock() - before_s
    follower = Follower(recipe.options.patience, folder, lambda: clock() - start_s, progress=progress)
    with quiet():
        trainer: Any = (make or _trainer)(recipe, folder, follower, evaluate_base=checkpoint is None)
        try:
            trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        except Exception as error:
            of_memory = isinstance(error, MemoryError | torch.OutOfMemoryError)
            if checkpoint is None or follower.began or of_memory or isinstance(error, RelevanceError | OSError):
                raise
            set_checkpoint_aside(checkpoint, f"{type(error).__name__} when it was taken up", notes)
            trainer = None  # and what memory it has
    if trainer is None:
        return run(recipe, folder, progress=progress, notes=notes, clock=clock, make=make, write=write)
    steps = steps_in(trainer.state.log_history)
    best = best_of(steps)
    with quiet():
        transformer = trainer.model_of(checkpoint_of(folder, steps[best].step))
        if transformer is not None and follower.adapted:
            _merge_adapter(transformer)
        (write or _write_model)(recipe, transformer, folder / "best")
    stopped_early = trainer.state.global_step < trainer.state.max_steps
    return Curve(tuple(steps), best, clock() - start_s, stopped_early, follower.parts)


def _write_model(recipe: Recipe, transformer: Any | None, place: Path) -> None:
    """Write a model, or else the base model, to be used as the base is."""
    shutil.rmtree(place, ignore_errors=True)
    save(transformer or load(recipe.base).transformer, recipe.base, place)


def average(recipe: Recipe, models: Sequence[Model], curves: Sequence[Curve], folder: Path) -> Curve:
    """Average the weights of models of one base, and put the better of the outcome and the base into `folder / "best"`.

    Args:
        recipe: of the whole.
        models: the parts.
        curves: theirs.
        folder: as of `run`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with quiet():
        transformer = load(recipe.base).transformer
        parts = [load(model).transformer.state_dict() for model in models]
        means = {
            name: torch.stack([part[name] for part in parts]).mean(dim=0) if value.is_floating_point() else value
            for name, value in parts[0].items()
        }
        transformer.load_state_dict(means)
        base, options = recipe.base, recipe.options
        set_limit(transformer, base.max_tokens and min(options.max_tokens, base.max_tokens))
        scores = _Evaluator(recipe)(transformer)
        last = max((curve.steps[curve.best] for curve in curves), key=lambda step: step.step)
        steps = (curves[0].steps[0], Step(last.step, last.epoch, None, **scores))
        best = best_of(steps)
        _write_model(recipe, transformer if best else None, folder / "best")
    seconds = sum(curve.seconds for curve in curves) + time.monotonic() - start
    parts_s = {name: sum(curve.parts.get(name, 0.0) for curve in curves) for curve in curves for name in curve.parts}
    return Curve(steps, best, seconds, stopped_early=all(curve.stopped_early for curve in curves), parts=parts_s)


def _add_adapter(transformer: Any, options: Options) -> None:
    """Freeze the weights and put matrices of low rank beside all that are linear."""
    from peft import LoraConfig  # noqa: PLC0415 - optional

    set_seed(options.seed)  # the matrices are drawn at random
    rank = options.lora_rank
    transformer.add_adapter(
        LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=_LORA_DROPOUT, target_modules="all-linear")
    )


def _merge_adapter(transformer: Any) -> None:
    """Add the matrices to the weights, so that the model is one as any other; the library only saves them apart."""
    from peft.tuners.tuners_utils import BaseTunerLayer  # noqa: PLC0415 - optional

    for name, module in list(transformer.named_modules()):
        if isinstance(module, BaseTunerLayer):
            module.merge(safe_merge=True)
            parent, _, own = name.rpartition(".")
            setattr(transformer.get_submodule(parent), own, module.get_base_layer())
    transformer[0].auto_model._hf_peft_config_loaded = False  # noqa: SLF001 - else matrices would be looked for


@contextmanager
def watched(model: Any, texts: int, batch: int, what: str, *, progress: bool) -> Iterator[None]:
    """Show how far a model of the library's is with so many texts in such batches, of which it says nothing itself."""
    with progress_bar(math.ceil(texts / batch), what, "batch", shown=progress, within=True) as bar:

        def count(*_: object) -> None:
            bar.update(1)

        hook = model[0].register_forward_hook(count)
        try:
            yield
        finally:
            hook.remove()


def encoded(
    transformer: Any, texts: Sequence[str], prompt: str, *, what: str = "mining", progress: bool = False
) -> Any:
    """Give unit vectors of texts, a row each; `what` and `progress` are those of `watched`."""
    with watched(transformer, len(texts), _ENCODED_AT_ONCE, what, progress=progress):
        # an empty prompt is passed as such: None would let the model's default prompt in
        return transformer.encode(
            list(texts), prompt=prompt, batch_size=_ENCODED_AT_ONCE, normalize_embeddings=True, show_progress_bar=False
        )


def _trainer(recipe: Recipe, folder: Path, follower: Follower, *, evaluate_base: bool) -> _Trainer:
    options = recipe.options
    transformer = load(recipe.base).transformer
    base = recipe.base
    set_limit(transformer, base.max_tokens and min(options.max_tokens, base.max_tokens))
    began = time.perf_counter()
    rows = ROWS[LOSSES[options.loss].rows](recipe, partial(encoded, transformer, progress=follower.progress))
    if options.mined:
        follower.parts["mining"] = time.perf_counter() - began
    if recipe.teacher is not None:
        follower.parts["teacher"] = recipe.teacher.seconds
        follower.parts["mining"] = follower.parts.get("mining", 0.0) - recipe.teacher.seconds
    if options.lora_rank:
        _add_adapter(transformer, options)
        follower.adapted = True
    arguments = SentenceTransformerTrainingArguments(
        **arguments_of(recipe, folder, transformer, evaluate_base=evaluate_base),
        prompts=_prompts(base, rows),
        batch_sampler=partial(_Batches, rows, options.epochs) if rows.items else "batch_sampler",  # the library's own
    )
    # several devices would each get a part of a batch, and its negatives with it
    arguments._n_gpu = min(arguments.n_gpu, 1)  # noqa: SLF001 - it has no option
    trainer = _Trainer(
        model=transformer,
        args=arguments,
        train_dataset=Dataset.from_dict(dict(rows.columns)),
        loss=_loss(recipe, transformer),
        evaluator=_Evaluator(recipe, progress=follower.progress),
        callbacks=[follower],
    )
    trainer.remove_callback(PrinterCallback)
    evaluate_twice_an_epoch(trainer, follower, options.epochs)
    return trainer


def _loss(recipe: Recipe, transformer: Any) -> Any:
    def load_base() -> Any:
        return load(recipe.base).transformer.eval()

    options = recipe.options
    loss = LOSSES[options.loss].make(losses, transformer, options, load_base)
    return losses.MatryoshkaLoss(transformer, loss, list(options.matryoshka)) if options.matryoshka else loss


def evaluate_twice_an_epoch(trainer: Any, follower: Follower, epochs: int) -> None:
    """Say after which steps a trainer evaluates."""
    an_epoch, halves = len(trainer.get_train_dataloader()), range(1, 2 * epochs + 1)
    follower.evaluated = frozenset(round(half * an_epoch / 2) for half in halves)


def arguments_of(recipe: Recipe, folder: Path, model: Any, *, evaluate_base: bool) -> dict[str, Any]:
    """Give the arguments of any trainer of the library's for a model."""
    options = recipe.options
    graphics = model.device.type == "cuda"
    if graphics and model.device.index is not None:
        torch.cuda.set_device(model.device)
    brain_float = graphics and torch.cuda.is_bf16_supported()
    return {
        "output_dir": str(folder),
        "num_train_epochs": options.epochs,
        "per_device_train_batch_size": options.batch_size,
        "learning_rate": options.learning_rate,
        "warmup_steps": _WARM_UP,
        "seed": options.seed,
        "data_seed": options.seed,
        # the follower says when
        "eval_strategy": "steps",
        "eval_steps": _NEVER,
        "eval_on_start": evaluate_base,
        "save_strategy": "steps",
        "save_steps": _NEVER,
        "save_total_limit": 1,  # beside that of the best step
        "logging_strategy": "steps",
        "logging_steps": _NEVER,
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": model.device.type == "cpu",
        "bf16": brain_float,
        "fp16": graphics and not brain_float,
        "dataloader_pin_memory": graphics,
    }


def _prompts(base: Model, rows: TrainingRows) -> dict[str, str]:
    """By column, as the base model is used in searches."""
    texts = (name for name, column in rows.columns.items() if name != QUERY and isinstance(column[0], str))
    products = dict.fromkeys(texts, base.document_prompt) if base.document_prompt else {}
    return {QUERY: base.query_prompt, **products}


class OfCheckpoints:
    """What the library's trainers do otherwise here; stands before one of them among the bases."""

    def add_model_card_callback(self, *_: Any) -> None:
        """Add none: it would count the tokens of all texts first."""

    def model_of(self: Any, checkpoint: Path) -> Any | None:
        """The model with the weights of a checkpoint; None without one, which is where the base model is the best."""
        if not checkpoint.exists():
            return None
        self._load_from_checkpoint(str(checkpoint))
        return self.model


class _Trainer(OfCheckpoints, SentenceTransformerTrainer):
    pass


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

    def __init__(self, recipe: Recipe, *, progress: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._base, self._validation, self._progress = recipe.base, recipe.validation, progress
        self.primary_metric = "ndcg"

    def __call__(self, model: Any, *_: Any, **__: Any) -> dict[str, float]:
        encode = partial(encoded, model, what="evaluating", progress=self._progress)
        queries = encode(self._validation.queries, self._base.query_prompt)
        texts = encode(self._validation.texts, self._base.document_prompt)
        return self._validation.measure(queries, texts)


class Follower(TrainerCallback):  # type: ignore[misc]  # its types are not read
    """Says when to evaluate, save and stop, and which step is the best; shows progress. What it knows is in the log.

    The library's own early stopping and best model begin with the first evaluation after a step: they do not know that
    the base model may be the best, and that patience counts from it. Its evaluations are so many steps apart, which two
    an epoch are not.
    """

    def __init__(self, patience: int, folder: Path, seconds: Callable[[], float], *, progress: bool) -> None:
        self._patience, self._folder, self.progress = patience, folder, progress
        self._seconds, self._saved_s = seconds, seconds()
        self._bar: Any = None
        self.evaluated: frozenset[int] = frozenset()
        self.began = False
        self.adapted = False
        self.parts: dict[str, float] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Show how far it is."""
        self._judge(state, control)
        self._bar = progress_bar(
            state.max_steps, "fine-tuning", "batch", shown=self.progress, initial=state.global_step
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
        """Show what has been reached."""
        self._judge(state, control)
        if self._bar is not None:
            steps = steps_in(state.log_history)
            self._bar.set_postfix_str(f"nDCG {steps[0].ndcg:.4f} -> {steps[-1].ndcg:.4f}")

    def _judge(self, state: Any, control: Any) -> None:
        """Name the step whose checkpoint the trainer is to keep, and end the training where it no longer learns."""
        if steps := steps_in(state.log_history):
            best = best_of(steps)
            state.best_global_step = steps[best].step
            if len(steps) - 1 - best >= self._patience:
                control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Mark the checkpoint as complete."""
        self._saved_s = self._seconds()
        mark_complete(checkpoint_of(self._folder, state.global_step), self._seconds())


def steps_in(history: Sequence[dict[str, Any]]) -> list[Step]:
    """List the evaluations in the trainer's log, each with the loss that was logged at its step."""
    training_losses = {entry["step"]: float(entry["loss"]) for entry in history if "loss" in entry}
    return [
        Step(
            step=entry["step"],
            epoch=round(float(entry.get("epoch") or 0.0), 4),
            loss=training_losses.get(entry["step"]),
            pearson=float(entry["eval_pearson"]),
            spearman=float(entry["eval_spearman"]),
            ndcg=float(entry["eval_ndcg"]),
        )
        for entry in history
        if "eval_ndcg" in entry
    ]


def best_of(steps: Sequence[Step]) -> int:
    """Find the first evaluation with the highest nDCG."""
    return max(range(len(steps)), key=lambda at: (steps[at].ndcg, -at))

"""What follows a training: when to evaluate, save and stop, which model is kept, and how far it is."""

from __future__ import annotations

import math
import shutil
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from relevance.embeddings.folder import read_folder
from relevance.errors import CouldNotRunError
from relevance.finetune.record import Step
from relevance.finetune.store import mark_complete
from relevance.progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from relevance.finetune.recipe import Recipe

__all__ = ["Clock", "Follower", "best_of", "steps_in"]

_SAVED_EVERY_S = 60.0


class Clock:
    """How long the training took, also in earlier processes."""

    def __init__(self, now: Callable[[], float], before: float) -> None:
        self.now = now
        self._since = now() - before

    def seconds(self) -> float:
        """So far."""
        return self.now() - self._since


class Follower(TrainerCallback):
    """Says when to evaluate, save and stop; keeps the best model; shows progress. What it knows is in the log."""

    def __init__(self, recipe: Recipe, folder: Path, transformer: Any, clock: Clock, *, progress: bool) -> None:
        self._recipe = recipe
        self.folder = folder
        self._transformer = transformer
        self._clock = clock
        self._saved = clock.now()
        self._progress = progress
        self._evaluated: frozenset[int] = frozenset()
        self._best = 0
        self._bar: Any = None
        self.began = False

    def plan(self, batches_an_epoch: int, epochs: int) -> None:
        """Evaluate after every half epoch, and at the end."""
        self._evaluated = frozenset(round(half * batches_an_epoch / 2) for half in range(1, 2 * epochs + 1))

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002 - the library's
        """Show how far it is."""
        if steps := steps_in(state.log_history):
            self._best = steps[best_of(steps)].step
        self._bar = progress_bar(
            state.max_steps, "fine-tuning", "batch", shown=self._progress, initial=state.global_step
        )

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002 - the library's
        """Leave the last state of the bar on the terminal."""
        self._bar.close()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002 - the library's
        """Evaluate and save where it is time."""
        self.began = True
        self._bar.update(1)
        if state.global_step in self._evaluated:
            control.should_log = control.should_evaluate = control.should_save = True
        elif self._clock.now() - self._saved > _SAVED_EVERY_S:
            control.should_save = True

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:  # noqa: ARG002
        """Refuse to go on with a loss that is no number."""
        for name in ("loss", "eval_ndcg"):
            if not math.isfinite((logs or {}).get(name, 0.0)):
                rule = "allowed: a lower learning rate, or another base model"
                raise CouldNotRunError(f"fine-tuning: the loss is not a number at step {state.global_step}; {rule}")

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002 - the library's
        """Keep the model where it is the best so far; stop where it no longer learns."""
        steps = steps_in(state.log_history)
        best = best_of(steps)
        self._best = steps[best].step
        self._bar_text(steps)
        if best == len(steps) - 1:
            self._keep(steps[best].step)
        elif len(steps) - 1 - best >= self._recipe.options.patience:
            control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002 - the library's
        """Mark the checkpoint as complete, and drop the models that were the best before."""
        self._saved = self._clock.now()
        best = self.folder / f"best-{self._best}"
        for other in self.folder.glob("best-*"):
            if other != best:
                shutil.rmtree(other, ignore_errors=True)
        mark_complete(self.folder / f"checkpoint-{state.global_step}", self._clock.seconds())

    def _bar_text(self, steps: Sequence[Step]) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(f"nDCG {steps[0].ndcg:.4f} -> {steps[-1].ndcg:.4f}")

    def _keep(self, step: int) -> None:
        """Write the model beside its place, then move it there."""
        made, place = self.folder / ".writing", self.folder / f"best-{step}"
        shutil.rmtree(made, ignore_errors=True)
        transformer, base = self._transformer, self._recipe.base
        cut, prompts = transformer.max_seq_length, dict(transformer.prompts)
        transformer.max_seq_length = read_folder(base.path).max_tokens or base.max_tokens
        transformer.prompts = {**prompts, "query": base.prompt}
        try:
            transformer.save_pretrained(str(made), create_model_card=False, safe_serialization=True)
        finally:
            transformer.max_seq_length, transformer.prompts = cut, prompts
        shutil.rmtree(place, ignore_errors=True)
        made.rename(place)


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

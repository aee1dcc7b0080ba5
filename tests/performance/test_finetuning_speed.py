"""Our recipe of fine-tuning against the reference's: the time until the validation's nDCG@10 is the same.

Both train the packaged model on one slice of Home Depot's pairs, judged by one validation, in one process. The
reference: batches of 16, ten epochs, no stop, texts as long as the model takes. Nothing is asserted of times.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING

import pytest

from relevance import datasets, embeddings
from relevance.finetune import Options
from relevance.finetune.pairs import SPLIT_SEED, build_pairs
from relevance.finetune.recipe import Recipe, Validation, make_validation

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    from helpers.tables import Show

    from relevance.finetune.recipe import Curve

SLICE, DISTRACTORS = 960, 500
REFERENCE = Options(epochs=10, batch_size=16, max_tokens=256, patience=1_000)
SHARE = 0.5
TITLE = f"seconds until the validation's nDCG@10 is the same ({SLICE} pairs of Home Depot, all-MiniLM-L6-v2)"


@dataclass(frozen=True, eq=False)
class Timed(Validation):
    """A validation that knows when it was asked."""

    times: list[float] = field(default_factory=list)

    def measure(self, queries: npt.NDArray[np.float32], products: npt.NDArray[np.float32]) -> dict[str, float]:
        """Score, and look at the clock."""
        found = super().measure(queries, products)
        self.times.append(perf_counter())
        return found


def reached(curve: Curve, times: list[float], ndcg: float) -> float | None:
    """Seconds from the evaluation before the training to the first that reaches it; None where none does."""
    at = next((at for at, step in enumerate(curve.steps) if step.ndcg >= ndcg), None)
    return None if at is None else times[at] - times[0]


@pytest.mark.needs("data", "model")
def test_against_the_reference_recipe(tmp_path: Path, shared_data: Path, show: Show) -> None:
    """Ours with its defaults; the goal is the best nDCG@10 that it reaches."""
    from relevance.finetune.loop import run  # noqa: PLC0415 - imports torch

    source = datasets.parse(f"homedepot:{shared_data / 'homedepot'}")
    dataset = datasets.load(source)
    pairs = build_pairs(datasets.load_pairs(source), dataset, drop_unknown=False)
    pairs = replace(pairs, train=pairs.train[:SLICE])
    made = make_validation(pairs, dataset.catalogue, seed=SPLIT_SEED, distractors=DISTRACTORS)
    base = embeddings.resolve()
    rows: dict[str, tuple[Curve, list[float]]] = {}
    for name, options in (("ours", Options()), ("reference", REFERENCE)):
        validation = Timed(**{part: getattr(made, part) for part in Validation.__dataclass_fields__})
        recipe = Recipe(base, pairs, validation, options, dataset.name)
        rows[name] = (run(recipe, tmp_path / name, progress=False, notes=[]), validation.times)
    goal = max(step.ndcg for step in rows["ours"][0].steps)
    seconds = {name: reached(curve, times, goal) for name, (curve, times) in rows.items()}
    ours = seconds["ours"]
    assert ours is not None
    for name, (curve, times) in rows.items():
        taken, whole = seconds[name], times[-1] - times[0]
        share = ours / (whole if taken is None else taken)
        show(
            TITLE,
            {
                "recipe": name,
                "before": curve.steps[0].ndcg,
                "best": max(step.ndcg for step in curve.steps),
                "goal": goal,
                "reached after": "never" if taken is None else taken,
                "whole training": whole,
                "ours takes of it": share,
                f"target <= {SHARE}": "" if name == "ours" else "met" if share <= SHARE else "SHORT",
            },
        )

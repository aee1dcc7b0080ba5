"""Our recipe of fine-tuning against the reference's: the time until the validation's nDCG@10 is the same.

Both train the packaged model on one slice of Home Depot's pairs, judged by one validation, in one process. The
reference: batches of 16, ten epochs, no stop, texts as long as the model takes. Nothing is asserted of times.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from helpers.tables import Show

from relevance import datasets, embeddings
from relevance.finetune import Options
from relevance.finetune.pairs import SPLIT_SEED, build_pairs
from relevance.finetune.recipe import Curve, Recipe, Validation, make_validation

SLICE, DISTRACTORS, SHARE = 960, 500, 0.5
RECIPES = {"ours": Options(), "reference": Options(epochs=10, batch_size=16, max_tokens=256, patience=1_000)}
TITLE = f"seconds until the validation's nDCG@10 is the same ({SLICE} pairs of Home Depot, all-MiniLM-L6-v2)"


@dataclass(frozen=True, eq=False)
class Timed(Validation):
    """A validation that knows when it was asked."""

    times: list[float] = field(default_factory=list)

    def measure(self, queries: Any, products: Any) -> dict[str, float]:
        scores = super().measure(queries, products)
        self.times.append(perf_counter())
        return scores


def reached(curve: Curve, times: list[float], ndcg: float) -> float | None:
    """Seconds from the evaluation before the training to the first that reaches it; None where none does."""
    return next((at - times[0] for step, at in zip(curve.steps, times, strict=False) if step.ndcg >= ndcg), None)


@pytest.mark.needs("data", "model")
def test_against_the_reference_recipe(tmp_path: Path, shared_data: Path, show: Show) -> None:
    from relevance.finetune.loop import run  # noqa: PLC0415 - imports torch

    source = datasets.parse(f"homedepot:{shared_data / 'homedepot'}")
    dataset = datasets.load(source)
    pairs = build_pairs(datasets.load_pairs(source), dataset, drop_unknown=False)
    pairs = replace(pairs, train=pairs.train[:SLICE])
    held_out = make_validation(pairs, dataset.catalogue, seed=SPLIT_SEED, distractors=DISTRACTORS)
    parts = {part.name: getattr(held_out, part.name) for part in fields(Validation)}
    trained: dict[str, tuple[Curve, list[float]]] = {}
    for name, options in RECIPES.items():
        validation = Timed(**parts)
        recipe = Recipe(embeddings.resolve(), pairs, validation, options, dataset.name)
        trained[name] = (run(recipe, tmp_path / name, progress=False, notes=[]), validation.times)
    goal = max(step.ndcg for step in trained["ours"][0].steps)  # the best that ours reaches
    ours = reached(*trained["ours"], goal)
    assert ours is not None
    for name, (curve, times) in trained.items():
        taken, whole = reached(curve, times, goal), times[-1] - times[0]
        share = ours / (taken or whole)
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

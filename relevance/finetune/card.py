"""The model card of a fine-tuned model: data, options, scores, split and licence, in Markdown."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING

from relevance.finetune.pairs import POSITIVE, SPLIT_SEED

if TYPE_CHECKING:
    from pathlib import Path

    from relevance.finetune.recipe import Recipe
    from relevance.finetune.record import Curve

__all__ = ["card", "license_of"]

_MOST_BYTES = 1_000_000
_UNKNOWN = "not stated by the base model"


def license_of(folder: Path) -> str:
    """The licence that the card of a model names, "" where there is no card or none in it."""
    try:
        with (folder / "README.md").open("rb") as file:
            text = file.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
    head = re.match(r"---\n(.*?)\n---", text, re.DOTALL)
    found = re.search(r"^license: *([A-Za-z0-9.+_-]{1,64}) *$", head[1], re.MULTILINE) if head else None
    return found[1] if found else ""


def card(recipe: Recipe, curve: Curve) -> str:
    """The page; what it says is the same for the same recipe and curve, but for the seconds."""
    licence, pairs, best = license_of(recipe.base.path), recipe.pairs, curve.steps[curve.best]
    front = ["---", "library_name: sentence-transformers", *([f"license: {licence}"] if licence else []), "---"]
    options = [f"| {name} | {value} |" for name, value in asdict(recipe.options).items()]
    steps = [
        f"| {step.step}{' (kept)' if at == curve.best else ''} | {step.epoch:.2f} | {_loss(step.loss)} "
        f"| {step.pearson:.4f} | {step.spearman:.4f} | {step.ndcg:.4f} |"
        for at, step in enumerate(curve.steps)
    ]
    queries, held = len({pair.query for pair in pairs.train}), len({pair.query for pair in pairs.validation})
    stopped = "stopped early" if curve.stopped_early else "all epochs"
    body = [
        f"# {_escaped(recipe.base.name)}, fine-tuned on {_escaped(recipe.dataset)}",
        "",
        f"Made by relevance from what has the hash `{recipe.sha256}`. Licence of the base: {licence or _UNKNOWN}.",
        "",
        "## Data and split",
        "",
        (
            f"{len(pairs.train):,} pairs of relevance {POSITIVE:g} of {queries:,} queries were trained on, "
            f"{len(pairs.validation):,} pairs of {held:,} other queries held out (a tenth of the queries by hash, seed "
            f"{SPLIT_SEED}). {pairs.dropped_pairs:,} rated pairs of {len(pairs.dropped):,} queries were left out as "
            "a benchmark evaluates these queries. `relevance/pairs.jsonl` has every pair that the training saw."
        ),
        "",
        "## Options",
        "",
        "| option | value |",
        "| --- | --- |",
        *options,
        "",
        "## Scores on the held-out queries",
        "",
        (
            f"nDCG@10 over {len(recipe.validation.products):,} products; Pearson and Spearman of the cosine on "
            f"held-out pairs (1) and random ones (0). {curve.seconds:.0f} s, {stopped}; step {best.step} was kept."
        ),
        "",
        "| step | epoch | loss | Pearson | Spearman | nDCG@10 |",
        "| --- | --- | --- | --- | --- | --- |",
        *steps,
    ]
    return "\n".join([*front, "", *body]) + "\n"


def _loss(loss: float | None) -> str:
    return "" if loss is None else f"{loss:.4f}"


def _escaped(text: str) -> str:
    """Text of a file's or folder's name, as it may stand in a heading."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(text.split()))

"""What a static embedding is distilled from: the fine-tuned model, the catalogue and the pairs, as one hash."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from relevance.finetune.pairs import Trained, text_key
from relevance.finetune.recipe import recipe_hash
from relevance.text import markdown

if TYPE_CHECKING:
    from pathlib import Path

    from relevance.embeddings import Model
    from relevance.finetune.pairs import Pair, Pairs
    from relevance.finetune.recipe import Curve, Validation

_FORMAT = 1
"""Counts the versions of the distillation itself, as in `relevance.finetune.recipe`."""


@dataclass(frozen=True, eq=False)
class Distillation:
    """Everything that a static embedding is made of; `relevance.finetune.store.train` takes it as it takes a recipe.

    Attributes:
        base: the teacher: the fine-tuned model, or what it is to be trained from.
        teacher: hash of what the teacher is made of.
        texts: of products, whose vectors by the teacher are learned.
        pairs: those of the teacher's training; their queries' vectors are learned too.
        validation: what the model is judged by meanwhile.
        seed: of the order of texts and pairs.
        dataset: its name, for the model card.
        cache_dir: where the teacher's vectors are.
    """

    base: Model
    teacher: str
    texts: tuple[str, ...]
    pairs: Pairs
    validation: Validation
    seed: int
    dataset: str
    cache_dir: Path

    @cached_property
    def positives(self) -> tuple[Pair, ...]:
        """The pairs that are learned: those that the teacher was trained on, and what else is related to their queries.

        A static embedding has no attention that would tell the best product from a good one: more pairs teach it more.
        """
        queries = {pair.query for pair in self.pairs.train}
        return tuple(dict.fromkeys((*self.pairs.train, *(one for one in self.pairs.related if one.query in queries))))

    @cached_property
    def trained(self) -> tuple[Trained, ...]:
        """All pairs that the training sees."""
        more = (Trained(pair.query, pair.product, text_key(pair.text)) for pair in self.positives)
        return tuple(dict.fromkeys((*self.pairs.trained(graded=False), *more)))

    @property
    def ingredients(self) -> dict[str, object]:
        """What the hash is made of."""
        return {
            "format": _FORMAT,
            "distilled_from": self.teacher,
            "texts": recipe_hash(self.texts),
            "pairs": self.pairs.sha256(graded=False),
            "validation": self.validation.sha256,
            "seed": self.seed,
        }

    @property
    def sha256(self) -> str:
        """The hash under which the model is stored."""
        return recipe_hash(self.ingredients)

    def run(self, folder: Path, *, progress: bool, notes: list[str]) -> Curve:
        """Distil into `folder / "best"`; see `relevance.finetune.static.distil`."""
        from relevance.finetune.static import distil  # noqa: PLC0415 - imports torch

        return distil(self, folder, progress=progress, notes=notes)

    def card(self, curve: Curve) -> str:
        """The page that lies beside the weights."""
        made = (
            f"Made by relevance from what has the hash `{self.sha256}`: vectors of tokens, learned from the vectors "
            f"that the model `{self.teacher}` gives {len(self.texts):,} texts of products and the queries of "
            f"{len(self.positives):,} pairs of {markdown(self.dataset)}, and then from these pairs. "
            "`relevance/pairs.jsonl` has every pair that the training saw.\n"
        )
        scores = (
            f"Scores on the held-out queries over {len(self.validation.products):,} products; {curve.seconds:.0f} s; "
            f"step {curve.steps[curve.best].step:,} was kept.\n"
        )
        rows = (f"| {one.step:,} | {one.pearson:.4f} | {one.spearman:.4f} | {one.ndcg:.4f} |" for one in curve.steps)
        lines = (
            "---\nlibrary_name: sentence-transformers\n---\n",
            f"# A static embedding distilled from {markdown(self.base.name)}\n",
            made,
            scores,
            "| step | Pearson | Spearman | nDCG@10 |\n| --- | --- | --- | --- |",
            *rows,
        )
        return "\n".join(lines) + "\n"

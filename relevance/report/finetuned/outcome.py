"""What a fine-tuning was and what it gained, as lines for the terminal and as facts for the report."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from relevance.finetune import estimated_seconds
from relevance.report.check import duration
from relevance.report.finetuned.facts import Facts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from relevance.finetune.changes import Comparison, Gain
    from relevance.suite.finetuning import FineTuning, Training

__all__ = ["facts", "outcome_lines", "training_lines"]


def training_lines(trainings: Sequence[Training]) -> list[str]:
    """What will be trained, and how long it may take."""
    recipe = trainings[0].recipe
    pairs, validation = recipe.pairs, recipe.validation
    queries = len({pair.query for pair in pairs.train})
    held = len({pair.query for pair in pairs.validation})
    trained = f"{len(pairs.train):,} pairs of {queries:,} queries to train on"
    judged = (
        f"{len(pairs.validation):,} of {held:,} others to validate with, over {len(validation.products):,} products"
    )
    lines = [f"{recipe.dataset}: {trained}, {judged}"]
    notes = () if trainings[0].plan.finetuned is None else trainings[0].plan.finetuned.notes
    lines += [f"note: {note}" for note in notes]
    missing = [one for one in trainings if one.plan.finetuned is not None and not one.plan.finetuned.trained]
    took = duration(len(missing) * estimated_seconds(recipe))
    of = f"{len(missing)} of {len(trainings)} models" if len(trainings) > 1 else "the model"
    return [*lines, f"{of} to be trained: about {took} on two CPU cores" if missing else f"{of} is there already"]


def facts(found: FineTuning) -> Facts:
    """What the report says of data, options and model."""
    recipe, leaks = found.trainings[0].recipe, found.finetuned.leaks
    pairs = recipe.pairs
    counts = {
        "training pairs": len(pairs.train),
        "validation pairs": len(pairs.validation),
        "rated pairs dropped because the benchmark evaluates their query": pairs.dropped_pairs,
        "pairs of products without a title, dropped": pairs.unknown,
    }
    notes = list(found.finetuned.notes)
    if leaks is not None:
        counts["trained products that are indexed"] = len(leaks.shared_products)
        counts["trained queries nearly equal to an evaluated one"] = len(leaks.near_queries)
        notes += [f"near: {trained!r} was trained on, {other!r} is evaluated" for trained, other in leaks.near_queries]
    return Facts(
        dataset=recipe.dataset,
        base=recipe.base.name,
        model=str(found.stored[0].path),
        counts=counts,
        options={name: value for name, value in asdict(recipe.options).items() if name != "seed"},
        seeds=tuple(each.seed for each in found.trainings),
        notes=tuple(notes),
    )


def outcome_lines(found: FineTuning) -> list[str]:
    """How each training went, and what the strategies gained with its interval."""
    lines = []
    for training, stored in zip(found.trainings, found.stored, strict=True):
        first, best, last = stored.curve.steps[0], stored.curve.steps[stored.curve.best], stored.curve.steps[-1]
        end = ", stopped early" if stored.curve.stopped_early else ""
        lines.append(
            f"seed {training.seed}: validation nDCG@10 {first.ndcg:.4f} -> {best.ndcg:.4f} at step {best.step} of "
            f"{last.step}, {duration(stored.curve.seconds)}{end}; {stored.path}"
        )
    for one in found.changes.comparisons:
        lines += _comparison(one)
    return lines


def _comparison(one: Comparison) -> Iterator[str]:
    gain = one.over_seeds
    yield f"{one.tuned} against {one.base}, NDCG: {gain.base:.4f} -> {gain.tuned:.4f}, {_gain(gain)}"
    if len(one.seeds) > 1:
        values = [each.tuned for each in one.seeds]
        yield f"  over {len(values)} seeds {min(values):.4f} to {max(values):.4f}"


def _gain(gain: Gain) -> str:
    """The gain in percent of the base, never without its interval."""
    if gain.interval is None or not gain.base:
        return "gain without an interval: not shown"
    share, low, high = (100 * value / gain.base for value in (gain.difference, *gain.interval))
    return f"gain {share:+.1f}% (95% interval over queries {low:+.1f}% to {high:+.1f}%)"

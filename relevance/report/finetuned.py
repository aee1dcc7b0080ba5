"""The report on a fine-tuning: a folder with an index page, pictures and CSV files, and lines for the terminal."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from relevance.files import csv_text
from relevance.finetune.changes import LEVEL, label_correlations, label_groups
from relevance.finetune.recipe import estimated_seconds
from relevance.report import charts
from relevance.report.pages import page
from relevance.text import duration, plural, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pandas as pd

    from relevance.finetune.changes import Changes, Comparison, Gain
    from relevance.suite.finetuning import FineTuning, Training

_SHOWN_NOTES = 10  # on the page


def report_files(done: FineTuning) -> Mapping[str, str | bytes]:
    """The files of the report by name: the page, its tables whole as CSV, and its pictures."""
    changes, leaks, recipe = done.changes, done.finetuned.leaks, done.trainings[0].recipe
    seeds = [each.seed for each in done.trainings]
    near = leaks.near_queries if leaks else ()
    groups = label_groups(changes.pairs)
    similarity = "dot product" if recipe.base.similarity == "dot" else "cosine"
    notes = [*done.finetuned.notes, *(f"near: {own!r} was trained on, {other!r} is evaluated" for own, other in near)]
    index = page(
        "finetuned",
        recipe=recipe,
        model=str(done.stored[0].path),
        leaks=leaks,
        options={name: value for name, value in asdict(recipe.options).items() if name != "seed"},
        seeds=seeds,
        notes=notes,
        most_notes=_SHOWN_NOTES,
        changes=changes,
        level=f"{LEVEL:.0%}",
        whiskers=[f"{share:.0%}" for share in charts.WHISKERS],
        correlations=label_correlations(changes.pairs),
        groups=groups,
        similarity=similarity,
    )
    means = ("base_mean", "tuned_mean", "difference", "interval_low", "interval_high")
    scores = ("ndcg10_before", "ndcg10_after", "change")
    column = similarity.replace(" ", "_")
    standing = (f"{column}_before", f"{column}_after", "standing_before", "standing_after", "gain")
    files: dict[str, str | bytes] = {
        "index.md": index,
        "training.csv": csv_text(
            ("seed", "step", "epoch", "loss", "pearson", "spearman", "ndcg10", "chosen"), _training_rows(changes, seeds)
        ),
        "comparison.csv": csv_text(("base", "tuned", "seed", "metric", *means), _gain_rows(changes, seeds)),
        "queries.csv": csv_text(("base", "tuned", "query_id", "query", *scores), _query_rows(changes.comparisons)),
        "pairs.csv": csv_text(("query", "product", "title", "label", "relevant", *standing), _pair_rows(changes.pairs)),
        "curve.png": charts.png(charts.curve_figure, changes.curves[0]),
    }
    if len(notes) > _SHOWN_NOTES:
        files["notes.txt"] = "".join(f"{' '.join(note.split())}\n" for note in notes)
    if len(changes.curves) > 1:
        files["seeds.png"] = charts.png(charts.band_figure, changes.curves)
    if changes.comparisons:
        files["queries.png"] = charts.png(charts.queries_figure, changes.comparisons)
    if groups:
        files["similarity-boxes.png"] = charts.png(partial(charts.boxes_figure, similarity=similarity), groups)
        files["similarity-densities.png"] = charts.png(partial(charts.densities_figure, similarity=similarity), groups)
    return files


def _training_rows(changes: Changes, seeds: Sequence[int]) -> Iterator[Sequence[float | None]]:
    """An evaluation of each seed's training; `chosen` is 1 for the step that was kept."""
    for seed, curve in zip(seeds, changes.curves, strict=True):
        for at, one in enumerate(curve.steps):
            chosen = int(at == curve.best)
            yield seed, one.step, float(one.epoch), one.loss, one.pearson, one.spearman, one.ndcg, chosen


def _gain_rows(changes: Changes, seeds: Sequence[int]) -> Iterator[Sequence[str | float | None]]:
    """A metric of the model that is kept (the first seed's), then nDCG@10 of the other seeds and of all."""
    for one in changes.comparisons:
        labelled = [(str(seeds[0]), gain) for gain in one.gains]
        labelled += [(str(seed), gain) for seed, gain in zip(seeds[1:], one.seeds[1:], strict=True)]
        labelled += [("all", one.over_seeds)] if len(seeds) > 1 else []
        for seed, gain in labelled:
            means = (gain.base, gain.tuned, gain.difference, *(gain.interval or (None, None)))
            yield one.base, one.tuned, seed, str(gain.metric), *means


def _query_rows(comparisons: Sequence[Comparison]) -> Iterator[Sequence[str | float]]:
    """A judged query of each comparison, from the largest gain to the largest loss."""
    for one in comparisons:
        for query in one.queries:
            yield one.base, one.tuned, *query


def _pair_rows(pairs: pd.DataFrame) -> Iterator[Sequence[str | float]]:
    """A judged pair, from the largest gain to the largest loss."""
    rows: Iterable[Any] = pairs.itertuples(index=False)
    for row in rows:
        label = int(row.label) if float(row.label).is_integer() else row.label
        standing = (row.cosine_before, row.cosine_after, row.standing_before, row.standing_after, row.gain)
        yield row.query, row.product, row.title, label, int(row.relevant), *standing


def training_lines(trainings: Sequence[Training]) -> list[str]:
    """What will be trained, and how long it may take."""
    recipe = trainings[0].recipe
    train, validation = recipe.pairs.train, recipe.pairs.validation
    queries = plural(len({pair.query for pair in train}), "query")
    others = plural(len({pair.query for pair in validation}), "other")
    over = plural(len(recipe.validation.products), "product")
    side = f"{recipe.dataset}: {plural(len(train), 'pair')} of {queries} to train on"
    lines = [f"{side}, {len(validation):,} of {others} to validate with, over {over}"]
    plans = [one.plan.finetuned for one in trainings if one.plan.finetuned is not None]
    lines += [f"note: {note}" for note in plans[0].notes] if trainings[0].plan.finetuned else []
    missing = sum(not one.trained for one in plans)
    of = f"{missing} of {len(trainings)} models" if len(trainings) > 1 else "the model"
    took = duration(missing * estimated_seconds(recipe))
    lines.append(f"{of} to be trained: about {took} on two CPU cores" if missing else f"{of} is there already")
    return [printable(line) for line in lines]


def outcome_lines(done: FineTuning) -> list[str]:
    """How each training went, and what the strategies gained with its interval."""
    lines = []
    for training, stored in zip(done.trainings, done.stored, strict=True):
        curve = stored.curve
        first, best, last = curve.steps[0], curve.steps[curve.best], curve.steps[-1]
        end = ", stopped early" if curve.stopped_early else ""
        lines.append(
            f"seed {training.seed}: validation nDCG@10 {first.ndcg:.4f} -> {best.ndcg:.4f} at step {best.step} of "
            f"{last.step}, {duration(curve.seconds)}{end}; {stored.path}"
        )
    for one in done.changes.comparisons:
        gain = one.over_seeds
        lines.append(f"{one.tuned} against {one.base}, NDCG: {gain.base:.4f} -> {gain.tuned:.4f}, {_gain(gain)}")
        if len(one.seeds) > 1:
            values = [each.tuned for each in one.seeds]
            lines.append(f"  over {len(values)} seeds {min(values):.4f} to {max(values):.4f}")
    return lines


def _gain(gain: Gain) -> str:
    """The gain in percent of the base, never without its interval."""
    if gain.interval is None or not gain.base:
        return "gain without an interval: not shown"
    share, low, high = (100 * value / gain.base for value in (gain.difference, *gain.interval))
    return f"gain {share:+z.1f}% (95% interval over queries {low:+z.1f}% to {high:+z.1f}%)"

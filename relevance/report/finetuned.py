"""The report on a fine-tuning: a folder with an index page, pictures and CSV files, and lines for the terminal."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from relevance.files import csv_text
from relevance.finetune.changes import LEVEL, WHISKERS
from relevance.finetune.recipe import estimated_seconds
from relevance.report import charts
from relevance.report.pages import page
from relevance.text import duration, plural, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from relevance.finetune.changes import Comparison, Gain, PairChanges
    from relevance.finetune.recipe import Curve
    from relevance.suite.finetuning import FineTuning, Training

_SHOWN_NOTES = 10  # on the page


def report_files(done: FineTuning) -> Mapping[str, str | bytes]:
    """The files of the report by name."""
    changes, seeds, notes = done.changes, [each.seed for each in done.trainings], _notes(done)
    files: dict[str, str | bytes] = {
        "index.md": index_page(done),
        "training.csv": training_csv(changes.curves, seeds),
        "comparison.csv": comparison_csv(changes.comparisons, seeds),
        "queries.csv": queries_csv(changes.comparisons),
        "pairs.csv": pairs_csv(changes.pairs),
        "curve.png": charts.curve_picture(changes.curves[0]),
    }
    if len(notes) > _SHOWN_NOTES:
        files["notes.txt"] = "".join(f"{' '.join(note.split())}\n" for note in notes)
    if len(changes.curves) > 1:
        files["seeds.png"] = charts.band_picture(changes.curves)
    if changes.comparisons:
        files["queries.png"] = charts.queries_picture(changes.comparisons)
    if len(changes.pairs.pairs):
        files["similarity-boxes.png"] = charts.box_picture(changes.pairs.groups)
        files["similarity-densities.png"] = charts.density_picture(changes.pairs.groups)
    return files


def index_page(done: FineTuning) -> str:
    """The page; its pictures and CSV files lie beside it."""
    recipe = done.trainings[0].recipe
    return page(
        "finetuned",
        recipe=recipe,
        model=str(done.stored[0].path),
        leaks=done.finetuned.leaks,
        options={name: value for name, value in asdict(recipe.options).items() if name != "seed"},
        seeds=[each.seed for each in done.trainings],
        notes=_notes(done),
        most_notes=_SHOWN_NOTES,
        changes=done.changes,
        level=f"{LEVEL:.0%}",
        whiskers=[f"{share:.0%}" for share in WHISKERS],
    )


def _notes(done: FineTuning) -> list[str]:
    near = done.finetuned.leaks.near_queries if done.finetuned.leaks else ()
    also = [f"near: {trained!r} was trained on, {other!r} is evaluated" for trained, other in near]
    return [*done.finetuned.notes, *also]


def training_csv(curves: Sequence[Curve], seeds: Sequence[int]) -> str:
    """A row an evaluation of each seed's training; `chosen` is 1 for the step that was kept."""
    rows = (
        (seed, one.step, float(one.epoch), one.loss, one.pearson, one.spearman, one.ndcg, int(at == curve.best))
        for seed, curve in zip(seeds, curves, strict=True)
        for at, one in enumerate(curve.steps)
    )
    return csv_text(("seed", "step", "epoch", "loss", "pearson", "spearman", "ndcg10", "chosen"), rows)


def comparison_csv(comparisons: Sequence[Comparison], seeds: Sequence[int]) -> str:
    """A row a metric of the model that is kept (the first seed's), then nDCG@10 of the other seeds and of all."""

    def rows() -> Iterator[Sequence[str | float | None]]:
        for one in comparisons:
            labelled = [(str(seeds[0]), gain) for gain in one.gains]
            labelled += [(str(seed), gain) for seed, gain in zip(seeds[1:], one.seeds[1:], strict=True)]
            labelled += [("all", one.over_seeds)] if len(seeds) > 1 else []
            for seed, gain in labelled:
                interval = gain.interval or (None, None)
                numbers = (gain.base, gain.tuned, gain.difference, *interval)
                yield one.base, one.tuned, seed, str(gain.metric), *numbers

    head = ("base", "tuned", "seed", "metric", "base_mean", "tuned_mean", "difference", "interval_low", "interval_high")
    return csv_text(head, rows())


def queries_csv(comparisons: Sequence[Comparison]) -> str:
    """A row a judged query of each comparison, from the largest gain to the largest loss."""
    rows = (
        (one.base, one.tuned, query.query, query.text, query.before, query.after, query.change)
        for one in comparisons
        for query in one.queries
    )
    return csv_text(("base", "tuned", "query_id", "query", "ndcg10_before", "ndcg10_after", "change"), rows)


def pairs_csv(changes: PairChanges) -> str:
    """A row a judged pair, from the largest gain to the largest loss."""

    def label(value: float) -> float:
        return int(value) if value.is_integer() else value

    pairs = changes.pairs
    columns = (pairs.base, pairs.tuned, changes.base_standing, changes.tuned_standing, changes.gain)
    rows = (
        (
            pairs.queries[row],
            pairs.products[row],
            pairs.titles[row],
            label(float(pairs.labels[row])),
            int(pairs.relevant[row]),
            *(float(column[row]) for column in columns),
        )
        for row in changes.order.tolist()
    )
    numbers = ("cosine_before", "cosine_after", "standing_before", "standing_after", "gain")
    return csv_text(("query", "product", "title", "label", "relevant", *numbers), rows)


def training_lines(trainings: Sequence[Training]) -> list[str]:
    """What will be trained, and how long it may take."""
    recipe = trainings[0].recipe
    pairs, validation = recipe.pairs, recipe.validation
    training = plural(len({pair.query for pair in pairs.train}), "query")
    others = plural(len({pair.query for pair in pairs.validation}), "other")
    over = plural(len(validation.products), "product")
    pairs_line = f"{recipe.dataset}: {plural(len(pairs.train), 'pair')} of {training} to train on"
    lines = [f"{pairs_line}, {len(pairs.validation):,} of {others} to validate with, over {over}"]
    finetuned = trainings[0].plan.finetuned
    lines += [] if finetuned is None else [f"note: {note}" for note in finetuned.notes]
    missing = [one for one in trainings if one.plan.finetuned is not None and not one.plan.finetuned.trained]
    of = f"{len(missing)} of {len(trainings)} models" if len(trainings) > 1 else "the model"
    took = duration(len(missing) * estimated_seconds(recipe))
    lines.append(f"{of} to be trained: about {took} on two CPU cores" if missing else f"{of} is there already")
    return [printable(line) for line in lines]


def outcome_lines(done: FineTuning) -> list[str]:
    """How each training went, and what the strategies gained with its interval."""
    lines = []
    for training, stored in zip(done.trainings, done.stored, strict=True):
        first, best, last = stored.curve.steps[0], stored.curve.steps[stored.curve.best], stored.curve.steps[-1]
        end = ", stopped early" if stored.curve.stopped_early else ""
        lines.append(
            f"seed {training.seed}: validation nDCG@10 {first.ndcg:.4f} -> {best.ndcg:.4f} at step {best.step} of "
            f"{last.step}, {duration(stored.curve.seconds)}{end}; {stored.path}"
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
    return f"gain {share:+.1f}% (95% interval over queries {low:+.1f}% to {high:+.1f}%)"

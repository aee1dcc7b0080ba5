"""The report on a fine-tuning: a folder with an index page, pictures and CSV files, and lines for the terminal."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from relevance.files import csv_text
from relevance.finetune import estimated_seconds
from relevance.finetune.changes import LEVEL, WHISKERS
from relevance.report import charts
from relevance.report.check import duration
from relevance.report.pages import page
from relevance.text import plural, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from relevance.finetune.changes import Changes, Comparison, Gain, PairChanges
    from relevance.finetune.recipe import Curve
    from relevance.suite.finetuning import FineTuning, Training

_SHOWN_NOTES = 10  # on the page


@dataclass(frozen=True)
class Facts:
    """What was trained on what.

    Attributes:
        dataset: name of the data set.
        base: name of the model that was trained.
        model: where the fine-tuned model is, or the hash under which it is stored.
        counts: what went into training and what was dropped, by what it counts: `training pairs`.
        options: of the training, by name.
        seeds: of the trainings; the model of the first is kept.
        notes: further lines: near queries, shared products, pairs without a title.
    """

    dataset: str
    base: str
    model: str
    counts: Mapping[str, int]
    options: Mapping[str, str | float]
    seeds: tuple[int, ...]
    notes: tuple[str, ...] = ()


def report_files(facts: Facts, changes: Changes) -> Mapping[str, str | bytes]:
    """The files of the report by name.

    Raises:
        ValueError: there is no training, or seeds, curves and evaluations differ in number.
    """
    numbers = {len(facts.seeds), len(changes.curves), *(len(one.seeds) for one in changes.comparisons)}
    if len(numbers) > 1 or not changes.curves:
        raise ValueError(f"seeds, curves and evaluations: {sorted(numbers)}; as many of each are needed, one or more")
    files: dict[str, str | bytes] = {
        "index.md": index_page(facts, changes),
        "training.csv": training_csv(changes.curves, facts.seeds),
        "comparison.csv": comparison_csv(changes.comparisons, facts.seeds),
        "queries.csv": queries_csv(changes.comparisons),
        "pairs.csv": pairs_csv(changes.pairs),
        "curve.png": charts.curve_picture(changes.curves[0]),
    }
    if len(facts.notes) > _SHOWN_NOTES:
        files["notes.txt"] = "".join(f"{' '.join(note.split())}\n" for note in facts.notes)
    if len(changes.curves) > 1:
        files["seeds.png"] = charts.band_picture(changes.curves)
    if changes.comparisons:
        files["queries.png"] = charts.queries_picture(changes.comparisons)
    if len(changes.pairs.pairs):
        files["similarity-boxes.png"] = charts.box_picture(changes.pairs.groups)
        files["similarity-densities.png"] = charts.density_picture(changes.pairs.groups)
    return files


def index_page(facts: Facts, changes: Changes) -> str:
    """The page; its pictures and CSV files lie beside it."""
    whiskers = [f"{share:.0%}" for share in WHISKERS]
    return page("finetuned", facts=facts, changes=changes, level=f"{LEVEL:.0%}", whiskers=whiskers)


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


def facts(done: FineTuning) -> Facts:
    """What the report says of data, options and model."""
    recipe, leaks = done.trainings[0].recipe, done.finetuned.leaks
    pairs = recipe.pairs
    counts = {
        "training pairs": len(pairs.train),
        "validation pairs": len(pairs.validation),
        "rated pairs dropped because the benchmark evaluates their query": pairs.dropped_pairs,
        "pairs of products without a title, dropped": pairs.unknown,
    }
    notes = list(done.finetuned.notes)
    if leaks is not None:
        counts["trained products that are indexed"] = len(leaks.shared_products)
        counts["trained queries nearly equal to an evaluated one"] = len(leaks.near_queries)
        notes += [f"near: {trained!r} was trained on, {other!r} is evaluated" for trained, other in leaks.near_queries]
    return Facts(
        dataset=recipe.dataset,
        base=recipe.base.name,
        model=str(done.stored[0].path),
        counts=counts,
        options={name: value for name, value in asdict(recipe.options).items() if name != "seed"},
        seeds=tuple(each.seed for each in done.trainings),
        notes=tuple(notes),
    )


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

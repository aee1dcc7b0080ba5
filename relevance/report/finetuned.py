"""The report on a fine-tuning: a folder with a page, the same in words, CSV files; and lines for the terminal."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from relevance.files import csv_text
from relevance.finetune.changes import LEVEL, label_correlations, label_groups
from relevance.finetune.choosing import Difference
from relevance.finetune.recipe import estimated_seconds
from relevance.finetune.reranker import USED
from relevance.report.page.finetuned import comparisons_of, curves_of, finetuned_page, pairs_of, recipes_of
from relevance.report.pages import page
from relevance.report.results import PAGE
from relevance.setting import text_of
from relevance.suite.finetuning import CONDENSED_FROM
from relevance.text import Line, duration, narrow_table, plural, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pandas as pd

    from relevance.finetune.changes import Comparison, Gain
    from relevance.finetune.choosing import Choice
    from relevance.finetune.forecast import Forecast
    from relevance.finetune.recipe import Curve, Recipe
    from relevance.finetune.reranker import RerankerRecipe
    from relevance.suite.finetuning import FineTuning, Reranked, Training
    from relevance.suite.recipes import Recipes

_SHOWN_NOTES = 10  # in the index


def report_files(done: FineTuning) -> Mapping[str, str | bytes]:
    """The files of the report by name: the page, its tables whole as CSV, and the same in words."""
    changes, recipe = done.changes, done.trainings[0].recipe
    leaks = done.finetuned.leaks
    seeds = [each.seed for each in done.trainings]
    near = leaks.near_queries if leaks else ()
    similarity = "dot product" if recipe.base.similarity == "dot" else "cosine"
    notes = [*done.finetuned.notes, *(f"near: {own!r} was trained on, {other!r} is evaluated" for own, other in near)]
    came = None if done.forecast is None else came_line(done.forecast, changes.curves).replace("->", "→")
    choice_lines = [] if done.choice is None else _choice_lines(done.choice)
    facts = _facts(done, seeds)
    payload = {
        "dataset": recipe.dataset,
        "sides": ("Base", "Fine-tuned"),
        **comparisons_of(changes.comparisons, seeds),
        "curves": curves_of(changes.curves, seeds),
        "recipes": None if done.choice is None else recipes_of(done.choice, choice_lines),
        "similarity": similarity,
        "pairs": pairs_of(changes.pairs),
        "times": None,
        "forecast": came and f"{came}.",
        "facts": [(name, value) for name, value, _ in facts],
        "notes": notes,
    }
    index = page(
        "finetuned",
        recipe=recipe,
        facts=facts,
        seeds=seeds,
        notes=notes,
        most_notes=_SHOWN_NOTES,
        changes=changes,
        choice=done.choice,
        came=came,
        recipes=[] if done.choice is None else list(zip(*recipe_table(done.choice).values(), strict=True)),
        choice_lines=choice_lines,
        level=f"{LEVEL:.0%}",
        condensed_from=CONDENSED_FROM,
        correlations=label_correlations(changes.pairs),
        groups=label_groups(changes.pairs),
        similarity=similarity,
    )
    column = similarity.replace(" ", "_")
    standing = (f"{column}_before", f"{column}_after", "standing_before", "standing_after", "gain")
    files: dict[str, str | bytes] = {
        PAGE: finetuned_page(f"What fine-tuning changed: {recipe.dataset}", payload),
        "index.md": index,
        **_tables(changes.curves, changes.comparisons, seeds),
        "pairs.csv": csv_text(("query", "product", "title", "label", "relevant", *standing), _pair_rows(changes.pairs)),
    }
    if done.choice is not None:
        files["recipes.csv"] = csv_text(_RECIPE_COLUMNS, _recipe_rows(done.choice, seeds))
    if len(notes) > _SHOWN_NOTES:
        files["notes.txt"] = "".join(f"{' '.join(note.split())}\n" for note in notes)
    return files


def reranker_files(done: Reranked, recipe: RerankerRecipe) -> Mapping[str, str | bytes]:
    """The files of a cross-encoder's report by name: the page, and its tables as CSV."""
    curves, comparisons, seeds = [done.stored.curve], [done.change], [recipe.options.seed]
    options = {name: getattr(recipe.options, name) for name in USED} | asdict(recipe.reranker)
    payload = {
        "dataset": recipe.dataset,
        "sides": ("Without", "Reranked"),
        **comparisons_of(comparisons, seeds),
        "curves": curves_of(curves, seeds),
        "recipes": None,
        "similarity": "",
        "pairs": None,
        "times": done.stages,
        "forecast": None,
        "facts": [
            ("data set", recipe.dataset),
            ("cross-encoder", str(done.stored.path)),
            ("made of", recipe.base.name),
            ("graded training pairs", f"{len(recipe.chosen):,}"),
            *((name, str(text_of(value))) for name, value in options.items()),
        ],
        "notes": done.stored.notes,
    }
    return {
        PAGE: finetuned_page(f"What the cross-encoder changed: {recipe.dataset}", payload),
        **_tables(curves, comparisons, seeds),
    }


def _tables(curves: Sequence[Curve], comparisons: Sequence[Comparison], seeds: Sequence[int]) -> dict[str, str | bytes]:
    """The CSV files of trainings and comparisons."""
    means = ("base_mean", "tuned_mean", "difference", "interval_low", "interval_high")
    scores = ("ndcg10_before", "ndcg10_after", "change")
    steps = ("seed", "step", "epoch", "loss", "pearson", "spearman", "ndcg10", "chosen")
    return {
        "training.csv": csv_text(steps, _training_rows(curves, seeds)),
        "comparison.csv": csv_text(("base", "tuned", "seed", "metric", *means), _gain_rows(comparisons, seeds)),
        "queries.csv": csv_text(("base", "tuned", "query_id", "query", *scores), _query_rows(comparisons)),
    }


def _facts(done: FineTuning, seeds: Sequence[int]) -> list[tuple[str, str, bool]]:
    """What was trained on what: a name, what it is, and whether that is a name of the user's or of an option."""
    recipe, leaks, curve = done.trainings[0].recipe, done.finetuned.leaks, done.changes.curves[0]
    pairs, best, last = recipe.pairs, curve.steps[curve.best], curve.steps[-1]
    dropped = "rated pairs dropped because the benchmark evaluates their query"
    options = {name: text_of(value) for name, value in asdict(recipe.options).items() if name != "seed"}
    facts = [
        ("data set", recipe.dataset, False),
        ("base model", recipe.base.name, True),
        ("fine-tuned model", str(done.stored[0].path), True),
        ("training pairs", f"{len(pairs.train):,}", False),
        ("validation pairs", f"{len(pairs.validation):,}", False),
        (dropped, f"{pairs.dropped_pairs:,}", False),
        ("pairs of products without a title, dropped", f"{pairs.unknown:,}", False),
    ]
    if leaks:
        facts.append(("trained products that are indexed", f"{len(leaks.shared_products):,}", False))
        facts.append(("trained queries nearly equal to an evaluated one", f"{len(leaks.near_queries):,}", False))
    facts += [(name, str(value), True) for name, value in options.items()]
    why = "it no longer learned" if curve.stopped_early else "all epochs"
    ended = f"{curve.seconds:,.0f} s, ended at step {last.step:,} ({why}); kept: step {best.step:,}"
    facts.append(("seeds" if len(seeds) > 1 else "seed", ", ".join(map(str, seeds)), False))
    return [*facts, ("training", ended, False)]


def _training_rows(curves: Sequence[Curve], seeds: Sequence[int]) -> Iterator[Sequence[float | None]]:
    """An evaluation of each seed's training; `chosen` is 1 for the step that was kept."""
    for seed, curve in zip(seeds, curves, strict=True):
        for at, one in enumerate(curve.steps):
            chosen = int(at == curve.best)
            yield seed, one.step, float(one.epoch), one.loss, one.pearson, one.spearman, one.ndcg, chosen


def _gain_rows(comparisons: Sequence[Comparison], seeds: Sequence[int]) -> Iterator[Sequence[str | float | None]]:
    """A metric of the model that is kept (the first seed's), then nDCG@10 of the other seeds and of all.

    Behind them stand, over all seeds, nDCG@10 without the hits that nobody judged, and the share that is judged.
    """
    for one in comparisons:
        labelled = [(str(seeds[0]), gain) for gain in one.gains]
        labelled += [(str(seed), gain) for seed, gain in zip(seeds[1:], one.seeds[1:], strict=True)]
        labelled += [("all", one.over_seeds)] if len(seeds) > 1 else []
        named = [(seed, str(gain.metric), gain) for seed, gain in labelled]
        over = "all" if len(seeds) > 1 else str(seeds[0])
        named += [(over, f"{one.condensed.metric} of judged hits", one.condensed)]
        named += [(over, str(one.judged.metric), one.judged)]
        for seed, metric, gain in named:
            means = (gain.base, gain.tuned, gain.difference, *(gain.interval or (None, None)))
            yield one.base, one.tuned, seed, metric, *means


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


# Recipes compared

_BASE = "base, untrained"
_RECIPE_COLUMNS = (
    *("recipe", "seeds", "queries", "ndcg10", "ndcg10_low", "ndcg10_high", "lowest_seed", "highest_seed"),
    *("to_first", "to_first_low", "to_first_high", "seconds", "parts_seconds", "memory_bytes", "steps_kept", "chosen"),
)


def _recipe_rows(choice: Choice, seeds: Sequence[int]) -> Iterator[Sequence[str | float | None]]:
    """A recipe, in the order in which they were typed; `parts_seconds` as `mining=12.3`, `steps_kept` by spaces."""
    for one in choice.tried:
        quality, difference = one.quality, choice.to_first(one)
        yield (
            *(one.name, len(seeds), len(choice.base), quality.mean, *(quality.interval or (None, None)), *one.band),
            *(difference.mean, *(difference.interval or (None, None)), one.seconds),
            " ".join(f"{name}={seconds:.1f}" for name, seconds in one.parts.items()),
            *(one.memory_bytes, " ".join(map(str, one.steps)), int(one is choice.winner)),
        )


def recipe_table(choice: Choice) -> Mapping[str, Sequence[str]]:
    """The recipes for people, cells by column, the first of each its head."""
    several = len(choice.tried[0].curves) > 1
    base = f"{choice.base.mean():.4f}"
    table = {
        "recipe": ["recipe", _BASE, *(one.name for one in choice.tried)],
        "mean": ["nDCG@10", base, *(f"{one.quality.mean:.4f}" for one in choice.tried)],
        "interval": [f"{LEVEL:.0%} interval", "", *(_ends(one.quality) for one in choice.tried)],
        "seeds": ["over seeds", "", *("{:.4f} to {:.4f}".format(*one.band) for one in choice.tried)],
        "first": ["to the first", "", "-", *(_signed(choice.to_first(one)) for one in choice.tried[1:])],
        "minutes": ["minutes", "", *(_minutes(one.seconds) for one in choice.tried)],
    }
    for name in dict.fromkeys(name for one in choice.tried for name in one.parts):
        of_it = [_minutes(one.parts[name]) if name in one.parts else "" for one in choice.tried]
        table[name] = [f"of it {name}", "", *of_it]
    table["memory"] = ["memory", "", *(_gigabytes(one.memory_bytes) for one in choice.tried)]
    table["steps"] = ["step kept", "", *(", ".join(f"{step:,}" for step in one.steps) for one in choice.tried)]
    return table if several else {name: cells for name, cells in table.items() if name != "seeds"}


def recipe_lines(choice: Choice, columns: int | None) -> list[Line]:
    """The recipes as a table for a terminal of so many signs (None: any number), and which of them wins."""
    table = recipe_table(choice)
    parts = [name for name in table if name not in _ALWAYS]
    right = table.keys() - {"recipe", "interval", "seeds", "first"}
    left_out = ("steps", "interval", "memory", *parts, "minutes", "seeds")
    head, base, *tried = narrow_table(table, left_out, columns and columns - 2, right=right, cut="recipe")
    lines = [Line(f"recipes, by {plural(len(choice.base), 'validation query')}:"), Line(f"  {head}", "head")]
    lines.append(Line(f"  {base}"))
    lines += [
        Line(f"  {line}", "good" if one is choice.winner and _is_better(choice) else "")
        for line, one in zip(tried, choice.tried, strict=True)
    ]
    return [*lines, *(Line(line, "" if _is_better(choice) else "warn") for line in _choice_lines(choice))]


def _is_better(choice: Choice) -> bool:
    """Whether the winner is better than the base model on these queries."""
    return bool(choice.winner.quality.mean > choice.base.mean())


_ALWAYS = ("recipe", "mean", "interval", "seeds", "first", "minutes", "memory", "steps")


def _choice_lines(choice: Choice) -> list[str]:
    """Which recipe wins, by how little, and what its figure is worth."""
    winner, ties = choice.winner, choice.ties
    won = f"winner: {winner.name}, validation nDCG@10 {winner.quality.mean:.4f}"
    told = f"not told from it by these queries and seeds: {', '.join(one.name for one in ties)}"
    flattered = f"the best of {len(choice.tried)} on these queries, so that its validation nDCG flatters it"
    none = [] if _is_better(choice) else ["no recipe is better than the base model on these queries"]
    return [won, *([told] if ties else []), *none, f"{flattered}; the benchmark was looked at with the winner alone"]


def _ends(value: Difference) -> str:
    return "" if value.interval is None else "{:.4f} to {:.4f}".format(*value.interval)


def _signed(value: Difference) -> str:
    if value.interval is None:
        return "not shown"
    low, high = value.interval
    return f"{value.mean:+z.4f} [{low:+z.4f}, {high:+z.4f}]"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f}"


def _gigabytes(count: int | None) -> str:
    return "" if count is None else f"{count / 1e9:.1f} GB"


# Before and after


def recipes_lines(recipes: Recipes) -> list[str]:
    """What will be trained to compare recipes, and how long it may take."""
    every, missing = len(recipes.all), len(recipes.missing)
    of = f"{plural(len(recipes.recipes), 'recipe')}, {plural(every, 'model')}"
    took = f"{missing:,} to be trained: about {duration(recipes.estimated_s)} on two idle CPU cores, mining not counted"
    lines = [_split_line(recipes.all[0]), f"{of}, {took if missing else 'all there already'}"]
    return [printable(line) for line in lines]


def _split_line(recipe: Recipe) -> str:
    train, validation = recipe.pairs.train, recipe.pairs.validation
    queries = plural(len({pair.query for pair in train}), "query")
    others = plural(len({pair.query for pair in validation}), "other")
    over = plural(len(recipe.validation.products), "product")
    side = f"{recipe.dataset}: {plural(len(train), 'pair')} of {queries} to train on"
    return f"{side}, {len(validation):,} of {others} to validate with, over {over}"


def training_lines(trainings: Sequence[Training]) -> list[str]:
    """What will be trained, and how long it may take."""
    recipe = trainings[0].recipe
    lines = [_split_line(recipe)]
    plans = [one.plan.finetuned for one in trainings if one.plan.finetuned is not None]
    lines += [f"note: {note}" for note in plans[0].notes] if trainings[0].plan.finetuned else []
    missing = sum(not one.trained for one in plans)
    of = f"{missing} of {len(trainings)} models" if len(trainings) > 1 else "the model"
    took = duration(missing * estimated_seconds(recipe))
    lines.append(f"{of} to be trained: about {took} on two idle CPU cores" if missing else f"{of} is there already")
    return [printable(line) for line in lines]


def forecast_lines(forecast: Forecast) -> list[str]:
    """What a training may gain, before it begins."""
    found = f"a linear map of the base model's vectors: {_of_forecast(forecast)}"
    if forecast.ridge is None:
        found = f"no linear map of the base model's vectors ({forecast.base:.4f}) is better than none"
    return [f"forecast of validation nDCG@10: {found}; training mostly gains more, so this is a rough lower estimate"]


def _of_forecast(forecast: Forecast) -> str:
    gain = _signed(Difference(forecast.gain, forecast.interval))
    return f"{forecast.base:.4f} -> {forecast.mapped:.4f}, {gain}"


def came_line(forecast: Forecast, curves: Sequence[Curve]) -> str:
    """What was forecast, and what came of the trainings."""
    before, after = curves[0].steps[0].ndcg, [curve.steps[curve.best].ndcg for curve in curves]
    over = f" ({min(after):.4f} to {max(after):.4f} over {len(after)} seeds)" if len(after) > 1 else ""
    came = f"{before:.4f} -> {sum(after) / len(after):.4f}{over}"
    return f"validation nDCG@10, forecast: {_of_forecast(forecast)}; what came: {came}"


def outcome_lines(done: FineTuning) -> list[Line]:
    """How each training went, and what the strategies gained with its interval."""
    lines = []
    for training, stored in zip(done.trainings, done.stored, strict=True):
        curve = stored.curve
        first, best, last = curve.steps[0], curve.steps[curve.best], curve.steps[-1]
        end = ", stopped early" if curve.stopped_early else ""
        lines.append(
            Line(
                f"seed {training.seed}: validation nDCG@10 {first.ndcg:.4f} -> {best.ndcg:.4f} at step {best.step} of "
                f"{last.step}, {duration(curve.seconds)}{end}; {stored.path}"
            )
        )
    if done.forecast is not None:
        lines.append(Line(came_line(done.forecast, done.changes.curves)))
    for one in done.changes.comparisons:
        lines.append(_gain_line(one))
        if len(one.seeds) > 1:
            values = [each.tuned for each in one.seeds]
            lines.append(Line(f"  over {len(values)} seeds {min(values):.4f} to {max(values):.4f}"))
        judged = f"{one.judged.base:.0%} -> {one.judged.tuned:.0%} of the first ten"
        alone = f"{one.condensed.base:.4f} -> {one.condensed.tuned:.4f}, {_gain(one.condensed)}"
        lines.append(Line(f"  by judged hits alone ({judged}): {alone}"))
    return lines


def _gain_line(one: Comparison) -> Line:
    """What a strategy gained; good or bad where its interval says so."""
    gain = one.over_seeds
    low, high = gain.interval or (0, 0)
    text = f"{one.tuned} against {one.base}, NDCG: {gain.base:.4f} -> {gain.tuned:.4f}, {_gain(gain)}"
    return Line(text, "good" if low > 0 else "bad" if high < 0 else "")


def reranker_lines(done: Reranked) -> list[Line]:
    """How the training of a cross-encoder went, what it changes, and what it costs."""
    curve, change = done.stored.curve, done.change
    best, end = curve.steps[curve.best], ", stopped early" if curve.stopped_early else ""
    memory = "" if curve.memory_bytes is None else f", {curve.memory_bytes / 1e9:.1f} GB"
    trained = f"trained in {duration(curve.seconds)}{memory}{end}"
    times = ", ".join(f"{name} {p50:.1f} ms" for name, (p50, _) in done.stages.items())
    notes = [f"note: {note}" for note in done.stored.notes]
    worse = ["note: the reranker is worse than what it reorders; do not use it as it is"]
    quality = f"validation nDCG@10 {best.ndcg:.4f} at step {best.step} of {curve.steps[-1].step}"
    return [
        Line(f"cross-encoder: {quality}, {trained}"),
        Line(f"  {done.stored.path}"),
        *(Line(note, "warn") for note in notes),
        _gain_line(change),
        *(Line(note, "warn") for note in worse if change.over_seeds.difference < 0),
        Line(f"a query, median of single ones: {times}"),
    ]


def _gain(gain: Gain) -> str:
    """The gain in percent of the base, never without its interval."""
    if gain.interval is None or not gain.base:
        return "gain without an interval: not shown"
    share, low, high = (100 * value / gain.base for value in (gain.difference, *gain.interval))
    return f"gain {share:+z.1f}% (95% interval over queries {low:+z.1f}% to {high:+z.1f}%)"

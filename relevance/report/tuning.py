"""What a search for boosts found: a page in Markdown, tables, a snippet for `relevance.toml`, lines for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relevance.evaluation import NDCG10
from relevance.files import csv_text
from relevance.report.charts import heat_map, png
from relevance.report.pages import page
from relevance.report.terminal import dataset_line
from relevance.strategies import BASE, Strategy
from relevance.text import plural, printable, terminal_table
from relevance.tuning.search import METRICS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from relevance.records import Dataset
    from relevance.tuning import Combination, Tuning

COMBINATIONS = "combinations.csv"
"""The file with every combination of the grid."""

_SHOWN = 10
_SAME = 1e-9


def tuning_files(tuning: Tuning, dataset: Dataset, *, engine: str, taken: Collection[str]) -> Mapping[str, str | bytes]:
    """All files of the folder, by name; `taken` are names of strategies that exist."""
    marks = {outcome.boosts: "equal to the winner" for outcome in tuning.equals}
    if tuning.todays is not None:
        marks[tuning.todays.boosts] = "today"
    marks[tuning.winner.boosts] = "winner, today" if tuning.todays is tuning.winner else "winner"
    once = [one for one in tuning.outcomes if one.same_as == one.boosts or one is tuning.winner]
    settings = snippet(tuning, taken)
    index = page(
        "tuning",
        tuning=tuning,
        dataset=dataset,
        engine=engine,
        snippet=settings,
        sizes=dataset_line(dataset),
        verdict=_verdict(tuning),
        changed=_changed(tuning),
        facts=_facts(tuning),
        means=_means(tuning),
        metrics=METRICS,
        best=sorted(once, key=lambda one: (-round(one.means[NDCG10], 9), one is not tuning.winner))[:_SHOWN],
        marks=marks,
        csv=COMBINATIONS,
    )
    combinations: list[list[str | float]] = []
    for one in tuning.outcomes:
        same = "" if one.same_as == one.boosts else "/".join(f"{boost:g}" for boost in one.same_as)
        boosts, means = (f"{boost:g}" for boost in one.boosts), (float(one.means[metric]) for metric in METRICS)
        combinations.append([*boosts, *means, same, marks.get(one.boosts, "")])
    held_out = (
        (dataset.queries.ids[code], dataset.queries.labels[code], today, winner, winner - today)
        for code, today, winner in zip(tuning.split.held_out.tolist(), *tuning.held_out.tolist(), strict=True)
    )
    head = (*tuning.grid.fields, *(metric.label for metric in METRICS), "ranks_as", "mark")
    return {
        COMBINATIONS: csv_text(head, combinations),
        "held_out.csv": csv_text(("query_id", "query", "ndcg_today", "ndcg_winner", "difference"), held_out),
        "strategy.toml": settings,
        "index.md": index,
        "heatmap.png": png(heat_map, tuning),
    }


def snippet(tuning: Tuning, taken: Collection[str]) -> str:
    """The table of `relevance.toml` that adds the winner as a strategy, under a name that is free."""
    name = stem = f"{tuning.grid.today.name.removesuffix('_boosted')}_tuned"
    number = 2
    while name in taken:
        name, number = f"{stem}{number}", number + 1
    strategy = tuning.grid.strategy(tuning.winner.boosts, name)
    lines = [f"[strategies.{name}]"]
    for part, boosts in (("text", strategy.text), ("vectors", strategy.vectors)):
        if boosts:
            lines.append(f"{part} = {{{', '.join(f'{field} = {boost:.12g}' for field, boost in boosts.items())}}}")
    if strategy.vectors and strategy.candidates != Strategy.candidates:
        lines.append(f"candidates = {strategy.candidates}")
    if strategy.vectors and strategy.model != BASE:
        lines.append(f'model = "{strategy.model}"')
    return "\n".join(lines) + "\n"


def tuning_lines(tuning: Tuning) -> list[str]:
    """What a person at a terminal has to know."""
    table = terminal_table([("NDCG    ", "tuning split", "held out"), *_means(tuning)], right={1, 2})
    lines = [*_facts(tuning), "", *table, "", _verdict(tuning), _changed(tuning)]
    return [printable(line) for line in lines]


def _means(tuning: Tuning) -> list[tuple[str, str, str]]:
    """Of today's boosts and of the winner's: nDCG on the tuning split and on the other."""
    chosen_on = (tuning.today[NDCG10], tuning.winner.means[NDCG10])
    rows = zip(("today", "winner"), chosen_on, tuning.held_out.mean(axis=1), strict=True)
    return [(name, f"{here:.4f}", f"{held_out:.4f}") for name, here, held_out in rows]


def _verdict(tuning: Tuning) -> str:
    """One sentence: how the winner compares with today's boosts where it was not chosen."""
    if tuning.keeps_today:
        return "Today's boosts are the best of the grid: nothing to change."
    held_out = tuning.interval
    interval = (
        f"NDCG {held_out.difference:+.4f} on {plural(held_out.queries, 'held-out query')}, {held_out.confidence:.0%} "
        f"interval {held_out.low:+.4f} to {held_out.high:+.4f} (paired bootstrap)"
    )
    if not held_out.excludes_zero:
        return f"{interval}: it holds 0, so these queries do not show that the winner is better."
    side = "better" if held_out.low > 0 else "worse"
    return f"{interval}: it excludes 0, the winner is {side} than today's boosts."


def _changed(tuning: Tuning) -> str:
    difference = tuning.held_out[1] - tuning.held_out[0]
    gained, lost = int((difference > _SAME).sum()), int((difference < -_SAME).sum())
    same = len(difference) - gained - lost
    return f"{plural(gained, 'held-out query')} gained, {lost:,} lost, {same:,} as before"


def _facts(tuning: Tuning) -> list[str]:
    """What was tried on what, what won, and what makes the grid less than it looks."""
    grid, split = tuning.grid, tuning.split

    def boosts(combination: Combination) -> str:
        return ", ".join(f"{name} {boost:g}" for name, boost in zip(grid.fields, combination, strict=True))

    axes = " x ".join(f"{name} {{{', '.join(f'{boost:g}' for boost in axis)}}}" for name, axis in grid.axes.items())
    tried = len({outcome.same_as for outcome in tuning.outcomes})
    size = f"{plural(len(tuning.outcomes), 'combination')}, {tried:,} that rank differently, in {tuning.seconds:.2f} s"
    sides = f"{plural(len(split.tuning), 'query')} to tune on, {len(split.held_out):,} held out"
    equal = "no other combination reaches its NDCG"
    if tuning.equals:
        others = plural(len(tuning.equals), "other combination reaches", "other combinations reach")
        equal = f"{others} the same NDCG; it is the nearest to today's boosts"
    return [
        f"grid: {axes}: {size}",
        f"split: {sides} (by hash of their text, share {split.share:g}, seed {split.seed})",
        f"today: {boosts(grid.todays())} ({grid.today.name})",
        f"winner: {boosts(tuning.winner.boosts)}; {equal}",
        *(f"note: the boost of {name} changed no mean" for name in tuning.idle),
        *(
            f"note: {boost:g} is the highest boost of {name} that was tried (--grid {name}=… tries others)"
            for (name, axis), boost in zip(grid.axes.items(), tuning.winner.boosts, strict=True)
            if len(axis) > 1 and boost == max(axis) and name not in tuning.idle
        ),
    ]

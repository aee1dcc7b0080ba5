"""What a search for values found: a page in Markdown, tables, a snippet for `relevance.toml`, lines for a terminal."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from relevance import bodies
from relevance.evaluation import NDCG10
from relevance.files import csv_text
from relevance.report.page.tuned import tuned_page, tuned_payload
from relevance.report.pages import page
from relevance.report.results import PAGE
from relevance.report.terminal import dataset_line
from relevance.text import Line, plural, terminal_table
from relevance.tuning import value_text
from relevance.tuning.search import METRICS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from relevance.records import Dataset
    from relevance.strategies import Strategy
    from relevance.tuning import Combination, Parameter, Tuning

COMBINATIONS = "combinations.csv"
"""The file with every combination that was tried."""

_SHOWN = 10
_SAME = 1e-9


def tuning_files(tuning: Tuning, dataset: Dataset, *, engine: str, taken: Collection[str]) -> Mapping[str, str | bytes]:
    """All files of the folder, by name; `taken` are names of strategies that exist."""
    marks = {outcome.combination: "equal to the winner" for outcome in tuning.equals}
    if tuning.todays is not None:
        marks[tuning.todays.combination] = "today"
    marks[tuning.winner.combination] = "winner, today" if tuning.todays is tuning.winner else "winner"
    once = [one for one in tuning.ranked if one.same_as == one.combination or one is tuning.winner]
    winner = named_winner(tuning, taken)
    settings = snippet(tuning, winner)
    words = {"verdict": _verdict(tuning), "changed": _changed(tuning), "optimism": _optimism(tuning)}
    facts, sizes = _facts(tuning), dataset_line(dataset)
    taken_over = None if tuning.falls_short else settings
    about = [*facts, f"{sizes}; engine {engine}"]
    payload = tuned_payload(tuning, dataset, marks=marks, snippet=taken_over, facts=about, **words)
    index = page(
        "tuning",
        tuning=tuning,
        dataset=dataset,
        engine=engine,
        snippet=settings,
        sizes=sizes,
        **words,
        facts=facts,
        means=_means(tuning),
        metrics=METRICS,
        best=sorted(once, key=lambda one: (-round(one.means[NDCG10], 9), one is not tuning.winner))[:_SHOWN],
        marks=marks,
        csv=COMBINATIONS,
        value_text=value_text,
    )
    combinations: list[list[str | float]] = []
    for one in tuning.ranked:
        same = "" if one.same_as == one.combination else "/".join(map(value_text, one.same_as))
        values, means = map(value_text, one.combination), (float(one.means[metric]) for metric in METRICS)
        combinations.append([*values, *means, same, marks.get(one.combination, "")])
    held_out = (
        (dataset.queries.ids[code], dataset.queries.labels[code], today, winner, winner - today)
        for code, today, winner in zip(tuning.split.held_out.tolist(), *tuning.held_out.tolist(), strict=True)
    )
    head = (*tuning.space.names, *(metric.label for metric in METRICS), "ranks_as", "mark")
    files: dict[str, str | bytes] = {
        PAGE: tuned_page(payload),
        "index.md": index,
        COMBINATIONS: csv_text(head, combinations),
        "held_out.csv": csv_text(("query_id", "query", "ndcg_today", "ndcg_winner", "difference"), held_out),
    }
    if tuning.falls_short:
        return files
    files["strategy.toml"] = settings
    if winner.template is not None:
        files[f"{winner.name}.json"] = f"{json.dumps(_template(tuning), indent=2, ensure_ascii=False)}\n"
    return files


def named_winner(tuning: Tuning, taken: Collection[str]) -> Strategy:
    """The winner as a strategy, under a name that is free."""
    name = stem = f"{tuning.space.today.name.removesuffix('_boosted')}_tuned"
    number = 2
    while name in taken:
        name, number = f"{stem}{number}", number + 1
    return tuning.space.strategy(tuning.winner.combination, name)


def snippet(tuning: Tuning, winner: Strategy) -> str:
    """The table of `relevance.toml` that adds the winner: what is not the default, or its template."""
    lines = [*(f"# {line}" for line in _doubts(tuning)), f"[strategies.{winner.name}]"]
    if winner.template is not None:
        values = zip(tuning.space.names, tuning.winner.combination, strict=True)
        lines.append(f"# {', '.join(f'{name} = {value_text(value)}' for name, value in values)}")
        lines.append(f'template = "{winner.name}.json"')
    for each in fields(winner):
        value = getattr(winner, each.name)
        if each.name == "http" and value is not None and winner.tunable is not None:
            value = {**value, "body": _template(tuning)}
        if each.metadata and each.name != "template" and value and value != each.default:
            lines.append(f"{each.name} = {_toml(value)}")
    return "\n".join(lines) + "\n"


def _doubts(tuning: Tuning) -> Iterator[str]:
    """What whoever takes over the winner has to know where it was not shown to be better."""
    noun, held_out = tuning.space.noun, tuning.interval
    if tuning.keeps_today:
        yield f"today's {noun}, which are the best that was tried"
    elif not held_out.excludes_zero or held_out.high < 0:
        how = "worse than" if held_out.excludes_zero else "not shown to be better than"
        low, high = f"{held_out.low:+z.4f}", f"{held_out.high:+z.4f}"
        yield (
            f"{how} today's {noun} on {plural(held_out.queries, 'held-out query')}: NDCG {held_out.difference:+z.4f}, "
            f"{held_out.confidence:.0%} interval {low} to {high}"
        )


def _toml(value: Any) -> str:
    if isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int | float):
        return f"{value:.12g}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    names = (name if re.fullmatch("[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False) for name in value)
    return f"{{{', '.join(f'{name} = {_toml(one)}' for name, one in zip(names, value.values(), strict=True))}}}"


def _template(tuning: Tuning) -> Any:
    """The winner's template, with its values as today's."""
    values = dict(zip(tuning.space.names, tuning.winner.combination, strict=True))
    return bodies.settled(tuning.space.base.tunable or {}, values, marked=True)


def tuning_lines(tuning: Tuning) -> list[Line]:
    """What a person at a terminal has to know."""
    table = terminal_table([("NDCG    ", "tuning split", "held out"), *_means(tuning)], right={1, 2})
    mark = ""
    if not tuning.keeps_today and not tuning.falls_short and tuning.interval.excludes_zero:
        mark = "good" if tuning.interval.low > 0 else "bad"
    ends = [_changed(tuning), *filter(None, [_optimism(tuning)])]
    return [*map(Line, (*_facts(tuning), "", *table, "")), Line(_verdict(tuning), mark), *map(Line, ends)]


def _means(tuning: Tuning) -> list[tuple[str, str, str]]:
    """Of today's values and of the winner's: nDCG on the tuning split and on the other."""
    chosen_on = (tuning.today[NDCG10], tuning.winner.means[NDCG10])
    rows = zip(("today", "winner"), chosen_on, tuning.held_out.mean(axis=1), strict=True)
    return [(name, f"{here:.4f}", f"{held_out:.4f}") for name, here, held_out in rows]


def _optimism(tuning: Tuning) -> str:
    """One sentence: how far the winner leads where it was chosen, and where it was not; "" where it is today's."""
    if tuning.keeps_today:
        return ""
    ahead, held_out = tuning.winner.means[NDCG10] - tuning.today[NDCG10], tuning.interval.difference
    optimism = round(ahead - held_out, 4)
    why = f"optimism {optimism:.4f}, as it was chosen there" if optimism > 0 else "no optimism"
    return f"lead of the winner: {ahead:+z.4f} on the tuning split, {held_out:+z.4f} held out; {why}"


def _verdict(tuning: Tuning) -> str:
    """One sentence: how the winner compares with today's values where it was not chosen."""
    noun, held_out = tuning.space.noun, tuning.interval
    if tuning.falls_short:
        return f"Nothing that was tried reaches today's {noun} on the tuning split: nothing to change."
    if tuning.keeps_today:
        return f"Today's {noun} are the best of {'the trials' if tuning.trials else 'the grid'}: nothing to change."
    best_of = f"the best of {plural(len(tuning.outcomes), 'combination')}"
    if tuning.trials:
        best_of = f"the best of {plural(tuning.trials, 'trial')} by TPE"
    interval = (
        f"NDCG {held_out.difference:+z.4f} on {plural(held_out.queries, 'held-out query')}, {held_out.confidence:.0%} "
        f"interval {held_out.low:+z.4f} to {held_out.high:+z.4f} (paired bootstrap"
        f"{f'; {best_of}' if tuning.trials or noun == 'values' else ''})"
    )
    if not held_out.excludes_zero:
        return f"{interval}: it holds 0, so these queries do not show that the winner is better."
    side = "better" if held_out.low > 0 else "worse"
    return f"{interval}: it excludes 0, the winner is {side} than today's {noun}."


def _changed(tuning: Tuning) -> str:
    difference = tuning.held_out[1] - tuning.held_out[0]
    gained, lost = int((difference > _SAME).sum()), int((difference < -_SAME).sum())
    same = len(difference) - gained - lost
    return f"{plural(gained, 'held-out query')} gained, {lost:,} lost, {same:,} as before"


def _facts(tuning: Tuning) -> list[str]:
    """What was tried on what, what won, and what makes the grid less than it looks."""
    space, split = tuning.space, tuning.split

    def values(combination: Combination) -> str:
        return ", ".join(f"{name} {value_text(value)}" for name, value in zip(space.names, combination, strict=True))

    tried = len({outcome.same_as for outcome in tuning.outcomes})
    size = f"{plural(len(tuning.outcomes), 'combination')}, {tried:,} that rank differently, in {tuning.seconds:.2f} s"
    how = f"{plural(tuning.trials, 'trial')} by TPE" if tuning.trials else "grid"
    sides = f"{plural(len(split.tuning), 'query')} to tune on, {len(split.held_out):,} held out"
    equal = "no other combination reaches its NDCG"
    if tuning.equals:
        others = plural(len(tuning.equals), "other combination reaches", "other combinations reach")
        equal = f"{others} the same NDCG; it is the nearest to today's {space.noun}"
    return [
        f"{how}: {' x '.join(map(str, space.parameters))}: {size}",
        f"split: {sides} (by hash of their text, share {split.share:g}, seed {split.seed})",
        f"today: {values(space.todays())} ({space.today.name})",
        f"winner: {values(tuning.winner.combination)}; {equal}",
        *(f"note: the {_noun(one)} changed no mean" for one in space.parameters if one.name in tuning.idle),
        *_ends(tuning),
    ]


def _noun(parameter: Parameter) -> str:
    return f"boost of {parameter.name}" if parameter.is_boost else parameter.name


def _ends(tuning: Tuning) -> Iterator[str]:
    """Winners at the end of what was tried; the lowest boost is left out: a common factor changes nothing."""
    for one, value in zip(tuning.space.parameters, tuning.winner.combination, strict=True):
        if len(one.choices) == 1 or not one.is_number or one.name in tuning.idle:
            continue
        ends = {"highest": max(one.choices), **({} if one.is_boost else {"lowest": min(one.choices)})}
        for end in (end for end, number in ends.items() if value == number):
            yield f"note: {value:g} is the {end} {_noun(one)} that was tried (--grid {one.name}=… tries others)"

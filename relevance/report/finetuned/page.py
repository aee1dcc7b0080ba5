"""The index page of the report, in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relevance.finetune.changes import LEVEL
from relevance.report.finetuned.examples import pairs_section, queries_section
from relevance.report.finetuned.figures import fixed, gain_text, percent_text
from relevance.text import markdown, markdown_code, markdown_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relevance.finetune.changes import Changes, Comparison, Gain
    from relevance.finetune.record import Curve, Step
    from relevance.report.finetuned.facts import Facts

__all__ = ["index_page", "long_notes"]

_SHOWN_NOTES = 10

_VERDICTS = {"better": "better", "worse": "**worse**", "open": "undecided"}


def index_page(facts: Facts, changes: Changes) -> str:
    """The page; its pictures and CSV files lie beside it."""
    sections = (
        ["# What fine-tuning changed", "", *_summary(facts, changes.comparisons)],
        _trained(facts, changes.curves[0]),
        _comparison(facts, changes.comparisons),
        _seeds(facts, changes),
        _training(changes.curves[0]),
        queries_section(changes.comparisons),
        pairs_section(changes.pairs),
        _files(),
    )
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _summary(facts: Facts, comparisons: Sequence[Comparison]) -> list[str]:
    several = len(facts.seeds) > 1
    of = f" (seed {facts.seeds[0]})" if several else ""
    lines = [
        f"- {markdown_code(one.tuned)} against {markdown_code(one.base)}: mean nDCG@10 {fixed(one.over_seeds.tuned)} "
        f"against {fixed(one.over_seeds.base)}, change {gain_text(one.over_seeds)}, "
        f"in percent {percent_text(one.over_seeds)}: {_VERDICTS[one.over_seeds.verdict]}; "
        f"{len(one.gained):,} queries gained, {len(one.lost):,} lost{of}"
        for one in comparisons
    ]
    seeds = f", mean of {len(facts.seeds)} seeds" if several else ""
    measured = f"{markdown(facts.dataset)}, queries that were not trained on{seeds}"
    return [f"Measured on {measured}:", "", *lines] if lines else ["No strategies were compared."]


def _trained(facts: Facts, curve: Curve) -> list[str]:
    chosen = curve.steps[curve.best]
    end = "it no longer learned" if curve.stopped_early else "all epochs"
    rows = [
        ("data set", markdown(facts.dataset)),
        ("base model", markdown_code(facts.base)),
        ("fine-tuned model", markdown_code(facts.model)),
        *((markdown(name), f"{number:,}") for name, number in facts.counts.items()),
        *((markdown(name), markdown_code(f"{value}")) for name, value in facts.options.items()),
        ("seeds" if len(facts.seeds) > 1 else "seed", ", ".join(str(seed) for seed in facts.seeds)),
        (
            "training",
            f"{curve.seconds:,.0f} s, ended at step {curve.steps[-1].step:,} ({end}); kept: step {chosen.step:,}",
        ),
    ]
    return ["## What was trained on what", "", *markdown_table(("", ""), rows, left=2), *_notes(facts.notes)]


def _notes(notes: Sequence[str]) -> list[str]:
    more = len(notes) - _SHOWN_NOTES
    shown = [f"- {markdown(note)}" for note in notes[:_SHOWN_NOTES]]
    return [*([""] if shown else []), *shown, *([f"- {more:,} more: [notes.txt](notes.txt)"] if more > 0 else [])]


def long_notes(notes: Sequence[str]) -> str | None:
    """All notes, a line each, where they are more than the page shows; else None."""
    return "".join(f"{' '.join(note.split())}\n" for note in notes) if len(notes) > _SHOWN_NOTES else None


def _comparison(facts: Facts, comparisons: Sequence[Comparison]) -> list[str]:
    if not comparisons:
        return []
    rows = [(markdown_code(one.tuned), *_gain_cells(gain)) for one in comparisons for gain in one.gains]
    head = ("strategy", "metric", "base", "fine-tuned", f"change [{LEVEL:.0%} interval]", "in percent", "verdict")
    kept = f"The model of seed {facts.seeds[0]}, which is kept; the others are below." if len(facts.seeds) > 1 else ""
    return [
        "## Strategies compared",
        "",
        *([kept, ""] if kept else ()),
        *markdown_table(head, rows, left=2),
        "",
        (
            f"Intervals: paired bootstrap over the {len(comparisons[0].queries):,} judged queries, {LEVEL:.0%}. "
            "Undecided: the interval holds 0. Percent: of the base's mean."
        ),
    ]


def _gain_cells(gain: Gain) -> tuple[str, ...]:
    values = (fixed(gain.base), fixed(gain.tuned), gain_text(gain), percent_text(gain), _VERDICTS[gain.verdict])
    return (gain.metric.label, *values)


def _seeds(facts: Facts, changes: Changes) -> list[str]:
    if len(facts.seeds) < 2:  # noqa: PLR2004 - one seed is no band
        return []
    rows = [
        (name, markdown_code(one.tuned), fixed(gain.base), fixed(gain.tuned), gain_text(gain), percent_text(gain))
        for one in changes.comparisons
        for name, gain in zip((*map(str, facts.seeds), "mean"), (*one.seeds, one.over_seeds), strict=True)
    ]
    head = ("seed", "strategy", "base NDCG", "fine-tuned", f"change [{LEVEL:.0%} interval]", "in percent")
    validation = [
        (str(seed), f"{chosen.step:,}", fixed(before.ndcg), fixed(chosen.ndcg), f"{curve.seconds:,.0f}")
        for seed, curve in zip(facts.seeds, changes.curves, strict=True)
        for before, chosen in ((curve.steps[0], curve.steps[curve.best]),)
    ]
    return [
        "## Seeds",
        "",
        "![Band of validation nDCG@10 over the training steps](seeds.png)",
        "",
        "The band lies between the lowest and the highest seed, up to the first that stopped.",
        "",
        *markdown_table(("seed", "kept step", "validation nDCG@10 before", "kept", "seconds"), validation),
        "",
        *(markdown_table(head, rows, left=2) if rows else ()),
        "",
        (
            "The mean row's interval is of each query's mean over the seeds: it says how sure the gain is over other "
            "queries; the rows above it say how far the seeds lie apart."
        ),
    ]


def _training(curve: Curve) -> list[str]:
    named = (("before training", curve.steps[0]), ("kept", curve.steps[curve.best]), ("last", curve.steps[-1]))
    return [
        "## Training",
        "",
        "![Training loss, Spearman and nDCG@10 over the steps](curve.png)",
        "",
        "Spearman and nDCG@10 are of the validation queries, which are neither trained on nor in the benchmark.",
        "",
        *markdown_table(
            ("", "step", "epoch", "loss", "Pearson", "Spearman", "nDCG@10"),
            [(name, *_step_cells(step)) for name, step in named],
        ),
    ]


def _step_cells(step: Step) -> tuple[str, ...]:
    numbers = (step.loss, step.pearson, step.spearman, step.ndcg)
    return (f"{step.step:,}", f"{step.epoch:.2f}", *(fixed(number) for number in numbers))


def _files() -> list[str]:
    return [
        "## Files",
        "",
        "- [training.csv](training.csv): every evaluation of every seed",
        "- [comparison.csv](comparison.csv): every comparison with its interval",
        "- [queries.csv](queries.csv): every judged query, nDCG@10 before and after",
        "- [pairs.csv](pairs.csv): every judged pair, cosine and standing before and after",
        "",
        (
            "In the CSV files, a text that a spreadsheet could take for a formula, or that begins with an apostrophe, "
            "has an apostrophe in front."
        ),
    ]

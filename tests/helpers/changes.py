"""A fine-tuning that never ran, with numbers like those of a real one: what the report is tried on."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from relevance.evaluation import AP10, JUDGED10, NDCG10, RR10, Evaluation
from relevance.finetune import Options
from relevance.finetune.changes import Changes, Comparison, Measured, compare, pair_changes
from relevance.finetune.choosing import Choice, Tried
from relevance.finetune.forecast import Forecast
from relevance.finetune.recipe import Curve, Step
from relevance.records import Queries

NOUNS = ("hammer", "porch light", "dresser", "1/2 in. valve", "garden hose", "led bulb", "lavatory faucet", "drill bit")
ODD = ("pipe | in = the_middle*", "<b>bold</b> & co", "=1+2", "two\nlines", "[link](http://example.org)", "$5 `tick`")


def queries(number: int) -> Queries:
    """Made-up queries; the first are those that Markdown, HTML or a spreadsheet could misread."""
    texts = [*ODD, *(f"{NOUNS[at % len(NOUNS)]} {at}" for at in range(number))][:number]
    return Queries(pd.DataFrame({"id": [f"q{at:05d}" for at in range(number)], "text": texts}))


def evaluation(ndcg: list[float] | np.ndarray) -> Measured:
    """An evaluation with this nDCG of each query; all other numbers follow it."""
    values = np.asarray(ndcg, dtype=np.float64)
    none = np.array([], dtype=np.int64)
    per_query = {RR10: np.minimum(1, values * 1.2), AP10: values * 0.7, NDCG10: values, JUDGED10: 0.5 + values / 4}
    condensed = {NDCG10: np.minimum(1, values * 1.1)}
    of_all, of_judged = (Evaluation(np.arange(len(values)), MappingProxyType(m), none) for m in (per_query, condensed))
    return Measured(of_all, of_judged)


def comparison(base: str, number: int, seeds: int, *, gain: float = 0.05, unchanged: float = 0.35) -> Comparison:
    """A strategy whose queries gain `gain` in the mean; a share of them is unchanged."""
    generator = np.random.default_rng(len(base))
    before = generator.beta(1.6, 1.4, number)
    same = generator.random(number) < unchanged
    after = []
    for _ in range(seeds):
        moved = np.clip(before + generator.normal(gain, 0.18, number), 0, 1)
        after.append(evaluation(np.where(same, before, moved)))
    return compare((base, f"{base}_finetune"), evaluation(before), after, queries(number))


def pairs(number: int, *, labels: int = 3, seed: int = 2) -> pd.DataFrame:
    """What became of pairs whose cosine grows with the label, more so under the fine-tuned model."""
    generator = np.random.default_rng(seed)
    grades = generator.choice(labels, number, p=np.arange(1, labels + 1) / (labels * (labels + 1) / 2)).astype(float)
    top = max(labels - 1, 1)
    base = np.clip(generator.normal(0.35 + 0.2 * grades / top, 0.13), -1, 1)
    tuned = np.clip(base - 0.18 + 0.3 * grades / top + generator.normal(0, 0.1, number), -1, 1)
    texts = queries(number).texts
    titles = [
        "" if at == 3 else f"Willowmere {text}, Steel Handle, 32-Inch Wide, with a Title as Long as Shops Write"
        for at, text in enumerate(texts)
    ]
    return judged(grades, base, tuned, query=texts, title=titles)


def judged(labels: Any, before: Any, after: Any, *, relevant_from: float = 1, **columns: Any) -> pd.DataFrame:
    """What became of pairs with these labels and cosines."""
    texts = [f"{100_000 + at}" for at in range(len(labels))]
    numbers = {"label": labels, "cosine_before": before, "cosine_after": after}
    rows = {"query": texts, "product": texts, "title": texts, **columns}
    rows |= {name: np.array(values, dtype=np.float64) for name, values in numbers.items()}
    return pair_changes(pd.DataFrame(rows), relevant_from=relevant_from)


def curve(evaluations: int = 11, *, per_epoch: int = 158, seed: int = 3, best: int | None = None) -> Curve:
    """A curve that rises and flattens, evaluated before the training and every half epoch."""
    generator = np.random.default_rng(seed)
    steps = []
    for at in range(evaluations):
        learnt = 1 - np.exp(-at / 2.2)
        steps.append(
            Step(
                step=at * per_epoch // 2,
                epoch=at / 2,
                loss=None if at == 0 else float(0.9 * np.exp(-at / 2) + 0.08 + generator.normal(0, 0.01)),
                pearson=0.849 + 0.015 * float(learnt),
                spearman=0.846 + 0.016 * float(learnt) + float(generator.normal(0, 0.0006)),
                ndcg=0.512 + (0.088 * float(learnt) - 0.002 * at + float(generator.normal(0, 0.004)) if at else 0),
            )
        )
    chosen = int(np.argmax([step.ndcg for step in steps])) if best is None else best
    return Curve(tuple(steps), chosen, seconds=164.8, stopped_early=evaluations < 21)


def changes(number: int = 305, *, judged: int = 8021, seeds: int = 1) -> Changes:
    compared = (
        comparison("vectorsearch", number, seeds),
        comparison("rrf", number, seeds, gain=0.02, unchanged=0.5),
    )
    curves = tuple(curve(11 - 2 * (at % 2), seed=at + 3) for at in range(seeds))
    return Changes(compared, pairs(judged), curves)


def choice(*recipes: str, seeds: int = 2, queries: int = 30) -> Choice:
    """Recipes that were compared, each a little better than the one before, the second with mining."""
    generator = np.random.default_rng(5)
    base = generator.beta(3, 2, queries)
    tried = []
    for at, name in enumerate(recipes):
        moved = base + generator.normal(0.02 + 0.02 * at, 0.05, (seeds, queries))
        parts = {"mining": 12.0} if at == 1 else {}
        curves = tuple(replace(curve(seed=at + seed), parts=parts, memory_bytes=1_234_567_890) for seed in range(seeds))
        tried.append(Tried(name, curves, np.clip(moved, 0, 1)))
    return Choice(base, tuple(tried))


def done(
    changed: Changes,
    *,
    dataset: str = "sample",
    base: str = "all-MiniLM-L6-v2",
    similarity: str = "cosine",
    choice: Choice | None = None,
    **finetuned: Any,
) -> Any:
    """As much of a fine-tuning as its report reads: a training for each curve; `finetuned` are notes and leaks."""
    options = Options(epochs=10, batch_size=32, learning_rate=5e-5)
    counted = SimpleNamespace(train=range(5053), validation=range(561), dropped_pairs=1204, unknown=3)
    model = SimpleNamespace(name=base, similarity=similarity)
    recipe = SimpleNamespace(dataset=dataset, base=model, pairs=counted, options=options)
    notes = ("212 shared products",)
    return SimpleNamespace(
        trainings=[SimpleNamespace(seed=12 + at, recipe=recipe) for at in range(len(changed.curves))],
        stored=[SimpleNamespace(path="models/53aa51172d14", curve=one) for one in changed.curves],
        changes=changed,
        choice=choice,
        forecast=Forecast(0.512, 0.5475, (0.0121, 0.0602), 30.0),
        finetuned=SimpleNamespace(**{"notes": notes, "leaks": None, **finetuned}),
    )

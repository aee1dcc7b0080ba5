"""What a model that was fine-tuned on Home Depot does to the vector strategies on a slice of Chorus.

The slice: all queries, and the judged products alone, so that embedding them takes minutes. Its means are higher than
those of the whole catalogue; base and fine-tuned are compared on the same products.
`PYTHONPATH=.:tests python -m studies.finetuned_elsewhere CHORUS MODEL` writes `docs/studies/finetuned-elsewhere.csv`.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from relevance.config.reading import read_config
from relevance.finetune.changes import Measured, compare
from relevance.records import Dataset, Judgments, Queries
from relevance.suite import finetuning, make_plan
from relevance.suite.finetuning import COMPARED
from studies.store import FOLDER, collect


def judged_part(dataset: Dataset) -> Dataset:
    """The data set with its judged products alone."""
    judged = np.unique(dataset.judgments.products)
    judgments = Judgments(
        dataset.judgments.queries,
        np.searchsorted(judged, dataset.judgments.products),
        dataset.judgments.grades,
        relevant_from=dataset.judgments.relevant_from,
    )
    catalogue = dataset.catalogue.taken(judged.tolist(), [dataset.catalogue.ids[code] for code in judged.tolist()])
    return Dataset(dataset.name, catalogue, dataset.queries, judgments)


@cache
def numbers_by_name() -> tuple[Queries, Mapping[str, Measured]]:
    """Of the base strategies and of the fine-tuned ones."""
    chorus, model = (Path(path).resolve() for path in sys.argv[1:3])
    options = {"dataset": f"chorus:{chorus}", "engine": "embedded", "finetuned_model": str(model)}
    config = read_config(options=options, environ=os.environ, file=None, root=Path.cwd())
    plan = make_plan(replace(config, floors=None), [strategy for pair in COMPARED for strategy in pair])
    plan = replace(plan, dataset=judged_part(plan.dataset))
    return plan.dataset.queries, finetuning.measure(plan, progress=sys.stderr.isatty())[1]


def measure(strategy: str) -> dict[str, object]:
    """What the fine-tuned strategy gained on its base."""
    queries, by_name = numbers_by_name()
    base = next(base.name for base, tuned in COMPARED if tuned.name == strategy)
    comparison = compare((base, strategy), by_name[base], [by_name[strategy]], queries)
    gain = comparison.over_seeds
    assert gain.interval is not None
    numbers = {"base": gain.base, "fine-tuned": gain.tuned, "difference": gain.difference}
    numbers |= dict(zip(("low", "high"), gain.interval, strict=True))
    return {
        "queries": len(comparison.queries),
        **{name: round(number, 4) for name, number in numbers.items()},
        "gained": len(comparison.gained),
        "lost": len(comparison.lost),
        "judged, base": round(comparison.judged.base, 3),
        "judged, fine-tuned": round(comparison.judged.tuned, 3),
    }


if __name__ == "__main__":
    collect(FOLDER / "finetuned-elsewhere.csv", [{"strategy": tuned.name} for _, tuned in COMPARED], measure)

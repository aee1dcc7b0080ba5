"""What a model that was fine-tuned on Home Depot does to the vector strategies on a slice of Chorus.

The slice: all queries, and the judged products alone, so that embedding them takes minutes. Its means are higher than
those of the whole catalogue; base and fine-tuned are compared on the same products.
`PYTHONPATH=.:tests python -m studies.finetuned_elsewhere CHORUS MODEL` writes `docs/studies/finetuned-elsewhere.csv`.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from relevance.config.reading import read_config
from relevance.evaluation import JUDGED10
from relevance.finetune.changes import compare
from relevance.records import Catalogue, Dataset, Judgments
from relevance.strategies import STRATEGIES
from relevance.suite import make_plan, prepare
from relevance.suite.finetuning import COMPARED
from studies.store import FOLDER, collect

if TYPE_CHECKING:
    from relevance.finetune.changes import Comparison


def judged_part(dataset: Dataset) -> Dataset:
    """The data set with its judged products alone."""
    judged = np.unique(dataset.judgments.products)
    ids = {dataset.catalogue.ids[code] for code in judged.tolist()}
    products, attributes = dataset.catalogue.products, dataset.catalogue.attributes
    attributes["id"] = [dataset.catalogue.ids[code] for code in attributes["product"].tolist()]
    judgments = Judgments(
        dataset.judgments.queries,
        np.searchsorted(judged, dataset.judgments.products),
        dataset.judgments.grades,
        relevant_from=dataset.judgments.relevant_from,
    )
    catalogue = Catalogue(products[products["id"].isin(ids)], attributes[attributes["id"].isin(ids)])
    return Dataset(dataset.name, catalogue, dataset.queries, judgments)


def compared(chorus: Path, model: Path) -> dict[str, tuple[Comparison, float, float]]:
    """By the fine-tuned strategy: the comparison, and the shares of judged hits under base and fine-tuned model."""
    options = {"dataset": f"chorus:{chorus}", "engine": "embedded", "finetuned_model": str(model)}
    config = read_config(options=options, environ=os.environ, file=None, root=Path.cwd())
    plan = make_plan(replace(config, floors=None), [STRATEGIES[name] for names in COMPARED for name in names])
    plan = replace(plan, dataset=judged_part(plan.dataset))
    suite = prepare(plan, progress=sys.stderr.isatty())
    found = {
        strategy.name: suite.judge(strategy, suite.search(strategy), None).evaluation for strategy in plan.strategies
    }
    suite.close()
    return {
        tuned: (
            compare((base, tuned), found[base], [found[tuned]], plan.dataset.queries),
            found[base].mean(JUDGED10),
            found[tuned].mean(JUDGED10),
        )
        for base, tuned in COMPARED
    }


def main() -> None:
    """Measure what is missing."""
    chorus, model = (Path(path).resolve() for path in sys.argv[1:3])
    measured: dict[str, tuple[Comparison, float, float]] = {}

    def measure(strategy: str) -> dict[str, object]:
        if not measured:
            measured.update(compared(chorus, model))
        comparison, before, after = measured[strategy]
        gain = comparison.over_seeds
        assert gain.interval is not None
        return {
            "queries": len(comparison.queries),
            "base": round(gain.base, 4),
            "fine-tuned": round(gain.tuned, 4),
            "difference": round(gain.difference, 4),
            "low": round(gain.interval[0], 4),
            "high": round(gain.interval[1], 4),
            "gained": len(comparison.gained),
            "lost": len(comparison.lost),
            "judged, base": round(before, 3),
            "judged, fine-tuned": round(after, 3),
        }

    collect(FOLDER / "finetuned-elsewhere.csv", [{"strategy": tuned} for _, tuned in COMPARED], measure)


if __name__ == "__main__":
    main()

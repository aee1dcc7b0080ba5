"""All combinations of the text grid against one run of one strategy; nothing is asserted of times."""

import numpy as np
import pytest
from helpers.tables import Show
from parity.rounds import alternate, spread

from relevance import datasets, runner
from relevance.engines import QueryBatch
from relevance.engines.embedded import EmbeddedEngine
from relevance.evaluation import evaluate
from relevance.fields import DEFAULT_FIELDS
from relevance.records import Dataset
from relevance.strategies import STRATEGIES
from relevance.tuning import make_grid
from relevance.tuning.search import _evaluated

ROUNDS, TIMES_AS_LONG = 15, 5
TITLE = "seconds: the text grid's 45 combinations against one run of textsearch_boosted"


@pytest.mark.parametrize("evaluated", [False, True], ids=["rankings alone", "with evaluation"])
@pytest.mark.parametrize("name", ["sample", pytest.param("chorus", marks=pytest.mark.needs("data"))])
def test_the_grid(request: pytest.FixtureRequest, show: Show, name: str, *, evaluated: bool) -> None:
    """Rank all queries by every combination that ranks differently, and by one strategy; the fastest rounds count."""
    dataset: Dataset = datasets.load(datasets.parse(name)) if name == "sample" else request.getfixturevalue(name)
    engine = EmbeddedEngine.index(dataset.catalogue, text_fields=DEFAULT_FIELDS.text, vectors={})
    batch, today = QueryBatch(dataset.queries.texts), STRATEGIES["textsearch_boosted"]
    grid = make_grid("text", today)
    strategies = [grid.strategy(each) for each in {grid.alike(each): each for each in grid.combinations}.values()]
    judged = np.unique(dataset.judgments.queries)

    def one() -> object:
        ranking = runner.search(engine, today, batch)
        return evaluate(ranking, dataset.judgments, n_products=len(dataset.catalogue)) if evaluated else ranking

    def many() -> object:
        if evaluated:
            return _evaluated(lambda _: (engine, batch), dataset, judged, strategies)
        return runner.search_all(engine, strategies, batch)

    rounds = alternate(one, many, rounds=ROUNDS)
    ratio = min(rounds.theirs) / min(rounds.ours)
    show(
        TITLE,
        {
            "data": dataset.name,
            "queries": len(batch),
            "measured": "with evaluation" if evaluated else "rankings alone",
            "one run": min(rounds.ours),
            "45 combinations": min(rounds.theirs),
            "of the fastest": ratio,
            **spread(rounds.ratios()),
            f"target <= {TIMES_AS_LONG}": "met" if ratio <= TIMES_AS_LONG else "SHORT",
        },
    )

"""What is tried of a search on a server is worth what it is without one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from helpers import shop
from parity.server import ReferenceServer

from relevance.config.reading import read_config
from relevance.strategies import STRATEGIES, Strategy
from relevance.suite import make_plan
from relevance.suite.tuning import asking
from relevance.tuning import Tuning, make_space, split_queries, tune

BODY = Strategy(
    "body",
    template={
        "query": {
            "multi_match": {
                "query": "{{query}}",
                "fields": ["product_title^{{tune.boost=3}}", "product_description"],
                "tie_breaker": "{{tune.tie=0.3}}",
                "fuzziness": "{{tune.fuzzy=0}}",
            }
        }
    },
)


def tuned(folder: Path, options: Mapping[str, object], strategy: Strategy, table: Mapping[str, Any]) -> Tuning:
    file = folder / "relevance.toml"
    file.write_text('dataset = "mine"\n[datasets.mine]\nformat = "files"\npath = "data"\n')
    config = read_config(options=options, environ={}, file=file, root=folder)
    space = make_space(strategy, table)
    plan = make_plan(config, space.probes())
    with asking(plan, progress=False) as ask:
        return tune(ask, plan.dataset, space, split_queries(plan.dataset), trials=12)


@pytest.mark.parametrize(
    ("strategy", "table"),
    [
        (BODY, {"boost": [1, 5], "tie": [0.0, 0.7], "fuzzy": ["0", "1"]}),
        (STRATEGIES["textsearch_boosted"], {"analyzer": ["standard", "english"], "k1": {"from": 0.1, "to": 1.2}}),
    ],
    ids=["a body", "readings, by TPE in two indices"],
)
def test_both_engines_try_the_same_and_reach_the_same(
    tmp_path: Path, reference: ReferenceServer, strategy: Strategy, table: Mapping[str, Any]
) -> None:
    shop.write_files(tmp_path / "data", shop.shop())
    release = int(reference.version.partition(".")[0])
    of_server = tuned(tmp_path, {"engine": "elasticsearch", "es_url": reference.url}, strategy, table)
    without = tuned(tmp_path, {"engine": "embedded", "release": release}, strategy, table)
    assert of_server.outcomes == without.outcomes
    assert (of_server.held_out == without.held_out).all()
    assert len({repr(one.means) for one in of_server.outcomes}) > 1

"""What is tried of a search on a server is worth what it is without one."""

from collections.abc import Mapping
from pathlib import Path

from helpers import shop
from parity.server import ReferenceServer

from relevance.config.reading import read_config
from relevance.strategies import STRATEGIES
from relevance.suite import asking, make_plan
from relevance.tuning import Tuning, make_space, split_queries, tune

READINGS = {"analyzer": ["standard", "english"], "k1": {"from": 0.1, "to": 1.2}, "text.title": [4, 8]}


def tuned(folder: Path, options: Mapping[str, object]) -> Tuning:
    file = folder / "relevance.toml"
    file.write_text('dataset = "mine"\n[datasets.mine]\nformat = "files"\npath = "data"\n')
    config = read_config(options=options, environ={}, file=file, root=folder)
    space = make_space(STRATEGIES["textsearch_boosted"], READINGS)
    plan = make_plan(config, space.probes())
    with asking(plan, progress=False) as ask:
        return tune(ask, plan.dataset, space, split_queries(plan.dataset), trials=9)


def test_both_engines_try_the_same_and_reach_the_same(tmp_path: Path, reference: ReferenceServer) -> None:
    shop.write_files(tmp_path / "data", shop.shop())
    release = int(reference.version.partition(".")[0])
    of_server = tuned(tmp_path, {"engine": "elasticsearch", "es_url": reference.url})  # in two indices: 8 and 1
    without = tuned(tmp_path, {"engine": "embedded", "release": release})
    assert of_server.outcomes == without.outcomes
    assert (of_server.held_out == without.held_out).all()
    assert len({repr(one.means) for one in of_server.outcomes}) > 1

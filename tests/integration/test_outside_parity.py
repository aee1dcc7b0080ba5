"""A session by a run file, or by http of a real Elasticsearch, says what the session of the engine itself said."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.project import results, write_project
from helpers.tables import Record
from parity.catalogues import Case, made_batch
from parity.server import LAYOUTS, Layout, ReferenceServer, Shelf

from relevance import runner
from relevance.datasets import Source, load
from relevance.engines import QueryBatch
from relevance.engines.rankers import WithRankers
from relevance.records import Dataset
from relevance.strategies import Strategy, from_table

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
BEFORE = "text = {title = 8, description = 2}"
WORSE = "text = {title = 0.1, description = 1}"
FIELDS = ["product_title^8", "product_description^2"]
QUERY = {"multi_match": {"query": "{{query}}", "fields": FIELDS, "type": "most_fields"}}


def session(project: pytest.Pytester, table: str, *options: str) -> Any:
    """Exit code, and all that a session says of its rankings, without times, definitions and scores of hits."""
    metrics = '[metrics]\nreport = ["nDCG@10", "AP@10", "RR@10", "R@50"]\ngate = ["nDCG@10", "R@50"]'
    id_field = '[elasticsearch.fields]\nid = "product_uid"'  # of an index that exists
    settings = f'strategy = ["shop"]\n\n{metrics}\n\n{id_field}\n\n[strategies.shop]\n{table}\n'
    (project.path / "relevance.toml").write_text(settings)
    own = project.path / "sample"  # a session that fails writes beside its data
    if not own.exists():
        shutil.copytree(ROOT / "fixtures" / "sample", own, ignore=shutil.ignore_patterns("*.asked.csv"))
    ended = project.runpytest_inprocess("benchmarks", "--dataset", f"homedepot:{own}", "--benchmark-disable", *options)
    latest, document = project.path / ".relevance" / "latest", results(project)
    queries = json.loads((latest / "per_query.json").read_text(encoding="utf-8"))
    for query in queries["strategies"]["shop"].values():
        query["hits"] = [uid for uid, _ in query["hits"]]
    run = (latest / "runs" / "shop.run").read_text(encoding="utf-8")
    for comparison in document["comparison"] or ():
        del comparison["changed"]  # what ranks has changed, indeed
    return int(ended.ret), document["strategies"]["shop"], document["comparison"], queries, run


@pytest.mark.parametrize(("table", "code"), [(BEFORE, 0), (WORSE, 1)])
def test_a_run_gives_what_the_session_that_wrote_it_gave(pytester: pytest.Pytester, table: str, code: int) -> None:
    project = write_project(pytester)
    session(project, BEFORE, "--update-baseline")
    engine = session(project, table)
    run: Path = project.path / ".relevance" / "latest" / "runs" / "shop.run"
    run.rename(project.path / "shop.run")
    assert engine == session(project, 'run = "shop.run"')
    assert engine[0] == code
    assert engine[2] is not None


# a real server


@pytest.fixture(scope="module")
def sample() -> Dataset:
    return load(Source("sample", "sample"))


@pytest.fixture(scope="module")
def shelf(reference: ReferenceServer, sample: Dataset) -> Iterator[Shelf]:
    case = Case(sample.catalogue, {}, made_batch(sample.queries.texts, 1))
    opened = Shelf(reference, lambda _: case)
    yield opened
    opened.close()


def by_http(url: str, index: str) -> dict[str, Any]:
    """As docs/rankers.md asks, equal scores by id."""
    sort = ["_score", {"product_uid": "asc"}]
    body = {"size": "{{depth}}", "_source": False, "sort": sort, "query": QUERY}
    paths = {"ids": "$.hits.hits[*]._id", "scores": "$.hits.hits[*]._score"}
    return {"url": f"{url}/{index}/_search", **paths, "body": body}


@pytest.mark.parametrize("layout", [LAYOUTS[0], LAYOUTS[-1]], ids=str)  # neither, and both, of shards and segments
def test_http_ranks_as_the_engine(
    sample: Dataset, shelf: Shelf, reference: ReferenceServer, record: Record, layout: Layout
) -> None:
    engine = shelf.engine("sample", layout)
    table = by_http(reference.url, engine.index.name)
    outside = WithRankers(engine, sample.catalogue, drops=False)
    queries = sample.queries
    batch = QueryBatch(queries.texts, ids=queries.ids)
    expected = runner.search(engine, Strategy("shop", template={"query": QUERY}), batch, hits=50)
    actual = runner.search(outside, from_table("shop", {"http": table}), batch, hits=50)
    lists = (expected.codes != actual.codes).any(axis=1)
    scores = (expected.scores != actual.scores).any(axis=1)
    figures = {"lists": len(lists), "different": int(lists.sum()), "of other scores": int(scores.sum())}
    record("http beside the engine", figures, columns=layout.columns)
    assert figures == {"lists": len(queries), "different": 0, "of other scores": 0}
    assert (expected.codes >= 0).any(axis=1).mean() > 0.5
    ties = (expected.scores[:, 1:] == expected.scores[:, :-1]) & (expected.codes[:, 1:] >= 0)
    assert ties.any(), "equal scores are ordered as well"


def test_http_gives_what_the_engine_gives(pytester: pytest.Pytester, shelf: Shelf, reference: ReferenceServer) -> None:
    query = {"match": {"product_description": "{{query}}"}}
    project = write_project(pytester)
    index = shelf.engine("sample", LAYOUTS[0]).index.name
    http = by_http(reference.url, index)
    (project.path / "search.json").write_text(json.dumps({"query": query}))
    (project.path / "body.json").write_text(json.dumps(http["body"] | {"query": query}))
    (project.path / "before.json").write_text(json.dumps({"query": QUERY}))
    own = ("--engine", "elasticsearch", "--es-url", reference.url, "--es-index", index)
    session(project, 'template = "before.json"', *own, "--update-baseline")
    engine = session(project, 'template = "search.json"', *own)
    paths = "".join(f"{name} = '{http[name]}'\n" for name in ("url", "ids", "scores"))
    assert engine == session(project, f'[strategies.shop.http]\n{paths}body = "body.json"')
    assert engine[0] == 1

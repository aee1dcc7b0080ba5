"""A run file gives the metrics, p values and verdicts of the session that wrote it."""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.project import results, write_project

pytest_plugins = ["pytester"]

BEFORE = "text = {title = 8, description = 2}"
WORSE = "text = {title = 0.1, description = 1}"


def session(project: pytest.Pytester, table: str, *options: str) -> Any:
    """Exit code, and all that a session says of its rankings, without times, definitions and scores of hits."""
    metrics = '[metrics]\nreport = ["nDCG@10", "AP@10", "RR@10", "R@50"]\ngate = ["nDCG@10", "R@50"]'
    (project.path / "relevance.toml").write_text(f'strategy = ["shop"]\n\n{metrics}\n\n[strategies.shop]\n{table}\n')
    ended = project.runpytest_inprocess("benchmarks", "--dataset", "sample", "--benchmark-disable", *options)
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

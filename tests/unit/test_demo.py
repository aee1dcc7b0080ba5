"""`relevance demo`: a shop that is judged whole, one slip, and what the command says of the sessions."""

import json
import os
import webbrowser
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from relevance import cli
from relevance.cli import demo
from relevance.datasets import load, parse
from relevance.demo import CONFIGURATION, files, with_slip
from relevance.engines import QueryBatch
from relevance.engines.embedded import EmbeddedEngine
from relevance.evaluation import NDCG10, evaluate
from relevance.strategies import STRATEGIES


def test_the_slip_loses_a_part_of_the_queries_and_every_hit_is_judged(tmp_path: Path) -> None:
    for name, content in files().items():
        if name.startswith("data/"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(content)
    dataset = load(parse(f"files:{tmp_path / 'data'}"))
    engine = EmbeddedEngine.index(dataset.catalogue, text_fields=("title", "description"), vectors={})
    (boosted,) = STRATEGIES["textsearch_boosted"].legs()
    means, judged = [], set(zip(dataset.judgments.queries.tolist(), dataset.judgments.products.tolist(), strict=True))
    for title in (8.0, 0.8):
        leg = replace(boosted, text=(("title", title), ("description", 1.0)))
        ranking = engine.search(leg, QueryBatch(dataset.queries.texts), hits=10)
        hits = {(query, code) for query, codes in enumerate(ranking.codes.tolist()) for code in codes if code >= 0}
        assert hits <= judged
        means.append(evaluate(ranking, dataset.judgments, n_products=len(dataset.catalogue)).per_query[NDCG10])
    before, after = means
    assert (len(before), round(before.mean(), 3), round(after.mean(), 3)) == (80, 0.987, 0.935)
    assert ((after < before).sum(), (after > before).sum()) == (45, 0)


def test_the_slip_is_one_line_of_the_configuration() -> None:
    good = files()[CONFIGURATION].decode()
    changed = [pair for pair in zip(good.splitlines(), with_slip(good).splitlines(), strict=True) if len(set(pair)) > 1]
    assert changed == [("text = {title = 8, description = 1}", "text = {title = 0.8, description = 1}")]


def sessions(monkeypatch: pytest.MonkeyPatch, *codes: int, page: bool = True) -> list[dict[str, Any]]:
    """Let pytest end with these exit codes; the environments that it had."""
    asked: list[dict[str, Any]] = []

    def run(command: list[str], *, cwd: Path, env: dict[str, str], **_: Any) -> CompletedProcess[str]:
        asked.append({"command": command[1:], "environment": env})
        if page:
            (cwd / ".relevance" / "latest").mkdir(parents=True, exist_ok=True)
            (cwd / ".relevance" / "latest" / "report.html").write_text("<html>")
        return CompletedProcess(command, codes[len(asked) - 1], stdout="one\ntwo\n")

    monkeypatch.setattr(demo.subprocess, "run", run)
    return asked


def test_two_sessions_run_without_the_settings_of_whoever_runs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = {"RELEVANCE_STRATEGY", "CI", "PYTEST_ADDOPTS", "GITHUB_STEP_SUMMARY", "ES_URL"}
    for name in foreign:
        monkeypatch.setenv(name, "x")
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or True)
    asked = sessions(monkeypatch, 0, 1)
    folder = tmp_path / "shop"
    assert cli.main(["demo", "--into", str(folder), "--open"]) == 0
    usual = ["-m", "pytest", "--benchmark-disable"]
    assert [one["command"] for one in asked] == [[*usual, "--update-baseline"], usual]
    assert not foreign & set(asked[1]["environment"])
    page = folder / ".relevance" / "latest" / "report.html"
    printed = capsys.readouterr().out.splitlines()
    assert f"the page: {page}" in printed
    assert "+ text = {title = 0.8, description = 1}" in printed
    assert opened == [page.as_uri()]
    assert "title = 0.8" in (folder / CONFIGURATION).read_text()


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((4,), ["pytest ended with exit code 4 in {}", "  one", "  two"]),
        ((0, 0), ["pytest ended with exit code 0 in {}; expected: 1, the change is a loss"]),
    ],
)
def test_a_session_that_ends_otherwise_is_no_demo(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    codes: tuple[int, ...],
    expected: list[str],
) -> None:
    sessions(monkeypatch, *codes, page=False)
    assert cli.main(["demo", "--into", str(tmp_path / "shop")]) == 3
    first, *others = expected
    line = f"relevance: {first.format(tmp_path / 'shop')}"
    assert capsys.readouterr().err.splitlines() == [line, *others]


def test_who_reads_nothing_or_the_first_line_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions(monkeypatch, 0, 1, 0, 1)
    with monkeypatch.context() as closed:
        closed.setattr("sys.stdout", None)
        assert cli.main(["demo", "--into", str(tmp_path / "closed")]) == 0
    reader, writer = os.pipe()
    os.close(reader)
    with monkeypatch.context() as gone, os.fdopen(writer, "w") as stream:
        gone.setattr("sys.stdout", stream)
        assert cli.main(["demo", "--into", str(tmp_path / "gone")]) == 0
    assert "title = 0.8" in (tmp_path / "gone" / CONFIGURATION).read_text()


def test_a_folder_cannot_speak_to_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sessions(monkeypatch, 0, 1)
    assert cli.main(["demo", "--into", str(tmp_path / "a\x1b[2J")]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert cli.main(["demo", "--into", str(tmp_path)]) == 2
    assert "holds mine.txt, nothing was written; allowed: a new or empty folder" in capsys.readouterr().err


def test_the_catalogue_is_the_same_each_time() -> None:
    assert files() == files()
    first = json.loads(files()["data/products.jsonl"].splitlines()[0])
    assert (first["id"], first["attributes"]) == ("p001", {"wood": "oak"})

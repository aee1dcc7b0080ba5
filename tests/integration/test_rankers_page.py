"""docs/rankers.md: its strategies and programs run as they are typed, on the sample, and print what the page shows."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from helpers import search_servers
from helpers.console import ROOT, Terminal, blocks, difference
from helpers.endpoint import Answered, Asked, answering, as_json
from helpers.rankers_page import COMMAND, PAGE, STRATEGIES, TANTIVY, TOML

from relevance.datasets import Source, load
from relevance.records import Dataset
from relevance.report.results import qrels_text

FILES = {
    "relevance.toml": 'dataset = "shop"\n\n[datasets.shop]\nformat = "files"\npath = "data"\n\n' + "\n".join(TOML),
    "tantivy_search.py": TANTIVY,
    "rank.py": COMMAND,
    "conftest.py": 'pytest_plugins = ["relevance.plugin"]\n',
    "benchmarks/test_strategies.py": (ROOT / "benchmarks" / "test_strategies.py").read_text(encoding="utf-8"),
}


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


def write_data(folder: Path, dataset: Dataset) -> None:
    columns = (dataset.catalogue.texts(name) for name in ("title", "description"))
    rows = zip(dataset.catalogue.ids, *columns, strict=True)
    names = ("id", "title", "description")
    write(folder, "products.jsonl", "".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows))
    queries = zip(dataset.queries.ids, dataset.queries.texts, strict=True)
    write(folder, "queries.tsv", "".join(f"{uid}\t{text}\n" for uid, text in queries))
    write(folder, "qrels.txt", qrels_text(dataset))


def api(shelf: search_servers.Shelf) -> search_servers.Answer:
    """The search API of the page's first endpoint."""

    def answer(asked: Asked) -> Answered:
        parts = urlsplit(asked.path)
        params = parse_qs(parts.query)
        if parts.path != "/v1/search" or asked.headers.get("authorization") != "Bearer s3cret":
            return as_json({"message": "who are you?"}, 401)
        hits = shelf.find(params["q"][0], {"title": 1}, int(params["limit"][0]))
        return as_json({"results": [{"sku": uid, "score": score} for uid, score in hits]})

    return answer


SERVERS = {
    "https://search.example.com": api,
    "http://localhost:9200": search_servers.opensearch,
    "http://localhost:8983": search_servers.solr,
    "http://localhost:8080": search_servers.vespa,
}


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """One whose folder `shop` has the sample's data, the page's files, and servers beside it."""
    monkeypatch.setenv("SEARCH_TOKEN", "s3cret")
    opened = Terminal(tmp_path)
    shop, sample = opened.places["shop"], load(Source("sample", "sample"))
    write_data(shop / "data", sample)
    shelf = search_servers.Shelf.of(sample.catalogue)
    with ExitStack() as running:
        files = dict(FILES)
        for url, server in SERVERS.items():
            assert url in files["relevance.toml"]
            there = running.enter_context(answering(server(shelf)))
            files["relevance.toml"] = files["relevance.toml"].replace(url, there.url)
        for name, text in files.items():
            write(shop, name, text)
        yield opened


def session(terminal: Terminal, command: str) -> list[str]:
    code, printed = terminal.run("shop", command)
    assert code == 0, "\n".join(printed)
    return printed


def test_strategies_of_the_page_run_as_they_are_typed(terminal: Terminal) -> None:
    """The session that wrote a run gives what a session with the run gives; the table is the page's."""
    shop = terminal.places["shop"]
    (block,) = [one for one in blocks(PAGE) if one.commands[0][0].startswith("pytest")]
    ((command, shown),) = block.commands
    session(terminal, "pytest benchmarks/ --benchmark-disable --strategy fts")
    write(shop, "runs/last-year.run", (shop / ".relevance" / "latest" / "runs" / "fts.run").read_text(encoding="utf-8"))
    session(terminal, f"{command} --update-baseline")
    printed = session(terminal, command)
    assert not difference(shown, printed), "\n".join(printed)
    rows = {line.split()[0]: line.split()[1:5] for line in printed if re.match(r"\w+ +0\.\d{4}", line)}
    assert rows.keys() == STRATEGIES.keys() - {"shop"}
    assert rows["last_year"] == rows["fts"]
    assert "s3cret" not in "".join(path.read_text("utf-8") for path in (shop / ".relevance").rglob("*.*"))


@pytest.mark.parametrize("block", TOML, ids=lambda block: block.splitlines()[0])
def test_a_strategy_is_fifteen_lines_at_most(block: str) -> None:
    assert len([line for line in block.splitlines() if line.strip()]) <= 15

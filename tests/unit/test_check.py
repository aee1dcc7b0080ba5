"""What `check` finds in a configuration, as data and as lines; no model is loaded for it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from helpers.snapshots import measured, snapshot

from relevance import datasets, engines, suite
from relevance.baseline import write_baseline
from relevance.check import check, judgments_rows, search_seconds, texts_to_embed
from relevance.cli import main
from relevance.config.reading import read_config
from relevance.embeddings import resolve
from relevance.embeddings.cache import SUFFIX, open_store, text_digest
from relevance.errors import CouldNotRunError, RelevanceError
from relevance.records import Judgments
from relevance.strategies import STRATEGIES

if TYPE_CHECKING:
    from pathlib import Path

    from relevance.config import Config

PRODUCTS = (
    {"id": "a", "title": "Red kite", "description": "Flies well.", "attributes": {"colour": "red", "span": "1 m"}},
    {"id": "b", "title": "Drum", "description": "Loud.", "attributes": {"size": "10 in"}},
    {"id": "c", "title": "Drum", "description": "  "},
    {"id": "d", "title": "Drum", "description": "Loud.", "attributes": {"size": "10 in"}},
)
QRELS = "q1 0 a 2\nq1 0 b 0\nq2 0 b 1\nq2 0 c 1\nq2 0 d 2\nq3 0 a 0\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four products, three queries, some of everything that a check looks for."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "products.jsonl").write_text("".join(f"{json.dumps(product)}\n" for product in PRODUCTS))
    (data / "queries.tsv").write_text("q1\tred kite\nq2\tdrum\nq3\ttrumpet\n")
    (data / "qrels.txt").write_text(QRELS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _config(project: Path, *strategies: str, **options: object) -> Config:
    given = {"dataset": "files:data", "engine": "embedded", "strategy": list(strategies or ["textsearch"]), **options}
    return read_config(options=given, environ={}, file=None, root=project, cwd=project)


ALL_RELEVANT = "every judged product counts as relevant (grades 1 to 4, relevant from 1), MRR and MAP hardly"
NONE_RELEVANT = "no grade reaches 1, MRR and MAP are 0: set relevant_from in [datasets.NAME], such as"


@pytest.mark.parametrize(
    ("grades", "relevant_from", "parts"),
    [
        ((1, 3, 4), None, (ALL_RELEVANT, "set relevant_from in [datasets.NAME], such as 3")),
        ((0.25, 0.5, 0.75), None, (NONE_RELEVANT,)),
        ((1, 3, 4), 3, ()),
        ((0, 3, 4), None, ()),
        ((1, 1, 1), None, ()),
    ],
)
def test_scales_on_which_everything_or_nothing_is_relevant(
    project: Path, grades: tuple[float, ...], relevant_from: float | None, parts: tuple[str, ...]
) -> None:
    """It is said, and how to say otherwise; not of clicks, which are all that there is."""
    qrels = "".join(f"q1 0 {product} {grade}\n" for product, grade in zip("abc", grades, strict=True))
    (project / "data" / "qrels.txt").write_text(qrels)
    config = _config(project)
    lines = check(replace(config, source=replace(config.source, relevant_from=relevant_from))).lines
    hints = [line for line in lines if "relevant_from" in line]
    assert len(hints) == bool(parts)
    assert all(part in hints[0] for part in parts)


def test_queries_without_judgments_are_looked_at(project: Path) -> None:
    """Only an engine of others could have them: loaders leave them out."""
    dataset = datasets.load(_config(project).source)
    of_first = dataset.judgments.queries == 0
    judgments = Judgments(*(getattr(dataset.judgments, name)[of_first] for name in ("queries", "products", "grades")))
    line = ("look at", "2 queries ('drum', 'trumpet') without a judgment, left out of the means")
    assert line in judgments_rows(replace(dataset, judgments=judgments))


def _lines(project: Path, *strategies: str, **options: object) -> list[str]:
    return list(check(_config(project, *strategies, **options)).lines)


def test_floors(project: Path) -> None:
    """Strategies have floors, of this corpus or another, or none; a file in the usual place needs no name."""
    (project / "floors.toml").write_text(
        '[files.textsearch]\nMRR = 0.1\n[files.rrf]\nMRR = 0.1\ncorpus = "00000000"\n[sample.hybrid]\nMRR = 0.1\n'
    )
    lines = _lines(project, "textsearch", "hybrid", "rrf", floors="floors.toml", cache_dir="cache")
    at = next(number for number, line in enumerate(lines) if line.startswith("  strategies"))
    assert lines[at : at + 3] == [
        f"  strategies  3, 2 of them gated by {project / 'floors.toml'}",
        "  look at     no floors: hybrid (pytest --suggest-floors prints some)",
        "  look at     floors that were set for another corpus: rrf",
    ]
    (project / "benchmarks").mkdir()
    usual = (project / "floors.toml").rename(project / "benchmarks" / "thresholds.toml")
    assert f"  strategies  1, 1 of them gated by {usual}" in _lines(project)


def test_lines_of_text_strategies(project: Path) -> None:
    """The whole answer, as a person sees it."""
    lines = _lines(project)
    assert lines[:-2] == [
        f"files: {project / 'data'}",
        "  products    4; 1 (25%) without a description, 1 (25%) without attributes",
        "  equal       2 (50%) with the title of an earlier one, 1 (25%) with all its text",
        "  attributes  4",
        "  queries     3",
        "  judgments   6, 1 to 3 a query (median 2)",
        "  judged      4 (100%) of the products",
        "  grades      0: 2, 1: 2, 2: 2; relevant from 1",
        "  look at     1 query ('trumpet') without a relevant product, 0 in every mean",
        "  strategies  1, none of them gated: no file of floors",
        "  look at     no floors: textsearch (pytest --suggest-floors prints some)",
        "  baseline    none at benchmarks/baselines/files.json; pytest --update-baseline makes one",
        "  engine      embedded (asked for)",
    ]
    assert lines[-2] == "  time        about 1 s to measure the strategies on the embedded engine, in four rounds each"
    assert lines[-1].startswith("  memory      about 0.2 GiB")


def test_the_engine_that_would_rank_and_why(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its line, and below it how to get another one where it was taken for want of that."""
    monkeypatch.setattr(engines, "choose", lambda *_: engines.embedded_choice("embedded (no Docker)", "take --es-url"))
    lines = [line for line in _lines(project) if line.startswith("  engine")]
    assert lines == ["  engine      embedded (no Docker)", "  engine      take --es-url"]


def test_an_engine_that_is_not_there_is_a_problem(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, could not run; the rest is still read, but for the products of an index that nobody knows."""

    def absent(*_: object) -> None:
        raise CouldNotRunError("elasticsearch at http://a:1: nothing answers")

    monkeypatch.setattr(engines, "choose", absent)
    found = check(_config(project))
    assert (found.problems, found.could_not_run) == (("elasticsearch at http://a:1: nothing answers",), True)
    assert found.lines[1].startswith("  products")
    assert not any(line.startswith("  engine") for line in found.lines)
    existing = check(_config(project, es_index="shop", es_url="http://a:1"))
    assert (existing.problems, existing.lines) == (found.problems, (f"files: {project / 'data'}",))


def test_the_products_of_an_index_that_exists_are_counted(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the suite counts them: the catalogue is the index's, judgments of products that it lacks are not."""
    embedded = engines.embedded_choice("elasticsearch 8.19.5 at http://a:1, index shop as it is")
    notes = ("index 'shop': 3 deleted documents",)
    known = replace(embedded, name="elasticsearch", product_ids=["a", "z"], notes=notes)
    monkeypatch.setattr(engines, "choose", lambda *_: replace(embedded, existing=lambda _: known))
    found = check(_config(project, es_index="shop", es_url="http://a:1", unknown_products="drop"))
    assert found.problems == ()
    counted = [line for line in found.lines if line.startswith(("  products", "  judgments", "  engine", "  note  "))]
    assert counted[:4] == [
        "  products    2; 1 (50%) without a description, 1 (50%) without attributes",
        "  judgments   2, 1 to 1 a query (median 1)",
        f"  engine      {embedded.line}",
        "  note        index 'shop': 3 deleted documents",
    ]
    assert not any("embedded engine" in line for line in found.lines)


def test_a_folder_of_results_that_cannot_be_written_is_one_problem_of_several(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As on a read-only checkout: everything else is said too."""
    monkeypatch.chdir(project)
    (project / "out").write_text("a file")
    assert main(["check", "--dataset", "files:data", "--strategy", "textsearch", "--out", "out"]) == 2
    printed = capsys.readouterr()
    assert "products    4;" in printed.out
    assert printed.err.startswith("relevance: --out ")
    assert printed.err.count("\n") == 1


WRONG = {
    "data": ("data/qrels.txt", "q1 0 a many\n"),
    "floors": ("floors.toml", "[files.textsearch]\nMRR = 2\n"),
    "model": ("model/modules.json", "[]"),
}


@pytest.mark.parametrize("part", WRONG)
def test_what_check_finds_wrong_the_suite_refuses(project: Path, part: str) -> None:
    """Each part that is wrong is one problem, the line with which the suite would end; the others are still read."""
    (project / "floors.toml").write_text("")
    (project / "model").mkdir()
    model = "" if part != "model" else str(project / "model")
    options = {"floors": "floors.toml", "cache_dir": "cache", **({"model": model} if model else {})}
    config = _config(project, "vectorsearch" if model else "textsearch", **options)
    assert model or check(config).problems == ()
    name, text = WRONG[part]
    (project / name).write_text(text)
    findings = check(config)
    with pytest.raises(RelevanceError) as refused:
        suite.make_plan(config, config.selected)
    assert findings.problems == (str(refused.value),)
    assert not findings.could_not_run
    assert any(line.startswith("  products") for line in findings.lines) == (part != "data")


def _baseline(project: Path, folder: str) -> Path:
    """Of the project's data, as a session writes it."""
    data = suite.snapshot_of_data(datasets.load(_config(project).source))
    measured_on = {"strategies": {"own": measured([0.5] * 3, [("a",)] * 3)}, "engine": snapshot().engine}
    (project / folder).mkdir(parents=True)
    return write_baseline(replace(data, **measured_on), project / folder)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("wrong", ["", "gone", "other data", "merge", "merge, without data"])
def test_baselines(project: Path, capsys: pytest.CaptureFixture[str], wrong: str, named: bool) -> None:  # noqa: FBT001 - a case
    """Named or at the usual place: what one holds, or the line with which pytest refuses it, exit code 2."""
    path = _baseline(project, "other" if named else "benchmarks/baselines")
    config, row = _config(project), "baseline    " if "without" not in wrong else "baseline  "
    data = suite.snapshot_of_data(datasets.load(config.source))
    if wrong == "gone":
        path.unlink()
        path.symlink_to("nowhere")
    if wrong == "other data":
        (project / "data" / "qrels.txt").write_text(QRELS.replace("q1 0 b 0", "q1 0 b 1"))
        data = suite.snapshot_of_data(datasets.load(config.source))
    if "merge" in wrong:
        path.write_text(f"<<<<<<< HEAD\n{path.read_text()}=======\n>>>>>>> other\n")
    if "without" in wrong:
        (project / "data" / "qrels.txt").write_text(WRONG["data"][1])
    options = ["--baseline", str(path)] if named else []
    fixed = ["--dataset", "files:data", "--engine", "embedded", "--strategy", "textsearch"]
    code, printed = main(["check", *fixed, *options]), capsys.readouterr()
    name = str(path.relative_to(project))
    if not wrong:
        assert (code, printed.err) == (0, "")
        assert f"  {row}{name}, 1 strategy\n" in printed.out
        return
    with pytest.raises(RelevanceError) as refused:
        suite.read_checked(path, data, cwd=project, on_common_queries=False)
    assert (code, printed.err.splitlines()[-1]) == (2, f"relevance: {refused.value}")
    assert len(printed.err.splitlines()) == 1 + ("without" in wrong)
    assert row not in printed.out


def test_a_baseline_of_other_data_is_taken_on_common_queries(project: Path) -> None:
    """As a session takes it."""
    path = _baseline(project, "benchmarks/baselines")
    (project / "data" / "qrels.txt").write_text(QRELS.replace("q1 0 b 0", "q1 0 b 1"))
    found = check(_config(project, on_common_queries=True))
    assert found.problems == ()
    assert f"  baseline    {path.relative_to(project)}, 1 strategy (on common queries)" in found.lines


def test_problems_stand_in_the_order_in_which_a_session_meets_them(project: Path) -> None:
    """The first is the line with which it would end."""
    (project / "floors.toml").write_text(WRONG["floors"][1])
    (project / "data" / "qrels.txt").write_text(WRONG["data"][1])
    config = _config(project, floors="floors.toml")
    with pytest.raises(RelevanceError) as refused:
        suite.make_plan(config, config.selected)
    problems = check(config).problems
    assert (len(problems), problems[0]) == (2, str(refused.value))


def test_nothing_readable_is_still_an_answer(project: Path) -> None:
    """Without a data set the lines say which one was meant, and nothing else."""
    (project / "data" / "products.jsonl").unlink()
    findings = check(_config(project))
    assert len(findings.problems) == 1
    assert findings.lines == (f"files: {project / 'data'}", "  engine  embedded (asked for)")


def test_search_seconds_grow_with_everything() -> None:
    """The estimate is proportional to products, to queries and to the lists that the strategies search."""
    one = search_seconds([STRATEGIES["textsearch"]], products=1000, queries=100)
    assert search_seconds([STRATEGIES["textsearch"]], products=2000, queries=300) == pytest.approx(6 * one)
    assert search_seconds([STRATEGIES["rrf_multi"]], products=1000, queries=100) == pytest.approx(4 * one)


@pytest.mark.needs("model")
def test_texts_to_embed_of_the_packaged_model(project: Path) -> None:
    """Each embedded text of each strategy and the queries, equal texts once; nothing is in a new cache."""
    lines = _lines(project, "vectorsearch", "vectorsearch_multifield", cache_dir="cache")
    counts = {"title": 2, "description": 2, "attributes": 2, "whole": 3, "queries": 3}
    expected = [
        f"  embedded    base, {field}: {count} texts, 0 cut at 256 tokens; {count} not in the cache"
        for field, count in counts.items()
    ]
    assert [line for line in lines if line.startswith("  embedded")] == expected
    (time,) = [line for line in lines if "to embed" in line]
    assert re.fullmatch(r"  time        about 1 s to embed 12 texts at [\d,]+ texts a second, assumed for .*", time)


def _texts(count: int) -> list[str]:
    """Every fourth one is longer than 8 tokens."""
    return [f"kite {number} " + ("red " * 20 if number % 4 == 0 else "") for number in range(count)]


@pytest.mark.needs("model")
@pytest.mark.parametrize(("count", "exact"), [(400, True), (4002, False)])
def test_cut_texts_are_counted_or_estimated(tmp_path: Path, count: int, exact: bool) -> None:  # noqa: FBT001 - a case
    """Few texts are all counted; of many a part is, and the number is an estimate, here within a tenth."""
    model = resolve(max_tokens=8)
    found = texts_to_embed(_texts(count), model, "document", cache_dir=tmp_path, names=("base", "whole"))
    assert found.exact == exact
    assert found.cut == pytest.approx((count + 3) // 4, rel=0.1 if not exact else 0)


@pytest.mark.needs("model")
def test_what_is_in_the_cache_is_not_missing(tmp_path: Path) -> None:
    """Texts that were embedded before take no time again."""
    model = resolve()
    texts = ["kite", "drum", "trumpet"]
    vectors = np.eye(2, model.dimensions, dtype=np.float32)
    open_store(tmp_path, model, "document").add([text_digest(text) for text in texts[:2]], [3, 3], vectors)
    found = texts_to_embed([*texts, "kite", " "], model, "document", cache_dir=tmp_path, names=("base", "title"))
    assert (found.texts, found.missing) == (3, 1)
    again = texts_to_embed(texts[:2], model, "document", cache_dir=tmp_path, names=("base", "title"))
    assert (again.missing, again.seconds) == (0, 0.0)


@pytest.mark.needs("model")
def test_a_damaged_cache_is_no_problem(project: Path) -> None:
    """What a file of the cache held will be computed again: it counts as missing."""
    config = _config(project, "vectorsearch", cache_dir="cache")
    store = open_store(project / "cache", resolve(**asdict(config.models["base"])), "document")
    store.folder.mkdir(parents=True)
    (store.folder / f"0{SUFFIX}").write_bytes(b"no shard")
    findings = check(config)
    assert findings.problems == ()
    embedded = [line for line in findings.lines if line.startswith("  embedded")]
    assert [re.search(r": (\d) texts, .*; \1 not in the cache$", line) is not None for line in embedded] == [True, True]


@pytest.mark.needs("model")
def test_without_a_tokenizer_words_are_counted(tmp_path: Path) -> None:
    """A model without tokenizer.json is no error: the words give an estimate, and it is called one."""
    model = resolve(max_tokens=8)
    model = replace(model, transformer=tmp_path)
    found = texts_to_embed(_texts(400), model, "document", cache_dir=tmp_path, names=("base", "whole"))
    assert (found.exact, found.cut) == (False, 100)

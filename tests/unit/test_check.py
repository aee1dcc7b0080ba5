"""What `check` finds in a configuration, as data and as lines; nothing is embedded for it."""

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.pages import payload
from helpers.snapshots import measured, snapshot

from relevance import datasets, engines, suite
from relevance.baseline import write_baseline
from relevance.check import Findings, check, judgments_rows, search_seconds, texts_to_embed
from relevance.cli import main
from relevance.config import Config
from relevance.config.reading import read_config
from relevance.embeddings import resolve
from relevance.embeddings.cache import SUFFIX, open_store, text_digest
from relevance.errors import CouldNotRunError, InputError, RelevanceError
from relevance.records import Dataset, Judgments
from relevance.strategies import STRATEGIES, Strategy

PRODUCTS = (
    {"id": "a", "title": "Red kite", "description": "Flies well.", "attributes": {"colour": "red", "span": "1 m"}},
    {"id": "b", "title": "Drum", "description": "Loud.", "attributes": {"size": "10 in"}},
    {"id": "c", "title": "Drum", "description": "  "},
    {"id": "d", "title": "Drum", "description": "Loud.", "attributes": {"size": "10 in"}},
)
QRELS = "q1 0 a 2\nq1 0 b 0\nq2 0 b 1\nq2 0 c 1\nq2 0 d 2\nq3 0 a 0\n"
COMMAND = ("check", "--dataset", "files:data", "--engine", "embedded", "--strategy", "textsearch")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four products, three queries, some of everything that a check looks for."""
    (tmp_path / "data").mkdir()
    products = "".join(f"{json.dumps(product)}\n" for product in PRODUCTS)
    (tmp_path / "data" / "products.jsonl").write_text(products)
    (tmp_path / "data" / "queries.tsv").write_text("q1\tred kite\nq2\tdrum\nq3\ttrumpet\n")
    (tmp_path / "data" / "qrels.txt").write_text(QRELS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def configured(*strategies: str, **options: object) -> Config:
    usual = {"dataset": "files:data", "engine": "embedded", "strategy": list(strategies or ["textsearch"])}
    return read_config(options=usual | options, environ={}, file=None, root=Path.cwd())


def found(*strategies: str, **options: object) -> Findings:
    return check(configured(*strategies, **options))


def rows(findings: Findings, *subjects: str) -> list[str]:
    return [line for line in findings.lines if line.split("  ")[1:2] and line.split("  ")[1] in subjects]


FEW = "3 judged queries: the gate's paired test needs 50 ([gate] least_queries), with fewer a drop beside a baseline "
FEW += "is a likely loss at most, and only 3 or more queries that newly return nothing fail"


def test_lines_of_text_strategies(project: Path) -> None:
    *lines, time, memory = found().lines
    assert lines == [
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
        f"  look at     {FEW}",
        "  engine      embedded (asked for)",
    ]
    assert time == "  time        about 1 s to measure the strategies on the embedded engine, in four rounds each"
    assert memory.startswith("  memory      about 0.2 GiB")


ALL_RELEVANT = "every judged product counts as relevant (grades 1 to 4, relevant from 1), MRR and MAP hardly move: "
NONE_RELEVANT = "no grade reaches 1, MRR and MAP are 0: "


@pytest.mark.parametrize(
    ("grades", "relevant_from", "hint"),
    [
        ((1, 3, 4), None, f"{ALL_RELEVANT}set relevant_from in [datasets.NAME], such as 3"),
        ((0.25, 0.5, 0.75), None, f"{NONE_RELEVANT}set relevant_from in [datasets.NAME], such as 0.75"),
        ((1, 3, 4), 3, ""),
        ((0, 3, 4), None, ""),
        ((1, 1, 1), None, ""),  # clicks are all that there is
    ],
)
def test_scales_on_which_everything_or_nothing_is_relevant(
    project: Path, grades: tuple[float, ...], relevant_from: float | None, hint: str
) -> None:
    qrels = "".join(f"q1 0 {product} {grade}\n" for product, grade in zip("abc", grades, strict=True))
    (project / "data" / "qrels.txt").write_text(qrels)
    config = configured()
    lines = check(replace(config, source=replace(config.source, relevant_from=relevant_from))).lines
    hints = [line.split("  ")[-1].strip() for line in lines if "relevant_from" in line]
    assert hints == ([hint] if hint else [])


@pytest.mark.usefixtures("project")
def test_queries_without_judgments_are_looked_at() -> None:
    dataset = datasets.load(configured().source)  # loaders leave them out; an index of others may have some
    of_first = dataset.judgments.queries == 0
    judgments = Judgments(*(getattr(dataset.judgments, name)[of_first] for name in ("queries", "products", "grades")))
    line = ("look at", "2 queries ('drum', 'trumpet') without a judgment, left out of the means")
    assert line in judgments_rows(replace(dataset, judgments=judgments))


@pytest.mark.parametrize("selected", ["textsearch", "raw"])
def test_a_strategy_that_cannot_be_made_is_an_error_beside_the_report(
    project: Path, capsys: pytest.CaptureFixture[str], selected: str
) -> None:
    (project / "relevance.toml").write_text('[strategies.raw]\ntemplate = "raw.json"')
    (project / "raw.json").write_text('{"query": "{{qeury}}"}')
    assert main([*COMMAND[:-1], selected]) == 2
    out, err = capsys.readouterr()
    assert "  judgments   6, 1 to 3 a query" in out
    assert f"strategy 'raw' ({project}/raw.json): template: unknown mark" in err


def test_a_value_of_a_parameter_that_a_body_does_not_take_is_a_problem(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "relevance.toml").write_text(
        'mapping = "index.json"\n[strategies.shop]\ntemplate = "search.json"\n[strategies.plain]\ntext = {title = 1}'
    )
    body = {"mappings": {"properties": {"title": {"type": "text"}, "price": {"type": "double"}}}}
    (project / "index.json").write_text(json.dumps(body))
    most = {"range": {"price": {"lte": "{{params.most?}}"}}}
    must = [{"match": {"title": "{{query}}"}}, {"term": {"colur": 1}}]
    (project / "search.json").write_text(json.dumps({"query": {"bool": {"must": must, "filter": [most]}}}))
    (project / "data" / "queries.tsv").write_text("id\ttext\tmost\nq1\tred kite\t9\nq2\tdrum\tmuch\nq3\ttrumpet\n")
    assert main([*COMMAND[:-2], "--strategy", "shop,plain"]) == 2
    out, err = capsys.readouterr()
    line = f"strategy 'shop' ({project}/search.json): no field 'colur' in the mapping"
    assert [row.split()[:2] for row in out.splitlines() if line in row] == [["look", "at"]]
    assert err.splitlines()[-1] == (
        f"relevance: strategy 'shop' ({project}/search.json) will fail on query 'q2' (drum {{most=much}}): "
        "query.bool.filter[0].range: field 'price' (double): 'much' is no number; allowed: a number"
    )


def test_parameters_that_a_template_needs(project: Path) -> None:
    lines = [{"id": "q1", "text": "red kite", "colour": "red"}, {"id": "q2", "text": "drum"}, {"id": "q3", "text": "x"}]
    (project / "data" / "queries.tsv").unlink()
    (project / "data" / "queries.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    dataset = datasets.load(configured().source)
    term = {"term": {"colour": "{{params.color}}"}}
    search = {"query": {"bool": {"must": {"match": {"title": "{{query}}"}}, "filter": [term]}}}

    def checked(mark: str) -> Dataset:
        term["term"]["colour"] = mark
        return suite.with_params(dataset, [STRATEGIES["textsearch"], Strategy("shop", template=search, file="s.json")])

    with pytest.raises(InputError) as caught:
        checked("{{params.color}}")
    assert str(caught.value).startswith(
        "strategy 'shop' (s.json): {{params.color}}: query 'q1' ('red kite') and 2 more: no parameter 'color' "
        "(did you mean 'colour'?); allowed: a value for it, {{params.color=DEFAULT}}, or {{params.color?}}"
    )
    with pytest.raises(InputError, match=r"{{params.colour}}: query 'q2' \('drum'\) and 1 more: no parameter 'colour'"):
        checked("{{params.colour}}")
    assert checked("{{params.colour?}}") is dataset
    none = "strategy 'shop' (s.json): {{params.color=red}}: no query has a parameter 'color' (did you mean 'colour'?)"
    assert checked("{{params.color=red}}").notes == (*dataset.notes, none)


def test_floors(project: Path) -> None:
    file = project / "floors.toml"
    floors = "[files.textsearch]\nMRR = 0.1\n[files.rrf]\nMRR = 0.1\ncorpus = '00000000'\n[sample.hybrid]\nMRR = 0.1\n"
    file.write_text(floors)
    lines = found("textsearch", "hybrid", "rrf", floors="floors.toml", cache_dir="cache").lines
    at = next(number for number, line in enumerate(lines) if line.startswith("  strategies"))
    assert lines[at : at + 3] == (
        f"  strategies  3, 2 of them gated by {file}",
        "  look at     no floors: hybrid (pytest --suggest-floors prints some)",
        "  look at     floors that were set for another corpus: rrf",
    )
    (project / "benchmarks").mkdir()
    usual = file.rename(project / "benchmarks" / "thresholds.toml")
    assert f"  strategies  1, 1 of them gated by {usual}" in found().lines


@pytest.mark.usefixtures("project")
def test_the_engine_that_would_rank_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "choose", lambda *_: engines.embedded_choice("embedded (no Docker)", "take --es-url"))
    lines = rows(found(es_shards=3), "engine", "note")
    idle = "  note        option --es-shards changes nothing: the embedded engine ranks"
    assert lines == ["  engine      embedded (no Docker)", "  engine      take --es-url", idle]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("strategy", "idle"),
    [
        ("textsearch", ["option --model", "option --finetuned-model"]),
        ("vectorsearch", ["option --finetuned-model"]),
        ("vectorsearch_finetune", ["option --model"]),  # it is not trained from the other
    ],
)
def test_options_of_models_that_no_strategy_uses(strategy: str, idle: list[str]) -> None:
    config = configured(strategy, model="a/b", finetuned_model="c/d", device="cpu")
    lines = list(suite.plan._idle_options(config, config.selected, engines.embedded_choice(), {}))
    assert [line.partition(" changes nothing: ")[0] for line in lines] == idle


@pytest.mark.usefixtures("project")
def test_what_decides_on_one_engine_alone() -> None:
    config = configured("textsearch", release=8, es_mapping="words.json", es_shards=2)
    server = replace(engines.embedded_choice(), name="elasticsearch")
    lines = [list(suite.plan._idle_options(config, [], engine, {})) for engine in (engines.embedded_choice(), server)]
    assert lines == [
        ["option --es-shards changes nothing: the embedded engine ranks"],
        ["option --release changes nothing: elasticsearch ranks as the release that it is"],
    ]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("options", "idle"),
    [
        ({"truncate_dim": 384}, "option --truncate-dim changes"),
        ({"query_prompt": "", "max_tokens": 256}, "option --max-tokens and option --query-prompt change"),
        ({"trust_remote_code": True}, "option --trust-remote-code changes"),
        ({"truncate_dim": 9, "query_prompt": "q: ", "max_tokens": 9}, None),
        ({"truncate_dim": 384, "query_prompt": "q: ", "finetuned_model": "a/b"}, "no strategy that runs uses"),
    ],
    ids=str,
)
def test_options_that_a_model_has_already(options: dict[str, Any], idle: str | None) -> None:
    config = configured("vectorsearch_finetune" if "finetuned_model" in options else "vectorsearch", **options)
    models = {} if "finetuned_model" in options else {"base": resolve(**asdict(config.models["base"]))}
    lines = list(suite.plan._idle_options(config, config.selected, engines.embedded_choice(), models))
    assert len(lines) == (idle is not None)
    assert all(str(idle) in line for line in lines)


def test_an_engine_that_is_not_there_is_a_problem(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object) -> None:
        raise CouldNotRunError("elasticsearch at http://a:1: nothing answers")

    monkeypatch.setattr(engines, "choose", absent)
    findings = found()
    assert (findings.problems, findings.could_not_run) == (("elasticsearch at http://a:1: nothing answers",), True)
    assert findings.lines[1].startswith("  products")
    assert not rows(findings, "engine")
    existing = found(es_index="shop", es_url="http://a:1")  # whose products nobody knows
    assert (existing.problems, existing.lines) == (findings.problems, (f"files: {project / 'data'}",))


@pytest.mark.usefixtures("project")
def test_the_products_of_an_index_that_exists_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    embedded = engines.embedded_choice("elasticsearch 8.19.5 at http://a:1, index shop as it is")
    notes = ("index 'shop': 3 deleted documents",)
    known = replace(embedded, name="elasticsearch", product_ids=["a", "z"], notes=notes)
    choice = replace(embedded, name="elasticsearch", inspect=lambda _: known)
    monkeypatch.setattr(engines, "choose", lambda *_: choice)
    findings = found(es_index="shop", es_url="http://a:1", unknown_products="drop")
    assert findings.problems == ()
    assert rows(findings, "products", "judgments", "engine", "note")[:4] == [
        "  products    2; 1 (50%) without a description, 1 (50%) without attributes",
        "  judgments   2, 1 to 1 a query (median 1)",
        f"  engine      {embedded.line}",
        "  note        index 'shop': 3 deleted documents",
    ]
    assert not any("embedded engine" in line for line in findings.lines)


def test_the_page_of_a_check_lies_beside_the_results(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*COMMAND]) == 0
    *lines, page = capsys.readouterr().out.splitlines()
    folder = project / ".relevance" / "check"
    assert page == "page: .relevance/check/report.html"
    document = json.loads((folder / "check.json").read_text(encoding="utf-8"))
    assert payload(folder / "report.html") == {"results": document}
    assert (document["state"], document["dataset"]) == ("ready", f"files: {project / 'data'}")
    told = [f"  {one['subject']:<10}  {one['line']}" for one in document["checked"]]
    assert told == lines[2:]
    (project / "data" / "qrels.txt").write_text(WRONG["data"][1])
    assert main([*COMMAND]) == 2
    error = capsys.readouterr().err.removeprefix("relevance: ").rstrip("\n")
    first, *_ = json.loads((folder / "check.json").read_text(encoding="utf-8"))["checked"]
    assert first == {"state": "error", "subject": "", "line": error}


def test_a_page_that_has_no_room_is_a_note(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / ".relevance" / "check").mkdir(parents=True)
    (project / ".relevance" / "check" / "thesis.txt").write_text("mine")
    assert main([*COMMAND]) == 0
    note = f"note: no page: {project}/.relevance/check: holds other files; allowed: a new or empty folder, or "
    assert capsys.readouterr().out.splitlines()[-1] == f"{note}an earlier check"


def test_a_folder_of_results_that_cannot_be_written_is_one_problem_of_several(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "out").write_text("a file")
    assert main([*COMMAND, "--out", "out"]) == 2
    printed = capsys.readouterr()
    assert "products    4;" in printed.out
    assert printed.err.startswith("relevance: --out ")
    assert printed.err.count("\n") == 1


def test_all_that_is_wrong_is_said_at_once(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "relevance.toml").write_text(
        'devcie = "cpu"\nfloors = "floors.toml"\n[gate]\nfial = 1\n'
        '[strategies.one]\nsearch = "json:rank"\n[strategies.two]\nsearch = "nowhere_at_all:rank"\n'
    )
    floors = "corpus = '1'\n[files]\ncorpus = '1'\n[files.textserch]\nMRR = 1\n"
    (project / "floors.toml").write_text(f"{floors}[files.textsearch]\nMRRR = 1\nMAP = 2\ncorpus = 5\n[files.one]\n")
    assert main(["check", "--dataset", "files:data", "--engine", "embedded", "--strategy", "textsearch,one,two"]) == 2
    printed = capsys.readouterr()
    assert "products    4;" in printed.out
    lines = printed.err.splitlines()
    parts = (
        *("unknown key 'devcie'", "unknown key 'fial'", "corpus = '1': it is of", "[files] corpus = '1': it is of"),
        *("unknown strategy 'textserch'", "[files.textsearch]: unknown floor 'MRRR'"),
        *("MAP = 2; allowed", "corpus = 5;", "[files.one]: no floor", "json:rank", "nowhere_at_all:rank"),
    )
    assert [part in line for part, line in zip(parts, lines, strict=True)] == [True] * len(parts)


WRONG = {
    "data": ("data/qrels.txt", "q1 0 a many\n"),
    "floors": ("floors.toml", "[files.textsearch]\nMRR = 2\n"),
    "model": ("model/modules.json", "[]"),
}


@pytest.mark.parametrize("parts", [("data",), ("floors",), ("model",), ("floors", "data")])
def test_what_check_finds_wrong_the_suite_refuses(project: Path, parts: tuple[str, ...]) -> None:
    (project / "floors.toml").write_text("")
    (project / "model").mkdir()
    model: dict[str, Any] = {"model": str(project / "model")} if "model" in parts else {}
    config = configured("vectorsearch" if model else "textsearch", floors="floors.toml", cache_dir="cache", **model)
    assert model or check(config).problems == ()
    for name, text in map(WRONG.__getitem__, parts):
        (project / name).write_text(text)
    findings = check(config)
    with pytest.raises(RelevanceError) as refused:
        suite.make_plan(config, config.selected)
    # the first is the line with which a session would end
    assert (len(findings.problems), findings.problems[0]) == (len(parts), str(refused.value))
    assert not findings.could_not_run
    if "data" in parts:  # the lines say which was meant
        assert findings.lines[0] == f"files: {project / 'data'}"
        assert not rows(findings, "products", "queries", "grades")
    else:
        assert rows(findings, "products")


def written_baseline(folder: Path) -> Path:
    """Of the project's data, as a session writes it."""
    data = suite.snapshot_of_data(datasets.load(configured().source))
    measurements = {"own": measured([0.5] * 3, [("a",)] * 3)}
    folder.mkdir(parents=True)
    return write_baseline(replace(data, strategies=measurements, engine=snapshot().engine), folder)


OTHER_DATA = QRELS.replace("q1 0 b 0", "q1 0 b 1")


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("wrong", ["", "gone", "other data", "merge", "merge, without data"])
def test_baselines(project: Path, capsys: pytest.CaptureFixture[str], wrong: str, *, named: bool) -> None:
    path = written_baseline(project / ("other" if named else "benchmarks/baselines"))
    options = ["--baseline", str(path)] if named else []
    if wrong == "gone":
        path.unlink()
        path.symlink_to("nowhere")
    if wrong == "other data":
        (project / "data" / "qrels.txt").write_text(QRELS.replace("q1 0 b 0", "q1 0 b 1"))
    data = suite.snapshot_of_data(datasets.load(configured().source))
    if "merge" in wrong:
        path.write_text(f"<<<<<<< HEAD\n{path.read_text()}=======\n>>>>>>> other\n")
    if "without data" in wrong:
        (project / "data" / "qrels.txt").write_text(WRONG["data"][1])
    code, printed = main([*COMMAND, *options]), capsys.readouterr()
    if wrong in ("", "other data"):
        assert (code, printed.err) == (0, "")
        on = " (of other data: 1 judgment changed; both sides are scored by today's)" if wrong else ""
        assert f"  baseline    {path.relative_to(project)}, 1 strategy{on}\n" in printed.out
        return
    with pytest.raises(RelevanceError) as refused:
        suite.read_compared(path, data, cwd=project)
    assert (code, printed.err.splitlines()[-1]) == (2, f"relevance: {refused.value}")
    assert len(printed.err.splitlines()) == 1 + ("without data" in wrong)
    assert "  baseline  " not in printed.out


def test_search_seconds_grow_with_products_queries_and_lists() -> None:
    one = search_seconds([STRATEGIES["textsearch"]], products=1000, queries=100)
    assert search_seconds([STRATEGIES["textsearch"]], products=2000, queries=300) == pytest.approx(6 * one)
    assert search_seconds([STRATEGIES["rrf_multi"]], products=1000, queries=100) == pytest.approx(4 * one)


@pytest.mark.needs("model")
@pytest.mark.usefixtures("project")
def test_texts_to_embed_of_the_packaged_model() -> None:
    findings = found("vectorsearch", "vectorsearch_multifield", cache_dir="cache")
    counts = {"title": 2, "description": 2, "attributes": 2, "whole": 3, "queries": 3}  # equal texts count once
    assert rows(findings, "embedded") == [
        f"  embedded    base, {field}: {count} texts, 0 cut at 256 tokens; {count} not in the cache"
        for field, count in counts.items()
    ]
    (time,) = [line for line in findings.lines if "to embed" in line]
    assert re.fullmatch(r"  time        about 1 s to embed 12 texts at [\d,]+ texts a second, assumed for .*", time)


def texts_of(count: int) -> list[str]:
    """Every fourth one is longer than 8 tokens."""
    return [f"kite {number} " + ("red " * 20 if number % 4 == 0 else "") for number in range(count)]


@pytest.mark.needs("model")
@pytest.mark.parametrize(("count", "tokenizer", "exact"), [(400, True, True), (4002, True, False), (400, False, False)])
def test_cut_texts_are_counted_or_estimated_within_a_tenth(
    tmp_path: Path, count: int, *, tokenizer: bool, exact: bool
) -> None:
    model = resolve(max_tokens=8)
    model = model if tokenizer else replace(model, transformer=tmp_path)  # words are counted
    one = texts_to_embed(texts_of(count), model, "document", cache_dir=tmp_path, names=("base", "whole"))
    assert one.exact == exact
    assert one.cut == pytest.approx((count + 3) // 4, rel=0.1 if not exact else 0)


@pytest.mark.needs("model")
def test_what_is_in_the_cache_is_not_missing(tmp_path: Path) -> None:
    model = resolve()
    texts = ["kite", "drum", "trumpet"]
    vectors = np.eye(2, model.dimensions, dtype=np.float32)
    with open_store(tmp_path, model, "document").adding() as add:
        add([text_digest(text) for text in texts[:2]], [3, 3], vectors)
    one = texts_to_embed([*texts, "kite", " "], model, "document", cache_dir=tmp_path, names=("base", "title"))
    assert (one.texts, one.missing) == (3, 1)
    again = texts_to_embed(texts[:2], model, "document", cache_dir=tmp_path, names=("base", "title"))
    assert (again.missing, again.seconds) == (0, 0.0)


@pytest.mark.needs("model")
def test_a_damaged_cache_is_no_problem(project: Path) -> None:
    config = configured("vectorsearch", cache_dir="cache")
    store = open_store(project / "cache", resolve(**asdict(config.models["base"])), "document")
    store.folder.mkdir(parents=True)
    (store.folder / f"0{SUFFIX}").write_bytes(b"no index, and no vectors beside it")
    findings = check(config)
    assert findings.problems == ()
    lines = rows(findings, "embedded")
    assert [bool(re.search(r": (\d) texts, .*; \1 not in the cache$", line)) for line in lines] == [True, True]


@pytest.mark.needs("model")
@pytest.mark.parametrize(
    ("file", "options", "message"),
    [
        ('[models.base]\nrevision = "main"\n', [], "relevance.toml [models.base] revision 'main': the packaged model"),
        ("", ["--truncate-dim", "999"], "option --truncate-dim: truncate_dim 999: the model"),
    ],
)
def test_a_model_cannot_have_a_setting_and_its_place_is_named(
    project: Path, capsys: pytest.CaptureFixture[str], file: str, options: list[str], message: str
) -> None:
    (project / "relevance.toml").write_text(file)
    assert main([*COMMAND[:-1], "vectorsearch", *options]) == 2
    assert message in capsys.readouterr().err


def test_limits_that_let_nearly_everything_pass(project: Path) -> None:
    (project / "relevance.toml").write_text("[gate]\nfail = 0.9\n")
    options = {"dataset": "files:data", "engine": "embedded", "strategy": ["textsearch"]}
    config = read_config(options=options, environ={}, file=project / "relevance.toml", root=project)
    line = "  look at     gate: fail 0.9 lets nearly everything pass, the default is 0.02"
    assert [one for one in check(config).lines if "gate:" in one] == [line]


def test_limits_of_a_kind_that_no_query_is_of(project: Path) -> None:
    (project / "relevance.toml").write_text('[gate.segments."part number"]\nhard = true\n')
    options = {"dataset": "files:data", "engine": "embedded", "strategy": ["textsearch"]}
    config = read_config(options=options, environ={}, file=project / "relevance.toml", root=project)
    (problem,) = check(config).problems
    assert "'part number': no query is of this kind (did you mean 'part numbers'?); allowed: one word, " in str(problem)


def write_rankers(project: Path, body: str) -> tuple[str, ...]:
    """A function as `[strategies.shop]`, a run as `[strategies.old]`."""
    module = f"ranks_{project.name}"
    (project / f"{module}.py").write_text(f"def rank(query, params, depth):\n    {body}\n")
    (project / "old.run").write_text("q1 Q0 b 1 2.5 x\nq1 Q0 a 2 0.5 x\n")
    tables = f'[strategies.shop]\nsearch = "{module}:rank"\n\n[strategies.old]\nrun = "old.run"\n'
    (project / "relevance.toml").write_text(tables)
    return ("check", "--dataset", "files:data", "--engine", "embedded", "--strategy", "shop,old")


def test_what_ranks_from_outside_is_asked_one_query(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = write_rankers(project, 'return [("a", 7.5), ("d", 3)] if query == "red kite" and depth == 20 else []')
    assert main(command) == 0
    of_function, of_run = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  ranker ")]
    answer = r"query 'red kite' \(q1\): 2 hits, scores 7.5 to 3, \d+ ms; a session asks it 212 times"
    assert re.fullmatch(rf"  ranker +search ranks_\w+:rank: {answer}", of_function)
    assert of_run.endswith(" run old.run: query 'red kite' (q1): 2 hits, scores 2.5 to 0.5")


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ('raise OSError("gone")', ": query 'red kite' (q1): OSError: gone"),
        ('return ["x"]', "query 'red kite' (q1): product 'x', which the data set's products lack; allowed: their ids"),
        ("no python", ": invalid syntax"),
    ],
)
def test_the_fault_of_a_ranker_is_one_line(
    project: Path, capsys: pytest.CaptureFixture[str], body: str, line: str
) -> None:
    assert main(write_rankers(project, body)) == 2
    said = capsys.readouterr()
    (error,) = said.err.splitlines()
    assert error.startswith("relevance: strategy 'shop': ")
    assert line in error
    assert "run old.run: query 'red kite' (q1): 2 hits" in said.out


def test_hits_of_a_ranker_that_are_dropped_are_said(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*write_rankers(project, 'return ["x", "a", "y"]'), "--unknown-products", "drop"]) == 0
    assert "(q1): 1 hit, 2 dropped, which the products lack ('x', 'y'), " in capsys.readouterr().out

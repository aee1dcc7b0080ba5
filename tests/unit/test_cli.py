"""The command `relevance`: its exit codes, its one-line errors, and what it prints."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from relevance import embeddings
from relevance.cli import COMMANDS, main
from relevance.cli import project as commands
from relevance.errors import CouldNotRunError

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("numpy", "pandas", "torch", "sentence_transformers", "tokenizers", "pytest")
FILE = """dataset = "mine"
strategy = ["textsearch", "title"]
floors = "floors.toml"

[datasets.mine]
format = "files"
path = "data"

[strategies.title]
text = {title = 1}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project that is in order, as the current folder."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "products.jsonl").write_text(
        '{"id": "a", "title": "Red kite"}\n{"id": "b", "title": "Drum"}\n'
    )
    (tmp_path / "data" / "queries.tsv").write_text("q1\tkite\nq2\tdrum\n")
    (tmp_path / "data" / "qrels.txt").write_text("q1 0 a 1\nq2 0 b 1\n")
    (tmp_path / "floors.toml").write_text("[mine.textsearch]\nMRR = 0.5\n[mine.title]\nMRR = 0.5\n")
    (tmp_path / "relevance.toml").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _one_line(capsys: pytest.CaptureFixture[str]) -> str:
    printed = capsys.readouterr()
    lines = printed.err.splitlines()
    assert len(lines) == 1, printed.err
    assert lines[0].startswith("relevance: ")
    return lines[0].removeprefix("relevance: ")


def test_a_project_in_order(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A check of it ends with 0, prints what was found and nothing on the standard error."""
    assert main(["check"]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0] == f"mine: {project / 'data'}"
    assert printed.err == ""


def _replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(project: Path) -> None:
        text = (project / name).read_text()
        assert old in text
        (project / name).write_text(text.replace(old, new))

    return change


def _nothing(_: Path) -> None:
    pass


def _fill_out(project: Path) -> None:
    (project / "out").mkdir()
    (project / "out" / "thesis.txt").write_text("mine")


ALLOWED = (
    "textsearch, textsearch_boosted, vectorsearch, vectorsearch_multifield, vectorsearch_multifield_boosted, hybrid, "
    "hybrid_boosted, rrf, rrf_multi, vectorsearch_finetune, rrf_finetune"
)
OPTIONS = (
    "--config, --dataset, --engine, --strategy, --floors, --baseline, --require-baseline, --on-common-queries, "
    "--out, --cache-dir, --device, --unknown-products, --model, --query-prompt, --max-tokens, --finetuned-model, "
    "--es-url, --es-timeout, --es-image, --es-memory, --es-shards, --es-replicas, --vector-index, --es-mapping, "
    "--keep-index, --es-index, --pairs-from-judgments"
)

MISTAKES: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "no command": (
        _nothing,
        "",
        "no command; allowed: init, check, config, finetune, tune, compare, mutate, clean (relevance --help)",
    ),
    "misspelt command": (
        _nothing,
        "chekc",
        (
            "unknown command 'chekc' (did you mean 'check'?); allowed: init, check, config, finetune, tune, compare, "
            "mutate, clean"
        ),
    ),
    "option of no command": (
        _nothing,
        "--verbose",
        "unknown argument '--verbose' (did you mean '--version'?); allowed: --help, --version",
    ),
    "pytest's option": (
        _nothing,
        "check --suggest-floors",
        f"unknown argument '--suggest-floors' (did you mean '--floors'?); allowed: {OPTIONS}",
    ),
    "option without its value": (
        _nothing,
        "check --dataset",
        "argument --dataset: expected one argument (relevance check --help)",
    ),
    "word for a number": (
        _nothing,
        "config --max-tokens many",
        "argument --max-tokens: invalid int value: 'many' (relevance config --help)",
    ),
    "no folder for init": (_nothing, "init", "the following arguments are required: DIR (relevance init --help)"),
    "two folders for init": (_nothing, "init a b", "unknown argument 'b'; allowed: DIR"),
    "init where there is something": (
        _nothing,
        "init .",
        "{project} holds data and 2 more, nothing was written; allowed: a new or empty folder",
    ),
    "no such configuration": (
        _nothing,
        "check --config relevence.toml",
        "{project}/relevence.toml: cannot be read (No such file or directory); a configuration is expected there",
    ),
    "misspelt strategy": (
        _nothing,
        "check --strategy textserch",
        f"option --strategy: unknown strategy 'textserch' (did you mean 'textsearch'?); allowed: {ALLOWED}, title",
    ),
    "folder of the data moved": (
        _replace("relevance.toml", 'path = "data"', 'path = "catalogue"'),
        "check",
        "data set 'mine': there is no folder {project}/catalogue",
    ),
    "floors for a strategy that was renamed": (
        _replace("relevance.toml", "[strategies.title]", "[strategies.titles]"),
        "check --strategy titles",
        "{project}/floors.toml [mine]: unknown strategy 'title' (did you mean 'titles'?); allowed: {allowed}, titles",
    ),
    "floor in per cent": (
        _replace("floors.toml", "[mine.title]\nMRR = 0.5", "[mine.title]\nMRR = 50"),
        "check",
        "{project}/floors.toml [mine.title] MRR = 50; allowed: a number from 0 to 1",
    ),
    "no such floors": (
        _nothing,
        "check --floors thresholds.toml",
        "{project}/thresholds.toml: cannot be read (No such file or directory); a file of floors is expected there",
    ),
    "results into a folder of one's own": (
        _fill_out,
        "check --out out",
        "--out {project}/out: holds other files; allowed: a new or empty folder, or earlier results",
    ),
    "no such model": (
        _nothing,
        "check --strategy vectorsearch --model minilm",
        "model '{project}/minilm': no such folder; allowed: a folder, or OWNER/NAME on the Hugging Face hub",
    ),
    "cache folder is a file": (
        _nothing,
        "check --strategy vectorsearch --cache-dir floors.toml",
        "cache folder {project}/floors.toml: File exists; allowed: a folder that can be written to",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_newcomers_mistake(project: Path, capsys: pytest.CaptureFixture[str], mistake: str) -> None:
    """The mistake ends the command with 2 and exactly this line on the standard error."""
    change, arguments, expected = MISTAKES[mistake]
    change(project)
    assert main(arguments.split()) == 2
    assert _one_line(capsys) == expected.format(project=project, allowed=ALLOWED)


@pytest.mark.usefixtures("project")
def test_a_check_without_a_configuration_says_so(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a wrong folder the sample would pass for one's own data."""
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert main(["check", "--strategy", "textsearch"]) == 0
    assert capsys.readouterr().out.startswith("no relevance.toml here or above: the defaults hold\nsample\n")


def test_a_misspelt_variable(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A variable of the environment that is nearly one of ours is not passed over."""
    monkeypatch.setenv("RELEVANCE_DATSET", "sample")
    assert main(["config"]) == 2
    assert "unknown variable 'RELEVANCE_DATSET' (did you mean 'RELEVANCE_DATASET'?)" in _one_line(capsys)


def test_two_mistakes_are_two_lines(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A check does not stop at the first part that is wrong, and prints what it could read."""
    _replace("data/qrels.txt", "q1 0 a 1", "q1 0 a one")(project)
    _replace("floors.toml", "[mine.title]\nMRR", "[mine.title]\nMMR")(project)
    assert main(["check"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "qrels.txt, line 1" in lines[0]
    assert "floors.toml [mine.title]: unknown floor 'MMR' (did you mean 'MRR'?)" in lines[1]


def test_what_is_not_there_ends_with_3(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the input is fine and a model cannot be had, the exit code is 3; with a mistake beside it, 2."""

    def offline(_: object) -> None:
        raise CouldNotRunError("the hub could not be reached")

    monkeypatch.setattr(embeddings, "resolve", offline)
    arguments = ["check", "--strategy", "vectorsearch", "--cache-dir", str(project / "cache")]
    assert main(arguments) == 3
    assert _one_line(capsys) == "the hub could not be reached"
    (project / "data" / "qrels.txt").unlink()
    assert main(arguments) == 2


@pytest.mark.usefixtures("project")
def test_details_stand_below_the_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Such as the end of a container's log, indented."""

    def fail(*_: object) -> None:
        raise CouldNotRunError("container: did not come up", details=["java: no memory", "exit 1"])

    monkeypatch.setattr(commands, "read_config", fail)
    assert main(["config"]) == 3
    expected = ["relevance: container: did not come up", "  java: no memory", "  exit 1"]
    assert capsys.readouterr().err.splitlines() == expected


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    "arguments",
    [
        "config --es-ulr=http://me:s3cr3t@a:1",
        "config --es-url=http://me:s3cr3t@a",
        "config --es-url=http://me:s3cr3t@a:1",
        "check http://me:s3cr3t@a:1",
        f"check http://me:{'s3cr3t' * 20}@a:1",
        "check me:s3cr3t@a:1",
        "compare http://me:s3cr3t@a http://s3cr3t@a",
        "config --out http://me:s3cr3t@a",
        "config --max-tokens http://me:s3cr3t@a",
        "check --dataset http://me:s3cr3t/s3cr3t@a",
    ],
)
def test_a_password_is_not_printed(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither by a command nor by an error about it."""
    main(arguments.split())
    printed = capsys.readouterr()
    assert "s3cr3t" not in printed.out + printed.err


@pytest.mark.usefixtures("project")
def test_an_interrupt_ends_with_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Control-C is no traceback."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "read_config", interrupted)
    assert main(["config"]) == 130
    assert _one_line(capsys) == "interrupted"


@pytest.mark.usefixtures("project")
def test_config_says_where_each_value_comes_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Option, environment, file and default, each named, in columns that begin at the same place."""
    monkeypatch.setenv("RELEVANCE_OUT", "elsewhere")
    assert main(["config", "--max-tokens", "64"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split()[0]: line for line in lines}
    assert rows["dataset"].split() == ["dataset", "mine", "relevance.toml"]
    assert rows["out"].endswith("environment RELEVANCE_OUT")
    assert rows["models.base.max_tokens"].split() == ["models.base.max_tokens", "64", "option", "--max-tokens"]
    assert rows["engine"].split() == ["engine", "embedded", "environment", "RELEVANCE_ENGINE"]
    assert rows["elasticsearch.shards"].split() == ["elasticsearch.shards", "1", "default"]
    assert rows["strategies.title.text"].endswith("relevance.toml")
    width = max(map(len, rows)) + 2
    assert all(line[width - 2 : width] == "  " and line[width] != " " for line in lines)


def test_the_nearest_file_upwards(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Deep in a project its file is found; its paths start at the file, not at the current folder."""
    deep = project / "notes" / "old"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert main(["check"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"mine: {project / 'data'}"


@pytest.mark.usefixtures("project")
def test_an_error_stays_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A line end inside a name does not break the line."""
    assert main(["init", "no\nsuch/folder"]) == 2
    assert r"no\nsuch/folder" in _one_line(capsys)


def test_help_and_version_import_nothing_heavy() -> None:
    """`--help`, a command's `--help` and `--version` answer without numpy, pandas or torch."""
    code = (
        "import sys; from relevance.cli import main; "
        "codes = [main(a) for a in (['--help'], ['--version'], ['init', '--help'], ['check', '--help'])]; "
        f"print(codes, [name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - own code
    assert done.stdout.splitlines()[-1] == "[0, 0, 0, 0] []"
    assert all(name in done.stdout for name in COMMANDS)
    assert "Exit codes: 0 done" in done.stdout


@pytest.mark.parametrize("arguments", ["--help", "config", "check --dataset nothing"])
def test_a_reader_that_has_gone(arguments: str) -> None:
    """`relevance config | head -1` writes no error about the pipe, and keeps the command's exit code."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "relevance.cli", *arguments.split()]
    with os.fdopen(writing, "w") as pipe:
        done = subprocess.run(command, cwd=ROOT, stdout=pipe, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603 - own code
    assert "Broken" not in done.stderr
    assert done.returncode == (2 if "nothing" in arguments else 0)


def test_a_terminal_without_a_character() -> None:
    """Where the output's encoding lacks a character, its number is printed instead of an error."""
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "RELEVANCE_QUERY_PROMPT": "Größe: "}
    command = [sys.executable, "-m", "relevance.cli", "config"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - own code
    assert done.returncode == 0, done.stderr
    assert "Gr\\xf6\\xdfe" in done.stdout

"""The command `relevance`: its exit codes, its one-line errors, and what it prints."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from relevance import embeddings
from relevance.cli import main
from relevance.cli import project as commands
from relevance.cli.parser import COMMANDS
from relevance.errors import CouldNotRunError

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
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
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("relevance: ")
    return line.removeprefix("relevance: ")


@pytest.mark.parametrize("folder", [".", "notes/old"])
def test_a_project_in_order(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: str
) -> None:
    """A check ends with 0 and prints no error; deep in a project its file is found, and paths start at the file."""
    (project / folder).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(project / folder)
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


def _misspelt(project: Path) -> None:
    _replace("relevance.toml", 'path = "data"', 'path = "dta"')(project)


NAMES = "init, check, config, finetune, tune, compare, mutate, clean"
MISTAKES: list[tuple[str, Callable[[Path], None], str]] = [
    ("", _nothing, f"no command; allowed: {NAMES} (relevance --help)"),
    ("chekc", _nothing, f"unknown command 'chekc' (did you mean 'check'?); allowed: {NAMES}"),
    ("--verbose", _nothing, "unknown argument '--verbose' (did you mean '--version'?); allowed: --help, --version"),
    (
        "check --suggest-floors",
        _nothing,
        "unknown argument '--suggest-floors' (did you mean '--floors'?); allowed: --config, --dataset, --engine, ",
    ),
    ("init a b", _nothing, "unknown argument 'b'; allowed: DIR"),
    ("init", _nothing, "the following arguments are required: DIR (relevance init --help)"),
    (
        "config --max-tokens many",
        _nothing,
        "argument --max-tokens: invalid int value: 'many' (relevance config --help)",
    ),
    ("check --config relevence.toml", _nothing, "{project}/relevence.toml: cannot be read (No such file or directory)"),
    (
        "check --strategy textsearch --strategy rrf_finetune --cache-dir cache",  # what both need is missing once
        _misspelt,
        "{project}/relevance.toml [datasets.mine] path: data set 'mine': there is no folder {project}/dta",
    ),
    ("check --out out", _fill_out, "--out {project}/out: holds other files; allowed: a new or empty folder"),
    ("check --strategy vectorsearch --model minilm", _nothing, "model '{project}/minilm': no such folder; allowed: "),
]


@pytest.mark.parametrize(("arguments", "change", "line"), MISTAKES, ids=[arguments for arguments, *_ in MISTAKES])
def test_a_newcomers_mistake(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: str, change: Callable[[Path], None], line: str
) -> None:
    """The mistake ends the command with 2 and one line on the standard error."""
    change(project)
    assert main(arguments.split()) == 2
    assert _one_line(capsys).startswith(line.replace("{project}", str(project)))


def test_a_check_without_a_configuration_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a wrong folder the sample would pass for one's own data. A misspelt variable is not passed over either."""
    monkeypatch.chdir(tmp_path)
    assert main(["check", "--strategy", "textsearch"]) == 0
    assert capsys.readouterr().out.startswith("no relevance.toml here or above: the defaults hold\nsample\n")
    monkeypatch.setenv("RELEVANCE_DATSET", "sample")
    assert main(["config"]) == 2
    assert "unknown variable 'RELEVANCE_DATSET' (did you mean 'RELEVANCE_DATASET'?)" in _one_line(capsys)


def test_two_mistakes_are_two_lines(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A check does not stop at the first part that is wrong, and prints what it could read."""
    _replace("data/qrels.txt", "q1 0 a 1", "q1 0 a one")(project)
    _replace("floors.toml", "[mine.title]\nMRR", "[mine.title]\nMMR")(project)
    assert main(["check"]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert "floors.toml [mine.title]: unknown floor 'MMR' (did you mean 'MRR'?)" in first
    assert "qrels.txt, line 1" in second


def test_what_is_not_there_ends_with_3(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the input is fine and a model cannot be had, the exit code is 3; with a mistake beside it, 2."""

    def offline(**_: object) -> None:
        raise CouldNotRunError("the hub could not be reached")

    monkeypatch.setattr(embeddings, "resolve", offline)
    arguments = ["check", "--strategy", "vectorsearch", "--cache-dir", str(project / "cache")]
    assert main(arguments) == 3
    assert _one_line(capsys) == "the hub could not be reached"
    (project / "data" / "qrels.txt").unlink()
    assert main(arguments) == 2


@pytest.mark.parametrize(
    ("error", "code", "lines"),
    [
        (CouldNotRunError("gone", details=["no memory", "exit 1"]), 3, ["relevance: gone", "  no memory", "  exit 1"]),
        (KeyboardInterrupt(), 130, ["relevance: interrupted"]),
        (KeyboardInterrupt("step 3 is kept"), 130, ["relevance: step 3 is kept"]),
    ],
)
def test_how_a_command_ends(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    lines: list[str],
) -> None:
    """Details stand below the line, indented; Control-C is no traceback."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(commands, "read_config", fail)
    assert main(["config"]) == code
    assert capsys.readouterr().err.splitlines() == lines


def test_control_c_while_modules_are_imported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first moments of a command are imports."""

    class Pressed:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "relevance.cli.parser":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "relevance.cli.parser")
    monkeypatch.setattr(sys, "meta_path", [Pressed(), *sys.meta_path])
    assert main(["config"]) == 130
    assert _one_line(capsys) == "interrupted"


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    "arguments",
    [
        "config --es-ulr=http://me:s3cr3t@a:1",
        "config --es-url=http://me:s3cr3t@a",
        "config --es-url=http://me:s3cr3t@a:1",
        "check http://me:s3cr3t@a:1",
        f"check http://me:{'s3cr3t' * 20}@a:1",
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
    assert rows["elasticsearch.shards"].split() == ["elasticsearch.shards", "1", "default"]
    assert rows["strategies.title.text"].endswith("relevance.toml")
    width = max(map(len, rows)) + 2
    assert all(line[width - 2 : width] == "  " and line[width] != " " for line in lines)


@pytest.mark.needs("model")
def test_nothing_heavy_is_imported(project: Path) -> None:
    """`--help` and `--version` answer without numpy, pandas or torch, a check of every strategy loads no model."""
    code = (
        "import json, sys; from relevance.cli import main; "
        "codes = [main(a) for a in (['--help'], ['--version'], ['init', '--help'], ['check', '--help'])]; "
        "light = set(sys.modules); "
        "codes.append(main(['check', '--dataset', 'files:data', '--cache-dir', 'cache'])); "
        "print(json.dumps([codes, sorted(light), sorted(sys.modules)]))"
    )
    (project / "relevance.toml").unlink()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(  # noqa: S603 - own code
        [sys.executable, "-c", code], cwd=project, env=environment, capture_output=True, text=True, check=True
    )
    codes, light, checked = json.loads(done.stdout.splitlines()[-1])
    assert codes == [0] * 5
    assert not {"numpy", "pandas", "tokenizers", "pytest"} & set(light)
    assert not {"torch", "transformers", "sentence_transformers"} & set(checked)
    assert all(name in done.stdout for name in COMMANDS)
    assert "Exit codes: 0 done" in done.stdout
    assert "texts a second, assumed for two CPU cores" in done.stdout


@pytest.mark.parametrize(("arguments", "code"), [("--help", 0), ("config", 0), ("check --dataset nothing", 2)])
def test_a_reader_that_has_gone(monkeypatch: pytest.MonkeyPatch, arguments: str, code: int) -> None:
    """`relevance config | head -1` writes no error about the pipe, and keeps the command's exit code."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert main(arguments.split()) == code


def test_a_terminal_without_a_character(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the output's encoding lacks a character, its number is printed instead of an error."""
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    monkeypatch.setenv("RELEVANCE_QUERY_PROMPT", "Größe: ")
    assert main(["config"]) == 0
    assert b"Gr\\xf6\\xdfe" in sys.stdout.buffer.getvalue()


@pytest.mark.parametrize(
    "arguments", ["compare NAME x", "check --engine embedded --out NAME", "check --dataset files:NAME"]
)
@pytest.mark.usefixtures("project")
def test_a_name_that_no_file_can_have(capsys: pytest.CaptureFixture[str], arguments: str) -> None:
    """Exit code 2 and one line, whatever the system is asked first."""
    assert main(arguments.replace("NAME", "a" * 300).split()) == 2
    printed = capsys.readouterr()
    assert "File name too long" in printed.out + printed.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.usefixtures("project")
def test_output_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 3 and one line; where standard output is closed, nothing."""
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full)
        assert main(["config"]) == 3
    assert _one_line(capsys) == "standard output: No space left on device"
    monkeypatch.setattr("sys.stdout", None)
    assert main(["config"]) == 0


@pytest.mark.usefixtures("project")
def test_the_next_command_can_be_pasted(capsys: pytest.CaptureFixture[str]) -> None:
    """A folder's name with a space is quoted."""
    assert main(["init", "my shop"]) == 0
    assert "next: cd 'my shop' && pytest" in capsys.readouterr().out

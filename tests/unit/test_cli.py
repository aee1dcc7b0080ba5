"""The command `relevance`: its exit codes, its one-line errors, and what it prints."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.console import ROOT, blocks

from relevance import embeddings
from relevance.cli import Answer, main
from relevance.cli import project as commands
from relevance.cli.parser import COMMANDS
from relevance.errors import CouldNotRunError
from relevance.text import Line

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
    products = '{"id": "a", "title": "Red kite"}\n{"id": "b", "title": "Drum"}\n'
    (tmp_path / "data" / "products.jsonl").write_text(products)
    (tmp_path / "data" / "queries.tsv").write_text("q1\tkite\nq2\tdrum\n")
    (tmp_path / "data" / "qrels.txt").write_text("q1 0 a 1\nq2 0 b 1\n")
    (tmp_path / "floors.toml").write_text("[mine.textsearch]\nMRR = 0.5\n[mine.title]\nMRR = 0.5\n")
    (tmp_path / "relevance.toml").write_text(FILE)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").write_text("mine")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def errors(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize("folder", [".", "notes/old"])
def test_a_project_in_order_is_found_from_any_of_its_folders(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: str
) -> None:
    (project / folder).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(project / folder)
    assert main(["check"]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0] == f"mine: {project / 'data'}"
    assert printed.err == ""


NAMES = "init, demo, check, config, finetune, tune, explain, compare, accept, history, bisect, judge, mutate, clean"
MISTAKES = [
    ("", f"no command; allowed: {NAMES} (relevance --help)"),
    ("chekc", f"unknown command 'chekc' (did you mean 'check'?); allowed: {NAMES}"),
    ("--verbose", "unknown argument '--verbose' (did you mean '--version'?); allowed: --help, --version"),
    ("check --suggest-floors", "unknown argument '--suggest-floors' (did you mean '--floors'?); allowed: --config, "),
    ("init a b", "unknown argument 'b'; allowed: DIR"),
    ("init", "the following arguments are required: DIR (relevance init --help)"),
    ("config --max-tokens many", "option --max-tokens = 'many'; allowed: a whole number of 0 or more"),
    ("check --es-oversample x", "option --es-oversample = 'x'; allowed: a number from 1 to 10"),
    ("check --config relevence.toml", "{project}/relevence.toml: cannot be read (No such file or directory)"),
    ("check --out taken", "--out {project}/taken: holds other files; allowed: a new or empty folder"),
    ("check --out /proc/none/out", "--out /proc/none/out: is not a folder that can be written to (/proc: "),
    ("finetune --reranker --loss gist", "--loss changes nothing beside --reranker; leave it out"),
    ("finetune --reranker --matryoshka 64", "--matryoshka changes nothing beside --reranker; leave it out"),
    ("finetune --reranker --positive-from 2.5", "--positive-from changes nothing beside --reranker; leave it out"),
    ("check --strategy vectorsearch --model minilm", "model '{project}/minilm': no such folder; allowed: "),
]


@pytest.mark.parametrize(("arguments", "line"), MISTAKES)
def test_a_newcomers_mistake_is_one_line(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: str, line: str
) -> None:
    assert main(arguments.split()) == 2
    (error,) = errors(capsys)
    assert error.startswith(f"relevance: {line}".replace("{project}", str(project)))


def test_several_mistakes_are_several_lines(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--suggest-floors", "x", "--enigne=a"]) == 2
    first, second = errors(capsys)
    assert ("'--suggest-floors'" in first, "'--enigne' (did you mean '--engine'?)" in second) == (True, True)
    (project / "data" / "qrels.txt").write_text("q1 0 a one\nq2 0 b 1\n")
    (project / "floors.toml").write_text("[mine.textsearch]\nMRR = 0.5\n[mine.title]\nMMR = 0.5\n")
    assert main(["check"]) == 2
    first, second = errors(capsys)
    assert "floors.toml [mine.title]: unknown floor 'MMR' (did you mean 'MRR'?)" in first
    assert "qrels.txt, line 1" in second
    # what two strategies need is missing once
    (project / "relevance.toml").write_text(FILE.replace('path = "data"', 'path = "dta"').replace("floors =", "# "))
    assert main(["check", "--strategy", "textsearch", "--strategy", "rrf_finetune", "--cache-dir", "cache"]) == 2
    (line,) = errors(capsys)
    where = f"{project}/relevance.toml [datasets.mine] path: data set 'mine': there is no folder {project}/dta"
    assert line.startswith(f"relevance: {where}")


def test_a_check_without_a_configuration_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)  # in a wrong folder the sample would pass for one's own data
    assert main(["check", "--strategy", "textsearch"]) == 0
    assert capsys.readouterr().out.startswith("no relevance.toml here or above: the defaults hold\nsample\n")


def test_what_is_not_there_ends_with_3_and_beside_a_mistake_with_2(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def offline(**_: object) -> None:
        raise CouldNotRunError("the hub could not be reached")

    monkeypatch.setattr(embeddings, "resolve", offline)
    arguments = ["check", "--strategy", "vectorsearch", "--cache-dir", str(project / "cache")]
    assert main(arguments) == 3
    assert errors(capsys) == ["relevance: the hub could not be reached"]
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
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(commands, "read_config", fail)
    assert main(["config"]) == code
    assert errors(capsys) == lines


def test_control_c_while_modules_are_imported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Pressed:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "relevance.cli.parser":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "relevance.cli.parser")
    monkeypatch.setattr(sys, "meta_path", [Pressed(), *sys.meta_path])
    assert main(["config"]) == 130
    assert errors(capsys) == ["relevance: interrupted"]


def test_a_missing_docker_engine_says_what_was_not_looked_at(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nobody/docker.sock")
    assert main(["clean"]) == 3
    (line,) = errors(capsys)
    assert line.startswith("relevance: no Docker engine answers at unix:///nobody/docker.sock (DOCKER_HOST): ")
    assert line.endswith(": no container was looked at; for indices: relevance clean --es-url URL")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    "arguments",
    [
        "config --es-ulr=http://me:s3cr3t@a:1",
        "config --es-url=http://me:s3cr3t@a",
        "config --es-url=http://me:s3cr3t@a:1",
        "check http://me:s3cr3t@a:1",
        f"check http://me:{'s3cr3t' * 20}@a:1",
        "check --es-ulr http://me:s3cr3t@a:1 --password=s3cr3t",
        "compare http://me:s3cr3t@a http://s3cr3t@a",
        "config --out http://me:s3cr3t@a",
        "config --max-tokens http://me:s3cr3t@a",
        "check --dataset http://me:s3cr3t/s3cr3t@a",
    ],
)
def test_a_password_is_not_printed(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(arguments.split())
    printed = capsys.readouterr()
    assert "s3cr3t" not in printed.out + printed.err


@pytest.mark.usefixtures("project")
def test_config_says_where_each_value_comes_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RELEVANCE_OUT", "elsewhere")
    assert main(["config", "--max-tokens", "64"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split()[0]: line for line in lines}
    assert rows["dataset"].split() == ["dataset", "mine", "relevance.toml"]
    assert rows["out"].endswith("environment RELEVANCE_OUT")
    assert rows["models.base.max_tokens"].split() == ["models.base.max_tokens", "64", "option", "--max-tokens"]
    assert rows["elasticsearch.shards"].split() == ["elasticsearch.shards", "1", "default"]
    assert rows["strategies.title.text"].endswith("relevance.toml")
    width = max(map(len, rows)) + 2  # columns begin at the same place
    assert all(line[width - 2 : width] == "  " and line[width] != " " for line in lines)


SHOWN_HELP = [
    (command, lines)
    for block in blocks(ROOT / "docs" / "commands.md")
    for command, lines in block.commands
    if command.endswith("--help")
]


@pytest.mark.parametrize(("command", "lines"), SHOWN_HELP, ids=[command for command, _ in SHOWN_HELP])
def test_the_page_of_the_commands_shows_their_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, lines: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert main(command.split()[1:]) == 0
    assert capsys.readouterr().out.splitlines() == lines


def test_search_bodies_are_printed_as_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    search = {"query": {"match": {"title": "{{ query }}"}}}
    (tmp_path / "own.json").write_text(json.dumps(search))
    (tmp_path / "relevance.toml").write_text('[strategies.own]\ntemplate = "own.json"\n')
    monkeypatch.chdir(tmp_path)
    assert main(["config", "--bodies", "--strategy", "rrf,own"]) == 0
    bodies = json.loads(capsys.readouterr().out)
    assert bodies["own"] == [{"query": {"match": {"title": "{{query}}"}}}]
    text, vector = bodies["rrf"]
    title, _, nested = text["query"]["bool"]["should"]
    assert title == {"match": {"product_title": {"query": "{{query}}", "boost": 8}}}
    assert nested["nested"]["path"] == "product_attributes"
    assert [one["query_vector"] for one in vector["knn"]] == ["{{vector}}"]


def test_the_page_of_the_commands_has_them_all() -> None:
    shown = {command for command, _ in SHOWN_HELP}
    assert shown == {"relevance --help", *(f"relevance {name} --help" for name in COMMANDS)}


@pytest.mark.needs("model")
def test_nothing_heavy_is_imported_for_help_and_no_model_loaded_for_a_check(project: Path) -> None:
    code = (
        "import json, sys; from relevance.cli import main; "
        "codes = [main(a) for a in (['--help'], ['--version'], ['init', '--help'], ['check', '--help'])]; "
        "light = set(sys.modules); "
        "codes.append(main(['check', '--dataset', 'files:data', '--cache-dir', 'cache'])); "
        "print(json.dumps([codes, sorted(light), sorted(sys.modules)]))"
    )
    (project / "relevance.toml").unlink()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
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
def test_a_reader_that_has_gone_is_no_error(monkeypatch: pytest.MonkeyPatch, arguments: str, code: int) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert main(arguments.split()) == code


def test_a_terminal_without_a_character_shows_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    monkeypatch.setenv("RELEVANCE_QUERY_PROMPT", "Größe: ")
    assert main(["config"]) == 0
    assert b"Gr\\xf6\\xdfe" in sys.stdout.buffer.getvalue()


@pytest.mark.parametrize(
    "arguments", ["compare NAME x", "check --engine embedded --out NAME", "check --dataset files:NAME"]
)
@pytest.mark.usefixtures("project")
def test_a_name_that_no_file_can_have(capsys: pytest.CaptureFixture[str], arguments: str) -> None:
    assert main(arguments.replace("NAME", "a" * 300).split()) == 2
    printed = capsys.readouterr()
    assert "File name too long" in printed.out + printed.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.usefixtures("project")
def test_output_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full)
        assert main(["config"]) == 3
    assert errors(capsys) == ["relevance: standard output: No space left on device"]
    monkeypatch.setattr("sys.stdout", None)
    assert main(["config"]) == 0


@pytest.mark.parametrize(
    ("terminal", "forced", "printed"),
    [
        (False, "", "LOSS: rrf: nDCG@10 fell by 5%\nplain text that is as wide as it is\n"),
        (False, "1", "\x1b[31;1mLOSS: rrf: nDCG@10 fell by 5%\x1b[0m\nplain text that is as wide as it is\n"),
        (
            True,
            "",
            "\x1b[31;1mLOSS: rrf: nDCG@10\x1b[0m\n\x1b[31;1m  fell by 5%\x1b[0m\nplain text that is as wide as it is\n",
        ),
    ],
)
def test_lines_are_folded_on_a_terminal_and_coloured_where_that_is_seen(
    monkeypatch: pytest.MonkeyPatch, *, terminal: bool, forced: str, printed: str
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)
    for name, value in {"COLUMNS": "20", "FORCE_COLOR": forced, "NO_COLOR": "", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    answer = Answer(0, (Line("LOSS: rrf: nDCG@10 fell by 5%", "bad"), "plain text that is as wide as it is"))
    monkeypatch.setattr("relevance.cli.parser.run", lambda _: answer)
    monkeypatch.setattr(sys, "stdout", stream)
    assert main([]) == 0
    assert stream.getvalue() == printed

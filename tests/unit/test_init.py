"""What `relevance init` writes, and what it refuses to write over."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path

import pytest

from relevance import scaffold
from relevance.cli import main
from relevance.errors import InputError
from relevance.scaffold import FILES, make_project

ROOT = Path(__file__).resolve().parents[2]


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_new_folder_holds_the_project(tmp_path: Path) -> None:
    """Every file of the table, all of the templates and nothing else; the folder has the rights of any other."""
    assert make_project(tmp_path / "shop") == tuple(FILES)
    assert _files(tmp_path / "shop") == set(FILES)
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]
    (tmp_path / "other").mkdir()
    assert (tmp_path / "shop").stat().st_mode == (tmp_path / "other").stat().st_mode
    with resources.as_file(resources.files("relevance") / "templates") as folder:
        assert _files(folder) == set(FILES.values())
    for name in ("benchmarks/test_strategies.py", "conftest.py"):  # those that this repository runs itself
        assert (tmp_path / "shop" / name).read_text() == (ROOT / name).read_text()


@pytest.mark.parametrize(("name", "enter"), [(".", ""), ("shop", "cd shop && ")])
def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, enter: str
) -> None:
    """It says what is written and what to type next; an empty folder stays the same, a shell may be in it."""
    monkeypatch.chdir(tmp_path)
    before = tmp_path.stat().st_ino
    assert main(["init", name]) == 0
    assert tmp_path.stat().st_ino == before
    assert _files(tmp_path / name) == set(FILES)
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        *(f"  {Path(name) / file}" for file in FILES),
        f"next: {enter}pytest",
        "then: pytest --update-baseline, and commit benchmarks/baselines/shop.json: what is worse than that fails",
    ]
    assert printed.err == ""


def test_a_second_run_is_refused(tmp_path: Path) -> None:
    """What an earlier run wrote is not written over, nor is anything else."""
    make_project(tmp_path / "shop")
    (tmp_path / "shop" / "relevance.toml").write_text("mine")
    with pytest.raises(
        InputError, match=r"shop holds \.github and 6 more, nothing was written; allowed: a new or empty"
    ):
        make_project(tmp_path / "shop")
    assert (tmp_path / "shop" / "relevance.toml").read_text() == "mine"
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds notes\.txt and 1 more"):
        make_project(tmp_path)
    assert not (tmp_path / "relevance.toml").exists()


def test_other_places_are_refused(tmp_path: Path) -> None:
    """A file stays, a link is not followed, and folders above are not made: they would stay after an error."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    places = {"file": "file is a file or a link", "link": "link is a file or a link", "missing/shop": "there is no"}
    for name, line in places.items():
        with pytest.raises(InputError, match=line):
            make_project(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]


@pytest.mark.parametrize("there", [True, False])
def test_an_error_on_the_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool) -> None:  # noqa: FBT001 - a case
    """A disk that is full after some files leaves neither a half project nor a temporary folder."""
    target = tmp_path / "shop"
    if there:
        target.mkdir()

    def full(path: Path, data: bytes) -> int:
        if path.name == "qrels.txt":
            raise OSError(28, "No space left on device")
        return original(path, data)

    original = Path.write_bytes
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match="cannot be made: No space left on device"):
        make_project(target)
    assert list(tmp_path.iterdir()) == ([target] if there else [])
    assert not there or not list(target.iterdir())


def test_an_error_while_moving_puts_everything_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be moved into an empty folder leaves the folder empty."""

    def stuck(path: Path, target: Path) -> Path:
        if path.name == "pytest.ini":
            raise PermissionError(13, "Permission denied")
        return original(path, target)

    original = Path.rename
    monkeypatch.setattr(scaffold.Path, "rename", stuck)
    with pytest.raises(InputError, match="Permission denied"):
        make_project(tmp_path)
    assert not list(tmp_path.iterdir())


def test_lines_that_are_commented_out_are_allowed_too(tmp_path: Path) -> None:
    """Every setting that the configuration offers as a comment is one that the package knows."""
    from relevance.config.reading import read_config  # noqa: PLC0415 - numpy

    make_project(tmp_path / "shop")
    file = tmp_path / "shop" / "relevance.toml"
    lines = file.read_text().splitlines()
    offered = [line.removeprefix("# ") if line.startswith(("# [",)) or " = " in line else line for line in lines]
    file.write_text("\n".join(offered))
    assert tomllib.loads(file.read_text())["datasets"]["shop"]["relevant_from"] == 2
    config = read_config(options={}, environ={}, file=file, root=tmp_path)
    assert config.models["base"].query_prompt == "query: "
    assert "fused" in config.strategies
    assert (config.engine, config.elasticsearch.shards) == ("elasticsearch", 3)

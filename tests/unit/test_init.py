"""What `relevance init` writes, and what it refuses to write over."""

from __future__ import annotations

import os
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
    """Every file of the table is written, nothing else, and nothing is left beside the folder."""
    assert make_project(tmp_path / "shop") == tuple(FILES)
    assert _files(tmp_path / "shop") == set(FILES)
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


def test_every_template_is_used() -> None:
    """Each file among the templates belongs to a file of the project."""
    with resources.as_file(resources.files("relevance") / "templates") as folder:
        assert _files(folder) == set(FILES.values())


def test_the_folder_has_the_rights_of_any_other(tmp_path: Path) -> None:
    """The folder is not private to the user, as a temporary folder would be."""
    make_project(tmp_path / "shop")
    (tmp_path / "other").mkdir()
    assert (tmp_path / "shop").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_an_empty_folder_is_filled_and_stays_the_same(tmp_path: Path) -> None:
    """A folder that is there and empty is the same folder afterwards: a shell may be in it."""
    before = tmp_path.stat().st_ino
    make_project(tmp_path)
    assert tmp_path.stat().st_ino == before
    assert _files(tmp_path) == set(FILES)


def test_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`relevance init .` fills the empty folder that one is in, and says to type pytest, without cd."""
    monkeypatch.chdir(tmp_path)
    assert main(["init", "."]) == 0
    assert capsys.readouterr().out.splitlines()[-2] == "next: pytest"


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


def test_a_file_or_a_link_is_refused(tmp_path: Path) -> None:
    """A file stays, and a link is not followed."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("file", "link"):
        with pytest.raises(InputError, match=f"{name} is a file or a link"):
            make_project(tmp_path / name)
    assert not (tmp_path / "elsewhere").exists()


def test_a_missing_folder_above_is_refused(tmp_path: Path) -> None:
    """Folders above are not made in passing: they would stay after an error."""
    with pytest.raises(InputError, match="there is no folder"):
        make_project(tmp_path / "missing" / "shop")
    assert not list(tmp_path.iterdir())


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


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """Missing rights are one line."""
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="Permission denied"):
        make_project(tmp_path / "shop")


def test_the_benchmarks_are_those_of_the_repository() -> None:
    """The project's benchmark file and conftest are the ones that this repository runs itself."""
    templates = resources.files("relevance") / "templates"
    for name in ("benchmarks/test_strategies.py", "conftest.py"):
        assert templates.joinpath(FILES[name]).read_text() == (ROOT / name).read_text()


def test_lines_that_are_commented_out_are_allowed_too(tmp_path: Path) -> None:
    """Every setting that the configuration offers as a comment is one that the package knows."""
    from relevance.config import read_config  # noqa: PLC0415 - numpy

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


def test_what_the_command_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The files and what to type next, on the standard output."""
    monkeypatch.chdir(tmp_path)
    assert main(["init", "shop"]) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[:-2] == [f"  shop/{name}" for name in FILES]
    assert lines[-2:] == [
        "next: cd shop && pytest",
        "then: pytest --update-baseline, and commit benchmarks/baselines/shop.json: what is worse than that fails",
    ]
    assert printed.err == ""

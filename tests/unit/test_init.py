"""What `relevance init` writes, and what it refuses to write over."""

import tomllib
from importlib import resources
from pathlib import Path

import pytest

from relevance.cli import main
from relevance.config.reading import read_config
from relevance.errors import InputError
from relevance.scaffold import FILES, make_project

ROOT = Path(__file__).resolve().parents[2]


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_new_folder_holds_the_templates_and_nothing_else(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    assert make_project(shop) == tuple(FILES)
    assert files(shop) == set(FILES)
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]
    (tmp_path / "other").mkdir()
    assert shop.stat().st_mode == (tmp_path / "other").stat().st_mode
    with resources.as_file(resources.files("relevance") / "templates") as folder:
        assert files(folder) == set(FILES.values())
    for name in ("benchmarks/test_strategies.py", "conftest.py"):  # those that this repository runs itself
        assert (shop / name).read_text() == (ROOT / name).read_text()


@pytest.mark.parametrize(("name", "enter"), [(".", ""), ("my shop", "cd 'my shop' && ")])
def test_the_command_says_what_is_written_and_what_to_paste_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, enter: str
) -> None:
    monkeypatch.chdir(tmp_path)
    before = tmp_path.stat().st_ino  # a shell may be in it
    assert main(["init", name]) == 0
    assert tmp_path.stat().st_ino == before
    assert files(tmp_path / name) == set(FILES)
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        *(f"  {Path(name) / file}" for file in FILES),
        f"next: {enter}pytest",
        "then: pytest --update-baseline, and commit benchmarks/baselines/shop.json: what is worse than that fails",
    ]
    assert printed.err == ""


def test_nothing_is_written_over(tmp_path: Path) -> None:
    make_project(tmp_path / "shop")
    (tmp_path / "shop" / "relevance.toml").write_text("mine")
    with pytest.raises(InputError, match=r"shop holds \.github and 6 more, nothing was written; allowed: a new or"):
        make_project(tmp_path / "shop")
    assert (tmp_path / "shop" / "relevance.toml").read_text() == "mine"
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    places = {
        ".": "holds file and 2 more",
        "file": "file is a file or a link",
        "link": "link is a file or a link",
        "missing/shop": "there is no",  # folders above would stay after an error
    }
    for name, line in places.items():
        with pytest.raises(InputError, match=line):
            make_project(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link", "shop"]


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize(
    ("method", "file", "error"),
    [("write_bytes", "qrels.txt", OSError(28, "disk full")), ("rename", "pytest.ini", PermissionError(13, "denied"))],
)
def test_an_error_on_the_way_leaves_nothing(  # noqa: PLR0913 - cases
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, file: str, error: OSError, *, is_there: bool
) -> None:
    target = tmp_path / "shop"
    if is_there:
        target.mkdir()
    original = getattr(Path, method)

    def failing(path: Path, argument: object) -> object:
        # a folder that is not there is renamed whole
        if path.name == file or (method == "rename" and not is_there):
            raise error
        return original(path, argument)

    monkeypatch.setattr(Path, method, failing)
    with pytest.raises(InputError, match=error.strerror):
        make_project(target)
    assert list(tmp_path.iterdir()) == ([target] if is_there else [])
    assert not is_there or not list(target.iterdir())


def test_lines_that_are_commented_out_are_allowed_too(tmp_path: Path) -> None:
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

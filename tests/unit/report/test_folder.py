"""Folders of ours are replaced whole, those of others never."""

import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from relevance.errors import InputError
from relevance.report.folder import MARK, check_folder, write_folder

# what versions before the mark have written
EARLIER = {
    "results": ("results.json", "per_query.json", "queries.tsv", "qrels.txt", "runs", "titles.tsv"),
    "diagnosis": ("diagnosis.md", "diagnosis.json", "to_judge.csv"),
    "tuning": ("combinations.csv", "held_out.csv", "strategy.toml", "index.md", "heatmap.png"),
    "mutations": ("mutations.json", "mutations.csv", "mutations.md"),
    "report": ("index.md", "training.csv", "comparison.csv", "queries.csv", "pairs.csv", "curve.png", "notes.txt"),
}
THEIRS = {
    "of another tool": ("results.json",),
    "of a package": ("results.json", "package.json", "src"),
    "got company": (*EARLIER["results"], "thesis.txt"),
    "half": ("index.md", "training.csv"),
    "hidden": (".git",),
}


def holding(folder: Path, names: Iterable[str]) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).write_text("{}")
    return folder


def tree(folder: Path) -> dict[str, str]:
    """Files of a folder of ours."""
    written = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert written.pop(MARK).startswith("results\n")
    return written


@pytest.mark.parametrize("content", EARLIER)
def test_a_folder_that_is_new_empty_or_ours_is_replaced(tmp_path: Path, content: str) -> None:
    (tmp_path / "link").symlink_to(holding(tmp_path / "empty", ()))
    old = holding(tmp_path / "old", EARLIER[content])
    for out in (tmp_path / "deep" / "out", old, tmp_path / "link"):
        for files in ({"a": "1"}, {"b": "2", "c/d": "3"}):
            check_folder(out, content=content)
            write_folder(out, files, content=content)
        assert {path.name for path in out.rglob("*")} == {MARK, "b", "c", "d"}
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("names", THEIRS.values(), ids=THEIRS)
@pytest.mark.parametrize("content", EARLIER)
def test_a_folder_of_others_stays(tmp_path: Path, names: tuple[str, ...], content: str) -> None:
    theirs = holding(tmp_path / "theirs", names)
    with pytest.raises(InputError, match=r"^--out .*theirs: holds other files; allowed: a new or empty folder, or "):
        check_folder(theirs, content=content)
    with pytest.raises(FileExistsError):
        write_folder(theirs, {"a": "1"}, content=content)
    assert {path.name for path in theirs.iterdir()} == set(names)


def test_results_are_not_lost_to_a_diagnosis(tmp_path: Path) -> None:
    write_folder(tmp_path / "marked", {"a": "1"})
    for folder in (tmp_path / "marked", holding(tmp_path / "old", EARLIER["results"])):
        with pytest.raises(InputError, match=r"--out x: holds earlier results, which would be lost; allowed: a new"):
            check_folder(folder, content="diagnosis", named="--out x")


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("file", "is a file; allowed: a folder, which is replaced whole"),
        ("file/out", "is not a folder that can be written to"),
    ],
)
def test_a_place_where_no_folder_can_be(tmp_path: Path, place: str, why: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=why):
        check_folder(tmp_path / place)


@pytest.mark.parametrize("exchanges", [True, False], ids=["in one step", "in two"])
def test_a_folder_is_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, exchanges: bool) -> None:
    if not exchanges:
        monkeypatch.setattr("relevance.report.folder._exchanged", lambda *_: False)
    folder = tmp_path / "a" / "latest"
    for turn in range(2):
        write_folder(folder, {"x": str(turn), f"sub/{turn}": b"y"})
        assert tree(folder) == {"x": str(turn), f"sub/{turn}": "y"}
    with pytest.raises(OSError, match="sub"):
        write_folder(folder, {"sub": "a file", "sub/x": "and a folder"})
    assert tree(folder)["x"] == "1"
    assert [path.name for path in folder.parent.iterdir()] == ["latest"]


KILLED = """
import os, signal, sys
from pathlib import Path
from relevance.report import folder
if sys.argv[2] == "gap":
    folder._exchanged = lambda *_: False
    rename = Path.rename
    def stop(self, target):
        if self.name == "new":
            os.kill(os.getpid(), signal.SIGKILL)
        return rename(self, target)
    Path.rename = stop
else:
    folder._put_in_place = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
folder.write_folder(Path(sys.argv[1]), {"x": "new"})
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal")
@pytest.mark.parametrize(("when", "left"), [("before", 3), ("gap", 2)])
def test_what_a_killed_process_has_left_goes_away(tmp_path: Path, when: str, left: int) -> None:
    """Its files with the next run; and a folder that it had moved away comes back."""
    folder = tmp_path / "latest"
    write_folder(folder, {"x": "old"})
    (tmp_path / ".latest-backups").mkdir()  # a user's
    killed = subprocess.run([sys.executable, "-c", KILLED, str(folder), when], check=False)  # noqa: S603
    assert killed.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == left
    with pytest.raises(AttributeError):
        write_folder(folder, {"x": 1})  # type: ignore[dict-item]
    assert tree(folder) == {"x": "old"}
    assert {path.name for path in tmp_path.iterdir()} == {"latest", ".latest-backups"}


def test_two_processes_replace_one_folder(tmp_path: Path) -> None:
    """Each time it is one of the two, whole; neither fails, and neither removes what the other is writing."""
    folder = tmp_path / "latest"
    script = (
        "import sys; from pathlib import Path; from relevance.report.folder import write_folder\n"
        "for turn in range(40): write_folder(Path(sys.argv[1]), {'a': sys.argv[2], 'b/c': sys.argv[2]})"
    )
    commands = [[sys.executable, "-c", script, str(folder), name] for name in ("one", "two")]
    running = [subprocess.Popen(command) for command in commands]  # noqa: S603 - the test's own
    assert [process.wait(timeout=60) for process in running] == [0, 0]
    assert tree(folder) in ({"a": "one", "b/c": "one"}, {"a": "two", "b/c": "two"})
    assert [path.name for path in tmp_path.iterdir()] == ["latest"]

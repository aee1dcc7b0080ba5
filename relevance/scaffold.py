"""A working project, written whole or not at all: what `relevance init` does."""

from __future__ import annotations

import shutil
import tempfile
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from relevance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

BASELINE = "benchmarks/baselines/shop.json"
"""What a project is compared with. It is none of the files: it holds what was measured, on the engine that is there."""

FILES: Mapping[str, str] = MappingProxyType(
    {
        "relevance.toml": "relevance.toml",
        "data/products.jsonl": "data/products.jsonl",
        "data/queries.tsv": "data/queries.tsv",
        "data/qrels.txt": "data/qrels.txt",
        "benchmarks/test_strategies.py": "test_strategies.py.txt",
        "benchmarks/thresholds.toml": "thresholds.toml",
        "conftest.py": "conftest.py.txt",
        "pytest.ini": "pytest.ini",
        ".gitignore": "gitignore.txt",
        ".github/workflows/relevance.yml": "workflow.yml",
    }
)
"""The files of a project, and the templates in the package that they are copies of.

Templates do not bear the names that git, pytest and linters act on."""


def make_project(folder: Path) -> tuple[str, ...]:
    """Write a project into a new or empty folder, see `write_project`; the names of its files."""
    write_project(folder, {name: template(name) for name in FILES})
    return tuple(FILES)


def template(name: str) -> bytes:
    """Give the content of one of the `FILES`."""
    return (resources.files("relevance") / "templates").joinpath(FILES[name]).read_bytes()


def write_project(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files, by their names, into a new or empty folder.

    The files are written beside the folder and then moved there: an error on the way leaves nothing behind.

    Raises:
        InputError: the folder holds something, is a file, or cannot be made.
    """
    folder = folder.absolute()
    try:
        _refuse_to_overwrite(folder)
        # an empty folder may lie on another disk than the one above it
        beside = folder if folder.is_dir() else folder.parent
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=beside))
        try:
            new = temporary / "new"
            _write_files(new, files)
            _move(new, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror or error}") from None


def _refuse_to_overwrite(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise InputError(f"{folder} is a file or a link; allowed: a new or empty folder")
    if folder.is_dir() and (there := sorted(path.name for path in folder.iterdir())):
        more = f" and {len(there) - 1:,} more" if len(there) > 1 else ""
        raise InputError(f"{folder} holds {there[0]}{more}, nothing was written; allowed: a new or empty folder")
    if not folder.parent.is_dir():
        raise InputError(f"{folder}: there is no folder {folder.parent}; make it first")


def _write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _move(new: Path, folder: Path) -> None:
    """Put `new` into `folder`'s place; an empty folder that is there stays the same folder, a shell may be in it."""
    if not folder.exists():
        new.rename(folder)
        return
    names = sorted(path.name for path in new.iterdir())
    try:
        for name in names:
            (new / name).rename(folder / name)
    except OSError:
        for name in names:
            if not (new / name).exists():
                (folder / name).rename(new / name)
        raise

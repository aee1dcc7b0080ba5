"""A working project: what `relevance init` writes."""

from __future__ import annotations

import shutil
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING

from relevance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_TEMPLATES = resources.files("relevance") / "templates"

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
    """Write a project into a new or empty folder; the names of its files. An error on the way leaves nothing behind.

    Raises:
        InputError: the folder holds something, is a file, or cannot be made.
    """
    folder = folder.absolute()
    try:
        _refuse_to_overwrite(folder)
        is_new = not folder.exists()
        folder.mkdir(exist_ok=True)
        try:
            for name, template in FILES.items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(_TEMPLATES.joinpath(template).read_bytes())
        except BaseException:  # an interrupt, too
            for path in {folder / name.partition("/")[0] for name in FILES}:
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            if is_new:
                folder.rmdir()
            raise
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror or error}") from None
    return tuple(FILES)


def _refuse_to_overwrite(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise InputError(f"{folder} is a file or a link; allowed: a new or empty folder")
    if folder.is_dir() and (there := sorted(path.name for path in folder.iterdir())):
        more = f" and {len(there) - 1:,} more" if len(there) > 1 else ""
        raise InputError(f"{folder} holds {there[0]}{more}, nothing was written; allowed: a new or empty folder")
    if not folder.parent.is_dir():
        raise InputError(f"{folder}: there is no folder {folder.parent}; make it first")

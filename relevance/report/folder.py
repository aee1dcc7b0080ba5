"""The folder of results: written whole beside its place, then moved there."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from relevance.errors import InputError
from relevance.report.results import per_query_json, queries_tsv, results_json
from relevance.report.trec import qrels_text, run_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relevance.suite import Suite

__all__ = ["check_folder", "replace_folder", "write_folder"]

_MARK = "results.json"


def check_folder(folder: Path, *, mark: str = _MARK) -> None:
    """Refuse a place that holds something else than results: it would be replaced whole.

    Args:
        folder: where results will be written.
        mark: the file that earlier results of that kind hold.

    Raises:
        InputError: `folder` is a file, holds other files, or cannot be made.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / mark).is_file():
        raise InputError(f"--out {folder}: holds other files; allowed: a new or empty folder, or earlier results")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out {folder}: is a file; allowed: a folder, which is replaced whole")
    above = next(parent for parent in folder.absolute().parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise InputError(f"--out {folder}: {above} is not a folder that can be written to")


def _files(suite: Suite) -> Mapping[str, str]:
    dataset = suite.plan.dataset
    runs = {
        f"runs/{name}.run": run_text(name, result.ranking, dataset.queries.ids, dataset.catalogue.ids)
        for name, result in suite.results.items()
    }
    return {
        _MARK: results_json(suite),
        "per_query.json": per_query_json(suite),
        "queries.tsv": queries_tsv(dataset),
        "qrels.txt": qrels_text(dataset),
        **runs,
    }


def write_folder(suite: Suite, folder: Path) -> None:
    """Replace `folder` by the results of `suite`; see `replace_folder`."""
    replace_folder(folder, {name: text.encode() for name, text in _files(suite).items()})


def replace_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Replace `folder` by these files, by path; what was there stays until the new folder is complete.

    Raises:
        OSError: the folder cannot be written; what was there is untouched.
    """
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        new, old = made / "new", made / "old"
        for name, content in files.items():
            path = new / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)

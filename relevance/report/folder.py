"""The folder of results: written whole beside its place, then moved there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relevance.baseline import document_text
from relevance.report.diagnosis import diagnosis_files
from relevance.report.replaced import check_replaceable, replace_folder
from relevance.report.results import per_query_json, queries_tsv, results_json
from relevance.report.titles import TITLES, titles_tsv
from relevance.report.trec import qrels_text, run_text
from relevance.suite import snapshot_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from relevance.diagnosis import Diagnosis
    from relevance.gate import Comparison
    from relevance.suite import Suite

__all__ = ["SNAPSHOT", "check_folder", "replace_folder", "write_folder"]

_MARK = "results.json"

SNAPSHOT = "baseline.json"
"""The session as a baseline: what `relevance compare` reads, and what `--baseline` takes."""


def check_folder(folder: Path, *, mark: str = _MARK) -> None:
    """Refuse a place that holds something else than results: it would be replaced whole.

    Args:
        folder: where results will be written.
        mark: the file that earlier results of that kind hold.

    Raises:
        InputError: `folder` is a file, holds other files, or cannot be made.
    """
    check_replaceable(folder, mark=mark, named=f"--out {folder}", earlier="earlier results")


def _files(
    suite: Suite, comparisons: Sequence[Comparison], diagnoses: Sequence[Diagnosis]
) -> Mapping[str, str | bytes]:
    dataset = suite.plan.dataset
    runs = {
        f"runs/{name}.run": run_text(name, result.ranking, dataset.queries.ids, dataset.catalogue.ids)
        for name, result in suite.results.items()
    }
    return {
        _MARK: results_json(suite, comparisons),
        "per_query.json": per_query_json(suite),
        "queries.tsv": queries_tsv(dataset),
        "qrels.txt": qrels_text(dataset),
        SNAPSHOT: document_text(snapshot_of(suite)),
        TITLES: titles_tsv(suite),
        **diagnosis_files(comparisons, diagnoses),
        **runs,
    }


def write_folder(
    suite: Suite, folder: Path, *, comparisons: Sequence[Comparison] = (), diagnoses: Sequence[Diagnosis] = ()
) -> None:
    """Replace `folder` by the results of `suite`; what was there stays until the new folder is complete.

    Args:
        suite: has measured one strategy or more.
        folder: where to.
        comparisons: of the session with its baselines.
        diagnoses: of these comparisons, in their order.

    Raises:
        OSError: the folder cannot be written; what was there is untouched.
    """
    replace_folder(folder, _files(suite, comparisons, diagnoses))

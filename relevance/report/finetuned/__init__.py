"""The report on a fine-tuning: a folder with an index page, pictures and CSV files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relevance.report.finetuned.columns import comparison_csv, pairs_csv, queries_csv, training_csv
from relevance.report.finetuned.facts import Facts
from relevance.report.finetuned.page import index_page, long_notes
from relevance.report.finetuned.pairs import box_picture, density_picture
from relevance.report.finetuned.queries import queries_picture
from relevance.report.finetuned.training import band_picture, curve_picture
from relevance.report.replaced import check_replaceable, replace_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from relevance.finetune.changes import Changes

__all__ = ["Facts", "check_report_folder", "report_files", "write_report"]

_MARK = "training.csv"


def check_report_folder(folder: Path, *, named: str) -> None:
    """Refuse a place that holds something else than an earlier report, before anything long starts.

    Args:
        folder: the place.
        named: how the user named it, for messages: `--out report`.

    Raises:
        InputError: `folder` is a file, holds other files, or cannot be made.
    """
    check_replaceable(folder, mark=_MARK, named=named, earlier="an earlier report")


def write_report(facts: Facts, changes: Changes, folder: Path) -> None:
    """Replace `folder` by the report; what was there stays until the new folder is complete.

    Raises:
        ValueError: as `report_files`.
        OSError: the folder cannot be written; what was there is untouched.
    """
    replace_folder(folder, report_files(facts, changes))


def report_files(facts: Facts, changes: Changes) -> Mapping[str, str | bytes]:
    """The files of the report by name.

    Raises:
        ValueError: there is no training, or seeds, curves and evaluations differ in number.
    """
    numbers = {len(facts.seeds), len(changes.curves), *(len(one.seeds) for one in changes.comparisons)}
    if len(numbers) > 1 or not changes.curves:
        raise ValueError(f"seeds, curves and evaluations: {sorted(numbers)}; as many of each are needed, one or more")
    files: dict[str, str | bytes] = {
        "index.md": index_page(facts, changes),
        _MARK: training_csv(changes.curves, facts.seeds),
        "comparison.csv": comparison_csv(changes.comparisons, facts.seeds),
        "queries.csv": queries_csv(changes.comparisons),
        "pairs.csv": pairs_csv(changes.pairs),
        "curve.png": curve_picture(changes.curves[0]),
    }
    if (notes := long_notes(facts.notes)) is not None:
        files["notes.txt"] = notes
    if len(changes.curves) > 1:
        files["seeds.png"] = band_picture(changes.curves)
    if changes.comparisons:
        files["queries.png"] = queries_picture(changes.comparisons)
    if len(changes.pairs.pairs):
        files["similarity-boxes.png"] = box_picture(changes.pairs.groups)
        files["similarity-densities.png"] = density_picture(changes.pairs.groups)
    return files

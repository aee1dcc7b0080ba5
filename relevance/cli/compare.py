"""Compare what two runs measured, as the gate does: verdict, queries won and lost; no data or model is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from relevance.baseline import SNAPSHOT, common_queries, data_changes, read_baseline
from relevance.cli.command import FAILED, Answer, read_config, write_out
from relevance.diagnosis import diagnose
from relevance.errors import InputError
from relevance.report.folder import check_folder
from relevance.report.results import TITLES, diagnosis_files, read_titles
from relevance.report.terminal import comparison_failure, comparison_lines
from relevance.suite import Baseline, compare_with

if TYPE_CHECKING:
    import argparse

    from relevance.baseline import Snapshot


def run(arguments: argparse.Namespace) -> Answer:
    """Compare, write the diagnosis where a folder is named, and print what pytest would."""
    out, names = arguments.out, (arguments.before, arguments.after)
    if out is not None:
        check_folder(Path(out), content="diagnosis", named=f"--out {out}")
    limits = read_config(arguments).gate
    before, after = (_read(Path(name)) for name in names)
    changes = data_changes(before, after)
    _check_comparable(before, after, names, changes, on_common_queries=arguments.on_common_queries)
    baseline = Baseline(names[0], before, on_common_queries=bool(changes))
    comparison = compare_with(baseline, after, limits, complete=True)
    folders = [Path(name) for name in names if Path(name).is_dir()]
    titles = {product: title for folder in folders for product, title in read_titles(folder / TITLES).items()}
    diagnosis = diagnose(before, after, comparison, limits, titles=titles)
    if out is not None:
        write_out(Path(out), diagnosis_files([comparison], [diagnosis]), "diagnosis")
    lines: list[str] = []
    for why in diagnosis.strategies:
        if why.status == "fail":
            lines += [*comparison_failure(why.strategy, [comparison], [diagnosis]).splitlines(), ""]
    lines += [line.text for line in comparison_lines(comparison, diagnosis)]
    return Answer(FAILED if comparison.status() == "fail" else 0, tuple(lines))


def _read(path: Path) -> Snapshot:
    file = path / SNAPSHOT if (path / SNAPSHOT).is_file() else path
    return read_baseline(file, named=str(file), expected="a folder of results (--out) or a baseline file")


def _check_comparable(
    before: Snapshot, after: Snapshot, names: tuple[str, str], changes: str, *, on_common_queries: bool
) -> None:
    both = " and ".join(names)
    if changes and not on_common_queries:
        raise InputError(f"{both} are of other data: {changes}; allowed: the same, or --on-common-queries")
    if changes and not common_queries(before, after):
        raise InputError(f"{both} are of other data: {changes}; not one query is common")
    if not set(before.strategies) & set(after.strategies):
        raise InputError(f"{both}: no strategy is in both; one at least is needed to compare")

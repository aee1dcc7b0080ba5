"""Compare what two runs measured, as the gate does: verdict, queries won and lost; no data or model is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from relevance.cli.command import Answer, Command, read_config, write_out
from relevance.errors import InputError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from relevance.baseline import Snapshot
    from relevance.diagnosis import Diagnosis
    from relevance.gate import Comparison, Limits

_WORSE = 1


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    what = "a folder of results (--out), or a baseline file"
    parser.add_argument("before", metavar="BEFORE", help=f"what was: {what}")
    parser.add_argument("after", metavar="AFTER", help=f"what is: {what}")
    parser.add_argument(
        "--config",
        dest="relevance_config",
        metavar="FILE",
        help="configuration with the limits (default: relevance.toml)",
    )
    parser.add_argument(
        "--on-common-queries", action="store_true", help="compare the queries that both have, with the same judgments"
    )
    parser.add_argument("--out", metavar="DIR", help="write the diagnosis there; the folder is replaced whole")


def _run(arguments: argparse.Namespace) -> Answer:
    from relevance.diagnosis import diagnose  # noqa: PLC0415 - numpy, only here
    from relevance.report.folder import check_folder, diagnosis_files  # noqa: PLC0415 - the same

    out, names = arguments.out, (arguments.before, arguments.after)
    if out is not None:
        check_folder(Path(out), content="diagnosis", named=f"--out {out}")
    limits = read_config(arguments).gate
    before, after = (_read(Path(name)) for name in names)
    comparison = _compared(before, after, names, limits, on_common_queries=arguments.on_common_queries)
    titles = {**_titles(Path(names[0])), **_titles(Path(names[1]))}
    diagnosis = diagnose(before, after, comparison, limits, titles=titles)
    if out is not None:
        files = diagnosis_files([comparison], [diagnosis])
        write_out(Path(out), files, "diagnosis", named=f"--out {out}")
    return Answer(_WORSE if comparison.status() == "fail" else 0, tuple(_lines(comparison, diagnosis)))


def _read(path: Path) -> Snapshot:
    from relevance.baseline import SNAPSHOT, read_baseline  # noqa: PLC0415 - numpy

    file = path / SNAPSHOT if (path / SNAPSHOT).is_file() else path
    return read_baseline(file, named=str(file), expected="a folder of results (--out) or a baseline file")


def _compared(
    before: Snapshot, after: Snapshot, names: tuple[str, str], limits: Limits, *, on_common_queries: bool
) -> Comparison:
    from relevance.baseline import common_queries, data_changes  # noqa: PLC0415 - numpy
    from relevance.suite import Baseline, compare_with  # noqa: PLC0415

    changes = data_changes(before, after)
    if changes and not on_common_queries:
        raise InputError(
            f"{' and '.join(names)} are of other data: {changes}; allowed: the same, or --on-common-queries"
        )
    if changes and not common_queries(before, after):
        raise InputError(f"{' and '.join(names)} are of other data: {changes}; not one query is common")
    if not set(before.strategies) & set(after.strategies):
        raise InputError(f"{' and '.join(names)}: no strategy is in both; one at least is needed to compare")
    baseline = Baseline(names[0], before, on_common_queries=bool(changes))
    return compare_with(baseline, after, limits, complete=True)


def _titles(side: Path) -> Mapping[str, str]:
    """Of the products, where the side is a folder of results."""
    from relevance.report.results import TITLES, read_titles  # noqa: PLC0415

    return read_titles(side / TITLES) if side.is_dir() else {}


def _lines(comparison: Comparison, diagnosis: Diagnosis) -> Sequence[str]:
    """Each strategy that fails with its reasons, then the summary, as pytest prints them."""
    from relevance.report.comparison import comparison_failure, comparison_lines  # noqa: PLC0415
    from relevance.report.diagnosis import diagnosis_failure, diagnosis_lines  # noqa: PLC0415

    lines: list[str] = []
    for why in diagnosis.strategies:
        if why.status == "fail":
            lines += comparison_failure(why.strategy, [comparison]).splitlines()
            lines += [*diagnosis_failure(why.strategy, [diagnosis]).splitlines(), ""]
    return lines + [line.text for line in (*comparison_lines(comparison), *diagnosis_lines(diagnosis))]


COMMAND = Command(
    "Compare what two runs measured, as the gate does: verdict, queries won and lost; no data or model is read.",
    _add_arguments,
    _run,
)

"""Compare what two runs measured, as the gate does: verdict, queries won and lost; no data or model is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from relevance.cli.answer import Answer, Surroundings
from relevance.errors import CouldNotRunError, InputError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from relevance.baseline import Snapshot
    from relevance.diagnosis import Diagnosis
    from relevance.gate import Comparison, Limits

__all__ = ["add_arguments", "run"]

_WORSE = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the two sides, and what is not about measuring."""
    what = "a folder of results (--out), or a baseline file"
    parser.add_argument("before", metavar="BEFORE", help=f"what was: {what}")
    parser.add_argument("after", metavar="AFTER", help=f"what is: {what}")
    parser.add_argument("--config", metavar="FILE", help="configuration with the limits (default: relevance.toml)")
    parser.add_argument(
        "--on-common-queries", action="store_true", help="compare the queries that both have, with the same judgments"
    )
    parser.add_argument("--out", metavar="DIR", help="write the diagnosis there; the folder is replaced whole")


def run(arguments: argparse.Namespace, surroundings: Surroundings) -> Answer:
    """Compare; exit code 1 where a strategy is worse."""
    from relevance.diagnosis import diagnose  # noqa: PLC0415 - numpy, only here

    folder = surroundings.folder
    out = None if arguments.out is None else folder / arguments.out
    if out is not None:
        _check_out(out, arguments.out)
    limits = _limits(arguments.config, surroundings)
    before, after = (_read(folder / name, name) for name in (arguments.before, arguments.after))
    comparison = _compared(
        before, after, (arguments.before, arguments.after), limits, on_common_queries=arguments.on_common_queries
    )
    titles = _titles(folder / arguments.before, folder / arguments.after)
    diagnosis = diagnose(before, after, comparison, limits, titles=titles)
    if out is not None:
        _write(out, arguments.out, comparison, diagnosis)
    return Answer(_WORSE if comparison.status() == "fail" else 0, tuple(_lines(comparison, diagnosis)))


def _limits(config: str | None, surroundings: Surroundings) -> Limits:
    """Those of the configuration that the suite would read here."""
    from relevance.config import find_upwards, read_config  # noqa: PLC0415 - numpy

    folder = surroundings.folder
    file = find_upwards(folder) if config is None else Path(config)
    return read_config(options={}, environ=surroundings.environ, file=file, root=folder, cwd=folder).gate


def _read(path: Path, name: str) -> Snapshot:
    from relevance.baseline import SNAPSHOT, read_baseline  # noqa: PLC0415 - numpy

    expected = "a folder of results (--out) or a baseline file"
    if (path / SNAPSHOT).is_file():
        return read_baseline(path / SNAPSHOT, named=f"{name}/{SNAPSHOT}", expected=expected)
    return read_baseline(path, named=name, expected=expected)


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


def _titles(before: Path, after: Path) -> Mapping[str, str]:
    """Of the products of both sides, as far as they are folders of results."""
    from relevance.report.results import TITLES, read_titles  # noqa: PLC0415

    sides = [read_titles(path / TITLES) if path.is_dir() else {} for path in (before, after)]
    return {**sides[0], **sides[1]}


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


def _check_out(out: Path, name: str) -> None:
    from relevance.report.folder import check_folder  # noqa: PLC0415 - numpy

    check_folder(out, content="diagnosis", named=f"--out {name}")


def _write(out: Path, name: str, comparison: Comparison, diagnosis: Diagnosis) -> None:
    from relevance.report.folder import diagnosis_files, write_folder  # noqa: PLC0415

    try:
        write_folder(out, diagnosis_files([comparison], [diagnosis]), content="diagnosis")
    except OSError as error:
        raise CouldNotRunError(f"--out {name}: not written: {error.strerror}") from None

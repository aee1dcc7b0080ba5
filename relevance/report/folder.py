"""Folders that are replaced whole: whose they are, what a folder of results holds, and how it is written."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from relevance import files as file_system
from relevance.baseline import SNAPSHOT, document_text
from relevance.errors import InputError
from relevance.report import results
from relevance.report.diagnosis import diagnosis_json, to_judge_csv
from relevance.report.pages import diagnosis_page
from relevance.suite import snapshot_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from relevance.diagnosis import Diagnosis
    from relevance.gate import Comparison
    from relevance.suite import Suite

MARK = ".relevance-folder"
"""The file by which a folder of ours is known; its first line says what the folder holds."""

Content = Literal["results", "diagnosis", "tuning", "mutations", "report"]


@dataclass(frozen=True)
class _Unmarked:
    """How a folder of one content is known that was written before there was a mark: by all that it holds."""

    called: str
    always: frozenset[str]
    sometimes: frozenset[str] = frozenset()

    def holds(self, names: set[str]) -> bool:
        return self.always <= names <= self.always | self.sometimes


_DIAGNOSIS = frozenset({"diagnosis.md", "diagnosis.json", "to_judge.csv"})
_CONTENTS: Mapping[Content, _Unmarked] = {
    "results": _Unmarked(
        "earlier results",
        frozenset({"results.json", "per_query.json", "queries.tsv", "qrels.txt", "runs"}),
        frozenset({SNAPSHOT, results.TITLES}) | _DIAGNOSIS,
    ),
    "diagnosis": _Unmarked("an earlier diagnosis", _DIAGNOSIS),
    "tuning": _Unmarked(
        "an earlier tuning", frozenset({"combinations.csv", "held_out.csv", "strategy.toml", "index.md", "heatmap.png"})
    ),
    "mutations": _Unmarked("earlier mutations", frozenset({"mutations.json", "mutations.csv", "mutations.md"})),
    "report": _Unmarked(
        "an earlier report",
        frozenset({"index.md", "training.csv", "comparison.csv", "queries.csv", "pairs.csv", "curve.png"}),
        frozenset({"notes.txt", "seeds.png", "queries.png", "similarity-boxes.png", "similarity-densities.png"}),
    ),
}


def check_folder(folder: Path, *, content: Content = "results", named: str = "") -> None:
    """Refuse a place that holds something else than what an earlier run wrote there: it would be replaced whole.

    Args:
        folder: the place.
        content: what will be written there; a folder of ours with another content is refused too.
        named: how the user named the place, for messages (default: `--out FOLDER`).

    Raises:
        InputError: `folder` is a file, holds other files, or cannot be made.
    """
    named = named or f"--out {folder}"
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{named}: is a file; allowed: a folder, which is replaced whole")
    try:
        other = _in_the_way(folder, content)
    except OSError as error:
        raise InputError(f"{named}: cannot be read ({error.strerror}); allowed: a folder of one's own") from None
    if other:
        raise InputError(f"{named}: holds {other}; allowed: a new or empty folder, or {_CONTENTS[content].called}")
    above = next(parent for parent in folder.absolute().parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise InputError(f"{named}: {above} is not a folder that can be written to")


def _in_the_way(folder: Path, content: Content) -> str:
    """What a folder holds that must not be replaced; "" where there is nothing."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    marked = MARK in names and (folder / MARK).is_file()
    first = (folder / MARK).read_bytes()[:100].partition(b"\n")[0].decode(errors="replace") if marked else ""
    if not names or first == content or (not marked and _CONTENTS[content].holds(names)):
        return ""
    ours = [name for name, one in _CONTENTS.items() if first == name or (not marked and one.holds(names))]
    return f"{_CONTENTS[ours[0]].called}, which would be lost" if ours else "other files"


def write_folder(folder: Path, files: Mapping[str, str | bytes], *, content: Content = "results") -> None:
    """Replace `folder` by these files and the mark; what was there stays until the new folder is complete.

    Args:
        folder: the place; where it is a link, the folder behind it is replaced.
        files: by name, with `/` between folders.
        content: what they are.

    Raises:
        OSError: the folder cannot be written, or holds something else by now; what was there is untouched.
    """
    place = folder.resolve()
    if other := _in_the_way(place, content):
        raise FileExistsError(errno.EEXIST, f"it holds {other}", str(folder))
    mark = f"{content}\nThis folder is written by relevance, which replaces it whole.\n"
    file_system.replace_folder(place, {MARK: mark, **files})


def session_files(
    suite: Suite, comparisons: Sequence[Comparison] = (), diagnoses: Sequence[Diagnosis] = ()
) -> Mapping[str, str]:
    """The files of a session.

    Args:
        suite: has measured one strategy or more.
        comparisons: of the session with its baselines.
        diagnoses: of these comparisons, in their order.
    """
    dataset = suite.plan.dataset
    runs = {
        f"runs/{name}.run": results.run_text(name, result.ranking, dataset.queries.ids, dataset.catalogue.ids)
        for name, result in suite.results.items()
    }
    return {
        "results.json": results.results_json(suite, comparisons),
        "per_query.json": results.per_query_json(suite),
        "queries.tsv": results.queries_tsv(dataset),
        "qrels.txt": results.qrels_text(dataset),
        SNAPSHOT: document_text(snapshot_of(suite)),
        results.TITLES: results.titles_tsv(suite),
        **diagnosis_files(comparisons, diagnoses),
        **runs,
    }


def diagnosis_files(comparisons: Sequence[Comparison], diagnoses: Sequence[Diagnosis]) -> Mapping[str, str]:
    """The files of a diagnosis, by name; none where nothing was compared."""
    if not diagnoses:
        return {}
    return {
        "diagnosis.md": diagnosis_page(comparisons, diagnoses),
        "diagnosis.json": diagnosis_json(diagnoses),
        "to_judge.csv": to_judge_csv(diagnoses),
    }

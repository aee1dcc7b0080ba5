"""What is judged beside a data set's own judgments: a CSV file in its folder, laid over them whatever their format.

A row is a grade that a rater gave to a product for a query. Of a pair that people graded the low median of their grades
counts, in the place of the data set's own. An automatic rater, whose name begins with `auto:`, counts only for pairs
that nobody else has graded, and only where it agrees with people on pairs that both graded.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from datetime import date
from statistics import median_low
from typing import TYPE_CHECKING, Annotated

import numpy as np
from annotated_types import Interval

from relevance.datasets import homedepot
from relevance.datasets.agreement import ordinal_alpha
from relevance.datasets.tables import OVERLAY, Notes, csv_table, delimiter_of, graded
from relevance.files import TextFile, csv_text, input_errors, locked, plain_text, write_file, writing
from relevance.records import Judgments
from relevance.setting import Takes, setting
from relevance.text import plural, some

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from relevance.datasets import Source
    from relevance.records import Dataset

AUTOMATIC = "auto:"
"""What the name of a rater that is a program begins with."""

LEAST_SHARED = 30
"""Pairs that an automatic rater and people have to have graded both, before its agreement is known."""

RATER_RULE = "1 to 100 printable characters, without white space at the ends"
_COLUMNS = ("query", "product", "grade", "rater", "date")
_MOST_CHARACTERS = 100
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)

Pair = tuple[str, str]
"""A query and a product, by id."""


@dataclass(frozen=True)
class Judging:
    """`[judging]` of the configuration."""

    least_agreement: Annotated[float, Interval(ge=-1, le=1), Takes("number", "a number from -1 to 1, such as 0.8")] = (
        setting(
            "an automatic rater's grades count where Krippendorff's alpha of it and people is so much or more",
            default=0.667,
        )
    )


@dataclass(frozen=True)
class Rating:
    """A row of the file: queries and products by id, the date as ISO 8601 writes it."""

    query: str
    product: str
    grade: float
    rater: str
    date: str

    @property
    def pair(self) -> Pair:
        """What is graded."""
        return self.query, self.product

    @property
    def is_automatic(self) -> bool:
        """Whether a program gave it."""
        return self.rater.startswith(AUTOMATIC)


Ratings = dict[tuple[Pair, str], Rating]
"""Ratings by what they grade and who gave them."""


def is_rater(name: str) -> bool:
    """Whether a text follows `RATER_RULE`."""
    return name.isprintable() and name == name.strip() and 1 <= len(name) <= _MOST_CHARACTERS


def beside(source: Source, name: str = OVERLAY) -> Path | None:
    """Where a file of ours lies beside those of a data set; None for the sample of an installed package."""
    if source.format == "sample":
        return homedepot.checked_out(name)
    return None if source.path is None else source.path / name


# The file


def read_ratings(path: Path) -> tuple[Ratings, int]:
    """Read an overlay, and count the rows that a later one of the same rater replaces; no file is an empty one.

    Raises:
        InputError: it cannot be read, or a row is not as it has to be: file, line, what is allowed.
    """
    with input_errors(path):
        if not os.path.lexists(path):
            return {}, 0
        file = TextFile(path)
        table = csv_table(file, {name: name for name in _COLUMNS}, delimiter_of(file), only=True)
    if table.frame.empty:
        return {}, 0
    for name in ("query", "product", "rater"):
        table = table.mapped(name, plain_text)
    table.require_ids("query")
    table = graded(table, {}, Notes())
    table.require("rater", is_rater, RATER_RULE)
    table.require("date", _is_date, "a date such as 2026-11-28")
    rows = [Rating(*row) for row in table.frame[list(_COLUMNS)].itertuples(index=False, name=None)]
    ratings = {(one.pair, one.rater): one for one in rows}
    return ratings, len(rows) - len(ratings)


def _is_date(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text) and date.fromisoformat(text))
    except ValueError:
        return False


@contextmanager
def changing(path: Path) -> Iterator[Ratings]:
    """The ratings of an overlay, to be changed: where the block ends and they are others, they are on the disk.

    Other processes and threads wait at their own `changing`, so that none writes over what another one has written.

    Raises:
        InputError: as `read_ratings`.
        CouldNotRunError: the file cannot be written; what was there is untouched.
    """
    with locked(path.parent, wait=True):
        ratings, _ = read_ratings(path)
        before = dict(ratings)
        yield ratings
        if ratings != before:
            # in one order: what people add on two branches merges, and a pair's rows stand together
            rows = sorted(map(astuple, ratings.values()), key=lambda row: (row[0], row[1], row[3]))
            cells = [(query, product, f"{grade}", rater, day) for query, product, grade, rater, day in rows]
            with writing(str(path)):
                write_file(path, csv_text(_COLUMNS, cells))


# What it says


@dataclass(frozen=True)
class Agreement:
    """How far raters agree.

    Attributes:
        alpha: Krippendorff's, for ordinal grades; None where there is nothing to compare.
        pairs: those that two or more of them graded.
    """

    alpha: float | None
    pairs: int

    def line(self, whom: str = "") -> str:
        """In words, up to what the pairs are."""
        alpha = "no alpha" if self.alpha is None else f"alpha {self.alpha:.3f}"
        return f"{alpha}{whom} on {plural(self.pairs, 'pair')} that"


@dataclass(frozen=True)
class Weighed:
    """The ratings of an overlay beside the judgments of a data set.

    Attributes:
        ratings: those of queries and products of the data set.
        gone: how many are of others.
        people: the grade of each pair that people graded in the overlay.
        agreement: of these people with each other.
        automatic: of each automatic rater with people, the data set's own judgments being theirs, too.
        counting: the automatic raters whose grades count.
        grades: what the overlay gives: people's grades, and those of the raters that count for what nobody else graded.
    """

    ratings: tuple[Rating, ...]
    gone: int
    people: Mapping[Pair, float]
    agreement: Agreement
    automatic: Mapping[str, Agreement]
    counting: tuple[str, ...]
    grades: Mapping[Pair, float]

    def agreement_lines(self, judging: Judging) -> list[str]:
        """How far people agree, and each automatic rater with them, a line each."""
        lines = []
        if self.agreement.pairs:
            lines.append(f"people agree: {self.agreement.line()} two or more graded (Krippendorff's, ordinal)")
        for rater, agreement in self.automatic.items():
            needed = f"{judging.least_agreement:g} on {LEAST_SHARED} or more is needed"
            what = "its grades count" if rater in self.counting else "its grades do not count"
            lines.append(f"{rater}: {agreement.line(' with people')} both graded; {needed}: {what}")
        return lines


def weigh(dataset: Dataset, ratings: Iterable[Rating], judging: Judging) -> Weighed:
    """Say what the ratings of an overlay come to.

    Args:
        dataset: with its own judgments alone.
        ratings: of the overlay.
        judging: from which agreement on an automatic rater counts.
    """
    queries, products = dataset.queries.ids, dataset.catalogue.ids
    every = list(ratings)
    known = tuple(one for one in every if _code(queries, one.query) >= 0 and _code(products, one.product) >= 0)
    of_people: defaultdict[Pair, list[float]] = defaultdict(list)
    of_programs: defaultdict[str, dict[Pair, float]] = defaultdict(dict)
    for one in known:
        if one.is_automatic:
            of_programs[one.rater][one.pair] = one.grade
        else:
            of_people[one.pair].append(one.grade)
    people = {pair: median_low(grades) for pair, grades in of_people.items()}
    several = [grades for grades in of_people.values() if len(grades) > 1]
    asked = {pair for grades in of_programs.values() for pair in grades}
    reference = {**own_grades(dataset, asked), **people}
    automatic, counting = {}, []
    unclaimed: defaultdict[Pair, list[float]] = defaultdict(list)
    for rater, grades in sorted(of_programs.items()):
        shared = [(grade, reference[pair]) for pair, grade in grades.items() if pair in reference]
        alpha = ordinal_alpha(shared)
        automatic[rater] = Agreement(alpha, len(shared))
        if alpha is not None and alpha >= judging.least_agreement and len(shared) >= LEAST_SHARED:
            counting.append(rater)
            for pair in grades.keys() - reference.keys():
                unclaimed[pair].append(grades[pair])
    return Weighed(
        ratings=known,
        gone=len(every) - len(known),
        people=people,
        agreement=Agreement(ordinal_alpha(several), len(several)),
        automatic=automatic,
        counting=tuple(counting),
        grades={**people, **{pair: median_low(grades) for pair, grades in unclaimed.items()}},
    )


def _code(ids: Sequence[str], identifier: str) -> int:
    """The place of an id in ids that ascend, -1 for one that is not there."""
    at = bisect_left(ids, identifier)
    return at if at < len(ids) and ids[at] == identifier else -1


def own_grades(dataset: Dataset, pairs: Iterable[Pair]) -> dict[Pair, float]:
    """The grades that a data set's judgments give to pairs; those that it has not judged are left out."""
    judgments, width = dataset.judgments, len(dataset.catalogue)
    keys = judgments.queries * width + judgments.products  # ascending, as judgments are
    wanted = sorted(pairs)
    codes = [(_code(dataset.queries.ids, query), _code(dataset.catalogue.ids, product)) for query, product in wanted]
    asked = np.array([query * width + product if min(query, product) >= 0 else -1 for query, product in codes])
    at = np.searchsorted(keys, asked) if len(asked) else np.array([], dtype=np.int64)
    found = (at < len(keys)) & (keys[np.minimum(at, len(keys) - 1)] == asked) if len(keys) else at < 0
    grades = judgments.grades.tolist()
    return {pair: grades[place] for pair, place, there in zip(wanted, at.tolist(), found, strict=True) if there}


def laid_over(dataset: Dataset, path: Path, judging: Judging) -> Dataset:
    """Lay the overlay that lies at a path over the judgments of a data set, with notes on what it changes.

    Raises:
        InputError: as `read_ratings`.
    """
    ratings, repeated = read_ratings(path)
    if not ratings:
        return dataset
    weighed = weigh(dataset, ratings.values(), judging)
    before = own_grades(dataset, weighed.grades)
    notes = Notes()
    raters = Counter(one.rater for one in weighed.ratings)
    if raters:
        counts = some([f"{rater} {count:,}" for rater, count in sorted(raters.items())], 5)
        added = len(weighed.grades) - len(before)
        other = sum(grade != weighed.grades[pair] for pair, grade in before.items())
        change = f"{plural(added, 'judgment')} more, {other:,} with another grade"
        notes.append(f"{path.name}: {change}; {plural(sum(raters.values()), 'row')}: {counts}")
    notes += [f"{path.name}: {line}" for line in weighed.agreement_lines(judging)]
    one, many = "row names a query or product that is gone", "rows name queries or products that are gone"
    notes.add(path.name, weighed.gone, f"{one}, and does not count", f"{many}, and do not count")
    one, many = "row is replaced by a later one", "rows are replaced by later ones"
    notes.add(path.name, repeated, f"{one} of the same rater", f"{many} of the same raters")
    return replace(dataset, judgments=_merged(dataset, weighed.grades), notes=(*dataset.notes, *notes))


def _merged(dataset: Dataset, grades: Mapping[Pair, float]) -> Judgments:
    """The data set's judgments with other grades of some pairs."""
    own, width = dataset.judgments, len(dataset.catalogue)
    codes = [(_code(dataset.queries.ids, query), _code(dataset.catalogue.ids, product)) for query, product in grades]
    queries, products = np.array(codes, dtype=np.int64).reshape(-1, 2).T
    kept = ~np.isin(own.queries * width + own.products, queries * width + products)
    return Judgments(
        np.concatenate([own.queries[kept], queries]),
        np.concatenate([own.products[kept], products]),
        np.concatenate([own.grades[kept], np.array(list(grades.values()))]),
        relevant_from=own.relevant_from,
    )

"""What is to be judged, in its order, and the grades that a rater gives: each is on the disk before it is confirmed."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relevance.datasets.overlay import Pair, Rating, Ratings, changing, own_grades, read_ratings
from relevance.datasets.tables import csv_table, delimiter_of, simplest
from relevance.errors import InputError
from relevance.files import TextFile, input_errors, plain_text, shown
from relevance.text import shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from relevance.records import Dataset

TO_JUDGE = "to_judge.csv"
"""The rows of a folder of results."""

_COLUMNS, _NEEDED = ("query_id", "product"), "needed"
_MOST_VALUES, _MOST_CHARACTERS = 200, 20_000
_MOST_IN_LINE = 60
_DIGITS, _LETTERS = "0123456789", "abcdefghijklmnopqrtvwxyz"  # s skips, u undoes
_STEPS = 10


@dataclass(frozen=True)
class Row:
    """A product that is to be judged for a query.

    Attributes:
        id: the same for the same pair, in every session.
        query: by id.
        product: by id.
        text: the query as people read it, with its parameters.
        title: what people know the product by, "" for one without.
        fields: of the product, each text field with its values.
    """

    id: str
    query: str
    product: str
    text: str
    title: str
    fields: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def pair(self) -> Pair:
        """What is graded."""
        return self.query, self.product

    @property
    def name(self) -> str:
        """What a line calls the product."""
        return shortened(self.title or self.product, _MOST_IN_LINE)

    @property
    def texts(self) -> dict[str, str]:
        """The product for programs: `id`, `title`, and each field by its name, several values a line each."""
        fields = {name: "\n".join(values) for name, values in self.fields}
        return {"id": self.product, "title": self.title, **fields}


def read_pairs(path: Path) -> tuple[list[Pair], int]:
    """The pairs to judge of a file, or of the `to_judge.csv` of a folder of results, in its order, each once.

    Where its column `needed` marks some, these alone.

    Returns:
        The pairs, and how many others the file has.

    Raises:
        InputError: it is not there, cannot be read, or has no columns query_id and product.
    """
    with input_errors(path):
        file = path / TO_JUDGE if path.is_dir() else path
        if not file.exists():
            way = "a session beside a baseline writes it (pytest benchmarks/), or relevance compare A B --out DIR"
            raise InputError(f"{shown(file)} is not there: no hits to judge; {way}")
    text = TextFile(file)
    delimiter = delimiter_of(text)
    marked = next(text.rows(delimiter))[1].count(_NEEDED) == 1
    table = csv_table(text, {name: name for name in (*_COLUMNS, *[_NEEDED] * marked)}, delimiter)
    pairs = list(zip(*(map(plain_text, table.frame[name]) for name in _COLUMNS), strict=True))
    needed = [pair for pair, mark in zip(pairs, table.frame[_NEEDED], strict=True) if mark == "1"] if marked else []
    asked = list(dict.fromkeys(needed or pairs))
    return asked, len({*pairs}) - len(asked)


def fitting(dataset: Dataset, pairs: Iterable[Pair]) -> list[Pair]:
    """Those of queries and products that a data set has, and that its own judgments have not graded."""
    queries, products = set(dataset.queries.ids), set(dataset.catalogue.ids)
    known = [(query, product) for query, product in pairs if query in queries and product in products]
    judged = own_grades(dataset, known)
    return [pair for pair in known if pair not in judged]


def rows_of(dataset: Dataset, pairs: Sequence[Pair]) -> list[Row]:
    """The rows of pairs of a data set, in their order: with everything that its products say."""
    catalogue = dataset.catalogue
    codes = {product: code for code, product in enumerate(catalogue.ids)}
    wanted = {codes[product] for _, product in pairs}
    texts: dict[int, list[tuple[str, tuple[str, ...]]]] = {code: [] for code in wanted}
    for name in catalogue.fields.own_texts:
        for code, values in enumerate(catalogue.values(name)):
            if code in wanted and name != catalogue.fields.title and (said := _bounded(values)):
                texts[code].append((name, said))
    titles, labels = catalogue.titles, dict(zip(dataset.queries.ids, dataset.queries.labels, strict=True))
    rows = ((query, product, codes[product]) for query, product in pairs)
    return [
        Row(row_id((query, product)), query, product, labels[query], titles[code].strip(), tuple(texts[code]))
        for query, product, code in rows
    ]


def row_id(pair: Pair) -> str:
    """The id of a row: 16 hex digits of a hash of its pair."""
    return hashlib.sha256(json.dumps(pair).encode()).hexdigest()[:16]


def _bounded(values: Sequence[str]) -> tuple[str, ...]:
    """What a page shows of a field: values that say something, and not more than can be read."""
    said = [value.strip() for value in values if value.strip()]
    return tuple(shortened(value, _MOST_CHARACTERS) for value in said[:_MOST_VALUES])


def grade_keys(grades: Iterable[float]) -> dict[str, float]:
    """The grades that a rater chooses from, by the key of each.

    They are 0 to the highest by digits where a data set has whole grades up to 9; else its own, with 0, by letters; and
    where those are too many for keys, whole numbers up to the highest, or ten even steps.

    Args:
        grades: those of the data set's judgments, in any order, repeated or not.
    """
    own = sorted({0, *map(simplest, grades)})
    best = own[-1]
    if best < len(_DIGITS) and all(isinstance(grade, int) for grade in own):
        return {_DIGITS[grade]: grade for grade in range(int(best) + 1)}
    if len(own) <= len(_LETTERS):
        return dict(zip(_LETTERS, own, strict=False))
    if best < len(_DIGITS):
        return {_DIGITS[grade]: grade for grade in range(int(best) + 1)}
    return {_LETTERS[step]: simplest(round(best * step / _STEPS, 3)) for step in range(_STEPS + 1)}


@dataclass
class Tab:
    """What one tab of a browser has done.

    Attributes:
        skipped: ids of rows, in the order in which they were skipped.
        again: the row that was taken back, and is asked once more.
        done: what can be undone: the row, the grade that was given (None: skipped), and the one that it replaced.
        said: what the next page says of the last answer.
    """

    skipped: dict[str, None] = field(default_factory=dict)
    again: str = ""
    done: list[tuple[str, float | None, float | None]] = field(default_factory=list)
    said: str = ""


class Queue:
    """The rows that a rater is asked, and the grades that the rater gave.

    Args:
        rows: in the order in which they are asked.
        path: of the overlay.
        rater: whose grades these are.
        keys: see `grade_keys`.
        today: gives the date of a grade.
    """

    def __init__(
        self, rows: Sequence[Row], path: Path, rater: str, keys: Mapping[str, float], today: Callable[[], str]
    ) -> None:
        self.rows: Mapping[str, Row] = {row.id: row for row in rows}
        self.rater, self.keys = rater, keys
        self._path, self._today = path, today
        self._lock = threading.Lock()
        self._grades: dict[str, float] = {}
        self._look(read_ratings(path)[0])
        self.already = len(self._grades)
        """Rows that the rater had graded before."""

    def _look(self, ratings: Ratings) -> None:
        given = {uid: ratings.get((row.pair, self.rater)) for uid, row in self.rows.items()}
        self._grades = {uid: rating.grade for uid, rating in given.items() if rating is not None}

    @property
    def graded(self) -> int:
        """How many of the rows the rater has graded by now."""
        return len(self._grades)

    def next(self, tab: Tab) -> Row | None:
        """The row that a tab is asked: the one that it took back, the first open one, or the first that it skipped."""
        with self._lock:
            if tab.again and tab.again not in self._grades:
                return self.rows[tab.again]
            still = [uid for uid in tab.skipped if uid not in self._grades]
            first = next((uid for uid in self.rows if uid not in self._grades and uid not in tab.skipped), "")
            return self.rows[first] if first else self.rows[still[0]] if still else None

    def answer(self, tab: Tab, uid: str, grade: float) -> None:
        """Grade a row; where it had a grade already, the new one holds, and the tab says so.

        Raises:
            KeyError: there is no such row.
            RelevanceError: the overlay cannot be read or written; nothing is changed.
        """
        row = self.rows[uid]
        with self._lock:
            before = self._put(row, grade)
            tab.again = ""
            tab.skipped.pop(uid, None)
            tab.done.append((uid, grade, before))
            tab.said = f"{grade} for {row.name}"
            if before is not None:
                replaced = "the same again" if before == grade else f"in the place of {before}"
                tab.said = f"{tab.said}, {replaced}: it was judged already, in another tab or by another run"

    def skip(self, tab: Tab, uid: str) -> None:
        """Ask a row after all others.

        Raises:
            KeyError: there is no such row.
        """
        row = self.rows[uid]
        with self._lock:
            tab.again = ""
            tab.skipped.pop(uid, None)
            tab.skipped[uid] = None
            tab.done.append((uid, None, None))
            tab.said = f"skipped: {row.name}"

    def undo(self, tab: Tab) -> None:
        """Take the last answer of a tab back, and ask its row again.

        A grade that another tab has changed since stays.

        Raises:
            RelevanceError: the overlay cannot be read or written; nothing is changed.
        """
        with self._lock:
            if not tab.done:
                tab.said = "nothing to undo here"
                return
            uid, grade, before = tab.done[-1]
            row = self.rows[uid]
            if grade is not None and not self._take_back(row, grade, before):
                tab.said = f"not undone: {row.name} was judged otherwise since, in another tab"
            else:
                tab.skipped.pop(uid, None)
                tab.again = uid if before is None else ""
                now = "" if before is None else f", {before} holds again"
                tab.said = f"undone{now}: {row.name}"
            tab.done.pop()

    def _put(self, row: Row, grade: float) -> float | None:
        """Write a grade, and give the one that it replaces."""
        with changing(self._path) as ratings:
            before = ratings.get((row.pair, self.rater))
            if before is None or before.grade != grade:
                ratings[row.pair, self.rater] = Rating(*row.pair, grade, self.rater, self._today())
        self._look(ratings)
        return None if before is None else before.grade

    def _take_back(self, row: Row, grade: float, before: float | None) -> bool:
        with changing(self._path) as ratings:
            now = ratings.get((row.pair, self.rater))
            if now is None or now.grade != grade:
                return False
            if before is None:
                del ratings[row.pair, self.rater]
            else:
                ratings[row.pair, self.rater] = Rating(*row.pair, before, self.rater, self._today())
        self._look(ratings)
        return True

    def close(self) -> None:
        """Wait for an answer that is being written; none is written afterwards."""
        self._lock.acquire()

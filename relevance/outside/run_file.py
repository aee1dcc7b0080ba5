"""A search that was: the hits of a TREC run file."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relevance.errors import InputError, StrategyError
from relevance.files import TextFile, file_sha256, quoted
from relevance.numerals import plain_decimal
from relevance.outside import Outside, Ranker
from relevance.text import one_line, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from relevance.outside import Answer, Query

_COLUMNS = "query Q0 product rank score name"


@dataclass(frozen=True)
class RunFile(Outside):
    """`run = "file.run"`: lines `query Q0 product rank score name`, perhaps packed.

    As to trec_eval, the score decides, higher first, equal ones by the product's id, descending; the rank is not read.

    Attributes:
        path: of the file.
    """

    takes_time = False
    hits_are = ": its lines begin with ids of other queries"
    path: str

    @property
    def name(self) -> str:
        """What people call it."""
        return f"run {Path(self.path).name}"

    def open(self) -> Ranker:
        """Read it.

        Raises:
            InputError: it is not there, or a line is none of a run.
        """
        return _Answered(self, _read(TextFile(Path(self.path))))

    def definition(self) -> Mapping[str, Any]:
        """Its name and what it holds."""
        return {"run": Path(self.path).name, "sha256": file_sha256(Path(self.path))}


def _read(file: TextFile) -> Mapping[str, Answer]:
    hits: dict[str, dict[str, float]] = defaultdict(dict)
    for number, line in enumerate(file.lines(), start=1):
        parts = line.split()
        if not parts:
            continue
        if len(parts) != len(_COLUMNS.split()):
            raise file.fault(number, f"{plural(len(parts), 'column')}; expected six: {_COLUMNS}")
        query, _, product, _, written, _ = parts
        try:
            score = plain_decimal(written)
        except ValueError:
            score = math.nan
        if not math.isfinite(score):
            raise file.fault(number, f"the score is {quoted(one_line(written, 40))}; allowed: a finite number")
        if product in hits[query]:
            raise file.fault(number, f"query {quoted(query)} has product {quoted(product)} twice; allowed: once")
        hits[query][product] = score
    if not hits:
        raise InputError(f"{file.path}: no hit in it; expected lines {_COLUMNS}")
    return {query: _as_trec_eval_sorts(found) for query, found in hits.items()}


def _as_trec_eval_sorts(scores: Mapping[str, float]) -> Answer:
    return sorted(scores.items(), key=lambda hit: (hit[1], hit[0]), reverse=True)


class _Answered(Ranker):
    def __init__(self, run: RunFile, hits: Mapping[str, Answer]) -> None:
        self._name, self._hits = run.name, hits
        self._asked: set[str] = set()

    def rank(self, queries: Sequence[Query], depth: int) -> Iterator[Answer]:
        for query in queries:
            if not query.id:
                raise StrategyError(f"{self._name}: {query}: allowed: a query of the data set, a run answers no other")
            self._asked.add(query.id)
            yield self._hits.get(query.id, ())[:depth]

    def notes(self) -> Sequence[str]:
        others = len(self._hits.keys() - self._asked)
        lacking = f"{self._name}: hits of {plural(others, 'query', 'queries')} that the data set lacks, left out"
        return [lacking] if self._asked and others else []

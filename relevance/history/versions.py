"""A version: what was measured at one commit, as far as it can be held against other commits."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from relevance.baseline import by_todays_data, data_changes
from relevance.text import plural

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    import numpy.typing as npt

    from relevance.baseline import Acceptance, Snapshot
    from relevance.evaluation import Metric

    _Floats = npt.NDArray[np.float32]
    _Keys = npt.NDArray[np.uint64]

_KEY_BYTES = 8
_SHORT = 7

ALIKE = 0.5
"""With less than this share of the queries left two versions are of other data."""


@dataclass(frozen=True)
class Commit:
    """What git says of a commit: its hash, "" where there is none; whether files were changed since."""

    sha: str
    time: datetime
    subject: str = ""
    dirty: bool = False

    @property
    def label(self) -> str:
        """Short hash, with a `+` where files were changed since."""
        return f"{self.sha[:_SHORT] or 'no git'}{'+' if self.dirty else ''}"


@dataclass(frozen=True, eq=False)
class Version:
    """What a commit's session, or its baseline file, has of the leading metric.

    Attributes:
        commit: at which it was measured, or committed.
        accepted: whether somebody made it the baseline: what was lost until then was seen.
        keys: shape (queries,), ascending: a hash of each judged query, see `query_keys`.
        values: by strategy, shape (queries,), in the order of the keys.
        log: of the newest version of a baseline: what was accepted by hand, the oldest first.
    """

    commit: Commit
    accepted: bool
    keys: _Keys
    values: Mapping[str, _Floats]
    log: tuple[Acceptance, ...] = ()

    def mean(self, strategy: str) -> float:
        """Of all of its queries; nan where the strategy was not measured."""
        values = self.values.get(strategy)
        return math.nan if values is None else math.fsum(values.tolist()) / len(values)

    def same_as(self, other: Version) -> bool:
        """Whether both hold the same numbers of the same queries."""
        return (
            np.array_equal(self.keys, other.keys)
            and self.values.keys() == other.values.keys()
            and all(np.array_equal(values, other.values[name]) for name, values in self.values.items())
        )

    def is_alike(self, other: Version) -> bool:
        """Whether so many queries mean the same in both that they can be held against each other."""
        return len(np.intersect1d(self.keys, other.keys, assume_unique=True)) >= ALIKE * len(other.keys)

    def beside(self, other: Version, strategy: str) -> tuple[_Floats, _Floats]:
        """The strategy's numbers in both, of the queries that mean the same in both, in the same order."""
        if np.array_equal(self.keys, other.keys):
            return self.values[strategy], other.values[strategy]
        _, own, others = np.intersect1d(self.keys, other.keys, assume_unique=True, return_indices=True)
        return self.values[strategy][own], other.values[strategy][others]


def query_keys(snapshot: Snapshot) -> _Keys:
    """A hash of each query's id, text, judgments and parameters: another is a query that means something else."""
    relevant_from = float(snapshot.relevant_from)
    keys = []
    for query, (text, grades, params) in snapshot.judged().items():
        judged = sorted((product, float(grade)) for product, grade in grades.items())
        content = json.dumps([query, text, judged, params, relevant_from], sort_keys=True, default=str)
        digest = hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=_KEY_BYTES)
        keys.append(int.from_bytes(digest.digest(), "little"))
    return np.array(keys, dtype=np.uint64)


@dataclass(frozen=True, eq=False)
class Today:
    """By whose queries, judgments and products all versions are scored.

    Attributes:
        snapshot: the session that is held against them, or the newest version.
        metric: what is scored.
        lacking: why versions could not be scored by it, and how many; filled as they are.
    """

    snapshot: Snapshot
    metric: Metric
    lacking: Counter[str]

    @property
    def digest(self) -> str:
        """What tells it from others, for names of files."""
        data = self.snapshot.dataset
        parts = (data.corpus, data.queries, data.judgments, str(self.snapshot.relevant_from))
        return hashlib.blake2b("\n".join(parts).encode(), digest_size=_KEY_BYTES).hexdigest()

    def scored(self, snapshot: Snapshot) -> Snapshot:
        """A version by today's data, as far as its hits tell; where they do not, as it was scored then."""
        before, now = (_of_metric(side, self.metric) for side in (snapshot, self.snapshot))
        if not data_changes(before, now):
            return snapshot
        kept = f"{self.metric} needs more than the {snapshot.kept} hits that are kept"
        if self.metric.cutoff > snapshot.kept:
            self.lacking[f"is as it was scored then: {kept}"] += 1
            return snapshot
        sides = by_todays_data(before, now)
        if not sides.compared:
            self.lacking["is as it was scored then: today asks none of its queries"] += 1
            return snapshot
        if sides.gone_products and snapshot.kept <= self.metric.cutoff:
            self.lacking[f"may seem worse than it was: products are gone, and {kept}"] += 1
        return sides.before

    def notes(self) -> list[str]:
        """What could not be scored by it, a line each."""
        return [f"{plural(number, 'version')} of other data {why}" for why, number in self.lacking.items()]


def _of_metric(snapshot: Snapshot, metric: Metric) -> Snapshot:
    strategies = {
        name: replace(one, metrics={metric: one.metrics[metric]} if metric in one.metrics else {})
        for name, one in snapshot.strategies.items()
    }
    return replace(snapshot, strategies=strategies)


def version_of(snapshot: Snapshot, metric: Metric, commit: Commit, *, accepted: bool) -> Version:
    """What a snapshot has of a metric; strategies without it are left out."""
    keys = query_keys(snapshot)
    order = np.argsort(keys, kind="stable")
    values = {
        name: one.metrics[metric][order].astype(np.float32)
        for name, one in snapshot.strategies.items()
        if metric in one.metrics
    }
    return Version(commit, accepted, keys[order], MappingProxyType(values))


def in_order(versions: Iterable[Version]) -> list[Version]:
    """By time; what is the same as the version before it is left out, unless that was not accepted and it is."""
    kept: list[Version] = []
    for version in sorted(versions, key=lambda one: one.commit.time):
        if not kept or not version.same_as(kept[-1]):
            kept.append(version)
        elif version.accepted and not kept[-1].accepted:
            kept[-1] = version
    return kept

"""A session beside what earlier commits measured: whether it drifted, and the file that remembers it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relevance import history
from relevance.errors import RelevanceError
from relevance.text import plural

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from relevance.baseline import Snapshot
    from relevance.config import Config
    from relevance.history import Version

_MOST_VERSIONS = 50
"""Of the baseline, the newest; a note says how many more there are. What is read and scored is kept in the cache."""


@dataclass(frozen=True)
class LookedBack:
    """What there is to say.

    Attributes:
        drifted: a line for each strategy that drifted, by name.
        notes: what could not be read or written.
        versions: what the session was held against, by time, and the session.
    """

    drifted: Mapping[str, str]
    notes: tuple[str, ...]
    versions: tuple[Version, ...]


def look_back(
    config: Config, file: Path, baselines: Collection[Snapshot], session: Snapshot, *, accepted: bool
) -> LookedBack:
    """Hold a session against the versions of its baseline in git and the sessions of the history file; append it there.

    Where there is no git, or it has no version of the file, only the sessions count. What is wrong with either is a
    note: a session's verdict does not hang on its memory.

    Args:
        config: with the history file, if any, and the limits.
        file: the baseline that git is asked for.
        baselines: those that the session is compared with. A pull request is held against main's: versions after the
            one that it is compared with are its own, and accept nothing.
        session: what was measured.
        accepted: whether it has become the baseline.
    """
    metric = config.gate.leading
    today = history.Today(session, metric, Counter())
    whose = {"dataset": session.dataset.name, "engine": str(session.engine["name"])}
    now = history.version_of(session, metric, history.head_of(file.parent), accepted=accepted)
    notes: list[str] = []
    try:
        cache = config.cache_dir / history.CACHE
        versions, found = history.read_baselines(file, metric, today=session, most=_MOST_VERSIONS, cache=cache)
        compared = [history.version_of(today.scored(one), metric, now.commit, accepted=True) for one in baselines]
        versions = _until(versions, compared)
        notes += [f"history of {file.name}: {note}" for note in found]
    except RelevanceError:
        versions = []
    if config.history is not None:
        try:
            sessions = history.read_sessions(config.history, metric=metric, **whose)
            alike = [one for one in sessions if one.is_alike(now)]
            if other := len(sessions) - len(alike):
                left_out = f"{plural(other, 'session')} left out: most of their judgments are others now"
                notes.append(f"history {config.history.name}: {left_out}")
            versions += alike
            history.append(config.history, now, metric=metric, **whose)
        except RelevanceError as error:
            notes.append(str(error))
    ordered = history.in_order(versions)
    is_known = bool(ordered) and now.same_as(ordered[-1])  # it is that version once more
    if not is_known:
        ordered.append(now)
    drifts = [] if is_known and ordered[-1].accepted else history.drift(ordered, config.gate)
    return LookedBack({one.strategy: one.line for one in drifts}, tuple(notes), tuple(ordered))


def _until(versions: list[Version], compared: Collection[Version]) -> list[Version]:
    """The versions up to the last that a session is compared with; all where git has none of these."""
    known = [at for at, version in enumerate(versions, 1) if any(version.same_as(one) for one in compared)]
    return versions[: max(known, default=len(versions))]

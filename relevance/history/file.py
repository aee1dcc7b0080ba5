"""A file of sessions, in SQLite: each appends what it measured, several processes at once if they like.

A session is one transaction: it is there whole or not at all. The file is written ahead (WAL), so that who reads never
waits; who writes waits a while for its turn. Tables are plain, for whoever wants to ask them by SQL: `sessions` and
`means`, by commit, time, data set, strategy and metric.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.errors import CouldNotRunError, InputError
from relevance.files import shown
from relevance.history.versions import Commit, Version

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from relevance.evaluation import Metric

MOST_SESSIONS = 1_000
"""The newest that are read of a data set."""

_SCHEMA = 1
_APPLICATION = 0x52454C56
_WAIT_S = 30
_TABLES = """
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY, "commit" TEXT NOT NULL, subject TEXT NOT NULL, dirty INTEGER NOT NULL, time TEXT NOT NULL,
    dataset TEXT NOT NULL, engine TEXT NOT NULL, accepted INTEGER NOT NULL, queries BLOB NOT NULL
);
CREATE INDEX by_dataset ON sessions (dataset, id);
CREATE TABLE means (
    session INTEGER NOT NULL REFERENCES sessions (id), strategy TEXT NOT NULL, metric TEXT NOT NULL, mean REAL NOT NULL,
    "values" BLOB NOT NULL, PRIMARY KEY (session, strategy, metric)
) WITHOUT ROWID;
"""
_INSERT = """
INSERT INTO sessions ("commit", subject, dirty, time, dataset, engine, accepted, queries)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""


def append(path: Path, version: Version, *, dataset: str, engine: str, metric: Metric) -> None:
    """Append a session; the file is made where there is none.

    Raises:
        InputError: the file is something else, or damaged.
        CouldNotRunError: it cannot be written.
    """
    commit = version.commit
    time = commit.time.astimezone(UTC).isoformat()
    row = (commit.sha, commit.subject, commit.dirty, time, dataset, engine, version.accepted)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CouldNotRunError(f"history {shown(path)}: cannot be written ({error.strerror})") from None
    with _opened(path, "rwc") as file, file:
        file.execute("BEGIN IMMEDIATE")
        if not file.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            for statement in filter(str.strip, _TABLES.split(";")):
                file.execute(statement)
            file.execute(f"PRAGMA user_version = {_SCHEMA}")
            file.execute(f"PRAGMA application_id = {_APPLICATION}")
        _check(file, path)
        session = file.execute(_INSERT, (*row, version.keys.astype("<u8").tobytes())).lastrowid
        file.executemany(
            'INSERT INTO means (session, strategy, metric, mean, "values") VALUES (?, ?, ?, ?, ?)',
            (
                (session, name, str(metric), version.mean(name), values.astype("<f4").tobytes())
                for name, values in version.values.items()
            ),
        )


def read_sessions(path: Path, *, dataset: str, metric: Metric, engine: str | None = None) -> list[Version]:
    """Read the newest sessions of a data set, in the order in which they were appended; none where there is no file.

    `engine`: those that were ranked by it alone.

    Raises:
        InputError: the file is something else, or damaged.
        CouldNotRunError: it cannot be read.
    """
    if not path.exists():
        return []
    chosen = "SELECT * FROM sessions WHERE dataset = ? AND engine = coalesce(?, engine) ORDER BY id DESC LIMIT ?"
    with _opened(path, "rw") as file:
        _check(file, path)
        versions = [_version(file, row, metric) for row in file.execute(chosen, (dataset, engine, MOST_SESSIONS))]
    return versions[::-1]


def _version(file: sqlite3.Connection, row: tuple[Any, ...], metric: Metric) -> Version:
    session, sha, subject, dirty, time, _, _, accepted, queries = row
    keys = np.frombuffer(queries, dtype="<u8")
    values = {}
    of_session = 'SELECT strategy, "values" FROM means WHERE session = ? AND metric = ? ORDER BY strategy'
    for strategy, numbers in file.execute(of_session, (session, str(metric))):
        values[strategy] = np.frombuffer(numbers, dtype="<f4")
        if len(values[strategy]) != len(keys) or not np.isfinite(values[strategy]).all():
            raise ValueError(f"session {session} has other numbers than queries")
    commit = Commit(sha, datetime.fromisoformat(time).astimezone(UTC), subject, bool(dirty))
    return Version(commit, bool(accepted), keys, MappingProxyType(values))


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=_WAIT_S)) as file:
            file.execute("PRAGMA trusted_schema = OFF")
            file.execute("PRAGMA journal_mode = WAL")
            yield file
    except sqlite3.OperationalError as error:
        raise CouldNotRunError(f"history {shown(path)}: cannot be used ({error})") from None
    except (sqlite3.Error, ValueError, TypeError) as error:
        problem = f"damaged, or no history of sessions ({error})"
        raise InputError(f"history {shown(path)}: {problem}; move it away: the next session begins a new one") from None


def _check(file: sqlite3.Connection, path: Path) -> None:
    """Refuse another program's database, and one that a newer version wrote."""
    application, schema = (file.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
    if application != _APPLICATION:
        raise InputError(f"history {shown(path)}: a database of another program; allowed: a file of sessions, or none")
    if schema > _SCHEMA:
        raise InputError(f"history {shown(path)}: schema {schema}, this version reads {_SCHEMA}: update relevance")

"""The file's tables, checked, and the value that is in force for a key: option, environment, file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from relevance.config.keys import KEYS, NAMED_TABLES, TABLES, key_of
from relevance.config.kinds import checked, from_text, shown
from relevance.errors import InputError, unknown
from relevance.files import read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relevance.config.keys import Key

__all__ = ["Layers", "Value", "file_values", "located"]

_NAME = re.compile("[a-z0-9_]+")
_SELECTING = {"dataset": "datasets", "strategy": "strategies"}


@dataclass(frozen=True)
class Value:
    """A value that was given.

    Attributes:
        value: of the key's kind.
        origin: `option --x`, `environment RELEVANCE_X`, or the file's name.
        where: the same for messages, in the file with table and key.
        base: folder at which a relative path starts.
        rank: 2 for an option, 1 for a variable, 0 for the file; a higher one outranks a lower one.
    """

    value: object
    origin: str
    where: str
    base: Path
    rank: int = 0

    @property
    def table(self) -> str:
        """File and table of a value of the file, for messages."""
        return self.where.rpartition(" ")[0]


def file_values(file: Path) -> dict[str, Value]:
    """The values of a configuration file by path (`models.base.prompt`), in its order, all of them checked.

    Raises:
        InputError: it cannot be read, is not TOML, has a key that is not known, or a value of another kind.
    """
    values: dict[str, Value] = {}
    plain = [key.path for key in KEYS if not key.table]
    for name, value in read_toml(file, "a configuration").items():
        if name in NAMED_TABLES:
            values |= _tables(file, name, value)
        elif name in TABLES:
            values |= _table(file, name, value)
        elif name in plain:
            values[name] = _checked(file, name, _not_a_table(file, name, value))
        else:
            raise InputError(f"{file}: {unknown('key', name, [*plain, *TABLES])}")
    return values


def _not_a_table(file: Path, name: str, value: object) -> object:
    if isinstance(value, dict) and name in _SELECTING:
        raise InputError(f"{file}: [{name}] is a table; allowed: [{_SELECTING[name]}.NAME], and {name} = to choose")
    return value


def _tables(file: Path, table: str, named: object) -> dict[str, Value]:
    """The values of `[table.NAME]`, whatever the names are."""
    if not isinstance(named, dict):
        hint = '; what runs is chosen by strategy = ["NAME", …]' if table == "strategies" else ""
        raise InputError(f"{file}: {table} = {shown(named)}; allowed: tables [{table}.NAME]{hint}")
    values: dict[str, Value] = {}
    for name, content in named.items():
        if not _NAME.fullmatch(name):
            raise InputError(
                f"{file} [{table}]: name {shown(name)}; allowed: lower-case letters, digits and underscores"
            )
        if not isinstance(content, dict):
            raise InputError(f"{file} [{table}] {name} = {shown(content)}; allowed: a table [{table}.NAME]")
        values |= _content(file, f"{table}.{name}", content)
    return values


def _table(file: Path, table: str, content: object) -> dict[str, Value]:
    """The values of `[table]`."""
    if not isinstance(content, dict):
        raise InputError(f"{file}: {table} = {shown(content)}; allowed: a table [{table}]")
    return _content(file, table, content)


def _content(file: Path, table: str, content: Mapping[str, object]) -> dict[str, Value]:
    """The values that stand in `[table]` or `[table.NAME]`."""
    allowed = list(dict.fromkeys(key.key for key in KEYS if key.table == table.partition(".")[0]))
    for key in content:
        if key not in allowed:
            raise InputError(f"{file} [{table}]: {unknown('key', key, allowed)}")
    if not content:
        raise InputError(f"{file} [{table}]: nothing in it; allowed: {', '.join(allowed)}")
    return {f"{table}.{key}": _checked(file, f"{table}.{key}", value) for key, value in content.items()}


def _checked(file: Path, path: str, value: object) -> Value:
    table, _, key = path.rpartition(".")
    where = f"{file} [{table}] {key}" if table else f"{file} {key}"
    return Value(checked(key_of(path).kind, value, where), file.name, where, file.parent)


def located(value: Value) -> Path:
    """The absolute path that a value names; `~` is the user's home.

    Raises:
        InputError: there is no such home.
    """
    try:
        return value.base / Path(str(value.value)).expanduser()
    except RuntimeError as error:
        raise InputError(f"{value.where} = {shown(value.value)}: {error}; allowed: a path") from None


@dataclass(frozen=True)
class Layers:
    """What was given, and where.

    Attributes:
        options: by name, those that were given.
        environ: the environment.
        file: values of the file by path.
        cwd: the working directory.
    """

    options: Mapping[str, object]
    environ: Mapping[str, str]
    file: Mapping[str, Value]
    cwd: Path

    def tables(self, table: str) -> dict[str, dict[str, Value]]:
        """What the file sets in each `[table.NAME]`: by name, then by key."""
        found: dict[str, dict[str, Value]] = {}
        for path, value in self.file.items():
            head, _, rest = path.partition(".")
            if head == table:
                name, _, key = rest.partition(".")
                found.setdefault(name, {})[key] = value
        return found

    def find(self, path: str, *, own: str = "") -> Value | None:
        """The value in force, None for the default; in the file the key `own` outranks `path`.

        Raises:
            InputError: an option or a variable is not of the key's kind.
        """
        key = key_of(path)
        given = self._given(key) if path == key.set_by_option else None
        return given or self.file.get(own) or self.file.get(path)

    def _given(self, key: Key) -> Value | None:
        if key.name in self.options:
            where, value = f"option {key.option}", self.options[key.name]
            value, rank = str(value) if isinstance(value, Path) else value, 2
        elif key.variable and self._is_set(key):
            where, value, rank = f"environment {key.variable}", from_text(key.kind, self.environ[key.variable]), 1
        else:
            return None
        return Value(checked(key.kind, value, where), where, where, self.cwd, rank)

    def _is_set(self, key: Key) -> bool:
        """An empty variable is none, but for a text, which may be empty."""
        return bool(self.environ.get(key.variable)) or (key.kind == "text" and key.variable in self.environ)

"""A search that is a Python function."""

from __future__ import annotations

import inspect
import sys
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relevance.errors import InputError, StrategyError
from relevance.outside import SOURCE, Outside, Ranker, hits_in
from relevance.programs import load_function
from relevance.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from relevance.outside import Answer, Query


@dataclass(frozen=True)
class Function(Outside):
    """`search = "module:function"`, called as `function(query, params, depth)` for one query after the other.

    Attributes:
        function: `module:function`.
        folder: from which it can be imported.
    """

    function: str
    folder: str

    @property
    def name(self) -> str:
        """What people call it."""
        return f"search {self.function}"

    def open(self) -> Ranker:
        """Import it."""
        try:
            return _Calling(self.name, load_function(self.function, Path(self.folder)))
        except InputError as error:
            raise InputError(f"search: {error}") from None

    def definition(self) -> Mapping[str, Any]:
        """Its name, and the hash of its module's file where that was imported: what this calls in turn is not known."""
        facts = {"search": self.function}
        with suppress(KeyError, OSError, TypeError):  # not imported, no file, made by another language
            source = inspect.getsource(sys.modules[self.function.partition(":")[0]])
            facts[SOURCE] = sha256(source.encode(errors="surrogatepass")).hexdigest()
        return facts


class _Calling(Ranker):
    def __init__(self, name: str, function: Callable[..., object]) -> None:
        self._name, self._function = name, function

    def rank(self, queries: Sequence[Query], depth: int) -> Iterator[Answer]:
        for query in queries:
            try:
                value = _listed(self._function(query.text, dict(query.params), depth))
            except (Exception, SystemExit) as error:
                what = one_line(f"{type(error).__name__}: {error}")
                raise StrategyError(f"{self._name}: {query}: {what}") from error
            try:
                answer = hits_in(value)
            except InputError as error:
                raise StrategyError(f"{self._name}: {query}: {error}") from None
            yield answer


def _listed(value: Any) -> object:
    """Arrays, columns of a frame, tuples and generators as lists."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return list(value) if isinstance(value, tuple) or hasattr(value, "__next__") else value

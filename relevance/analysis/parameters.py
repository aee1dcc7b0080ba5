"""Parameters of analysis components as index settings write them: numbers and truth values may be texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

import regex
from pydantic import BeforeValidator

from relevance.analysis.java_patterns import java_pattern
from relevance.errors import InputError


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""A list, or a text that is cut at commas."""

TIME_LIMIT = 3.0
"""Seconds of one search in a text: a pattern that repeats what repeats itself may take for ever."""


class BoundedPattern:
    """A pattern of Java's whose searches end.

    Args:
        component: the kind that a search names when it takes too long.
        pattern: as Java reads it.
        flags: names of Java's flags, joined by `|`.
        syntax: compiles the pattern, where it is not Java's.

    Raises:
        InputError: it is no pattern; from a search: it takes more than `TIME_LIMIT`.
    """

    def __init__(self, component: str, pattern: str, flags: str = "", *, syntax: Syntax | None = None) -> None:
        self._component = component
        self._pattern = pattern
        self.compiled = java_pattern(pattern, flags) if syntax is None else syntax(pattern)

    def sub(self, template: str, text: str, count: int = 0) -> str:
        """Replace the matches in a text."""
        parts: list[str] = []
        end = 0
        for match in self.matches(text)[: count or None]:
            parts += [text[end : match.start()], match.expand(template)]
            end = match.end()
        return "".join([*parts, text[end:]])

    def matches(self, text: str) -> list[regex.Match[str]]:
        """Find the matches in a text; behind an empty one Java goes on a sign later."""
        try:
            matches = list(self.compiled.finditer(text, timeout=TIME_LIMIT))
            if all(match.end() > match.start() for match in matches):
                return matches
            matches, at = [], 0
            while match := self.compiled.search(text, at, timeout=TIME_LIMIT):
                matches.append(match)
                at = max(match.end(), match.start() + 1)
                if at > len(text):
                    break
        except TimeoutError:
            raise self._too_slow(text) from None
        return matches

    def is_whole(self, text: str) -> bool:
        """Whether the whole text is a match."""
        try:
            return self.compiled.fullmatch(text, timeout=TIME_LIMIT) is not None
        except TimeoutError:
            raise self._too_slow(text) from None

    def longest(self, text: str, at: int) -> int:
        """The end of the longest match that begins at a place; `at` for none, -1 where a longer text may have one."""
        try:
            match = self.compiled.match(text, at, timeout=TIME_LIMIT)
            if match is not None and match.end() > at:
                return int(match.end())
            match = self.compiled.match(text, at, partial=True, timeout=TIME_LIMIT)
        except TimeoutError:
            raise self._too_slow(text) from None
        return -1 if match is not None and match.partial else at

    def _too_slow(self, text: str) -> InputError:
        return InputError(
            f"{self._component}: pattern {self._pattern!r} takes more than {TIME_LIMIT:g} s on a text of {len(text)}"
            " characters; allowed: a pattern that repeats no alternatives or repetitions that match alike"
        )


Syntax: TypeAlias = Callable[[str], "regex.Pattern[str]"]
_LUCENE = regex.compile(
    r'\\(?P<escaped>.)|"(?P<quoted>[^"]*)"|\[(?P<set>\^?(?:\\.|[^\]\\])+)\]|(?P<other>.)', regex.DOTALL
)
_LUCENE_SIGNS = {"@": ".*", "#": "(?!)", "^": r"\^", "$": r"\$"}


def lucene_pattern(pattern: str) -> regex.Pattern[str]:
    """Compile a pattern as Lucene's `RegExp` reads it; of several matches at a place the longest counts.

    Raises:
        InputError: it is no pattern, or has one of Lucene's operators that are not known here.
    """
    parts: list[str] = []
    for match in _LUCENE.finditer(pattern):
        kind, value = match.lastgroup, match[match.lastgroup or 0]
        if kind == "escaped":
            parts.append(java_pattern(f"\\{value}").pattern if value in "dDsSwW" else regex.escape(value))
        elif kind == "quoted":
            parts.append(f"(?:{regex.escape(value)})")
        elif kind == "set" and value.endswith("-") and not value.endswith("\\-"):
            raise InputError(f"pattern {pattern!r}: a set that ends with -; allowed: it behind a backslash")
        elif kind == "set":
            parts.append(java_pattern("[" + value.replace("[", r"\[").replace("&", r"\&") + "]").pattern)
        elif value in "~&<":
            raise InputError(f"pattern {pattern!r}: {value!r} is not known here; allowed: it behind a backslash")
        else:
            parts.append(_LUCENE_SIGNS.get(value, value))
    try:
        return regex.compile(f"(?:{''.join(parts)})", regex.VERSION1 | regex.DOTALL | regex.POSIX)
    except regex.error as error:
        raise InputError(f"pattern {pattern!r}: {error}") from None


def java_replacement(text: str, pattern: regex.Pattern[str]) -> str:
    r"""Write Java's `$1`, `${name}` and `\` as Python does.

    Raises:
        InputError: the pattern has no such group.
    """
    parts: list[str] = []
    rest = text
    while rest:
        group = regex.match(r"\$(?:(\d+)|\{(\w+)\})", rest)
        if rest[0] == "\\" and len(rest) > 1:
            parts.append(rest[1].replace("\\", "\\\\"))
            rest = rest[2:]
        elif group:
            name = group[1] or group[2]
            while name.isdigit() and int(name) > pattern.groups and len(name) > 1:
                name = name[:-1]  # Java takes as many digits as there are groups for
            if int(name) > pattern.groups if name.isdigit() else name not in pattern.groupindex:
                raise InputError(f"replacement {text!r}: the pattern has no group {name}")
            parts.append(rf"\g<{name}>")
            rest = rest[group.end() :] if group[2] else rest[1 + len(name) :]
        elif rest[0] in "$\\":
            raise InputError(f"replacement {text!r}: {rest!r} is no group; allowed: $1, ${{name}}, \\$, \\\\")
        else:
            parts.append(rest[0])
            rest = rest[1:]
    return "".join(parts)

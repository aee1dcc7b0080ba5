"""Patterns as Java reads them, written for `regex`: ASCII shorthands and cases, Java's ends of lines and classes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import cache
from string import ascii_letters

import regex

from relevance.analysis.standard import lower, upper
from relevance.errors import InputError

_FLAGS = {
    "CASE_INSENSITIVE": "i",
    "MULTILINE": "m",
    "DOTALL": "s",
    "COMMENTS": "x",
    "UNICODE_CASE": "u",
    "UNIX_LINES": "d",
    "LITERAL": "",
}
_SHORTHANDS = {
    "w": "a-zA-Z_0-9",
    "d": "0-9",
    "s": r" \t\n\x0b\f\r",
    "h": r" \t\xa0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000",
    "v": r"\n\x0b\f\r\x85\u2028\u2029",
}
_POSIX = {
    "Lower": "a-z", "Upper": "A-Z", "ASCII": r"\x00-\x7f", "Alpha": "a-zA-Z", "Digit": "0-9", "Alnum": "a-zA-Z0-9",
    "Punct": r"!-/:-@\[-`{-~", "Graph": "!-~", "Print": " -~", "Blank": r" \t", "Cntrl": r"\x00-\x1f\x7f",
    "XDigit": "0-9a-fA-F", "Space": _SHORTHANDS["s"],
}  # fmt: skip
_PROPERTIES = {
    "IsDigit": "Nd", "IsLetter": "L", "IsPunctuation": "P", "IsControl": "Cc", "IsTitlecase": "Lt",
}  # fmt: skip
_CASED = frozenset({"Lu", "Ll", "Lt", "Uppercase", "Lowercase", "Titlecase"})
_SIGNS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "a": "\a", "e": "\x1b"}
_BEFORE = r"(?<=[a-zA-Z_0-9]|[\p{L}\p{Nd}]\p{Mn}+)"
_AFTER = r"(?:(?=[a-zA-Z_0-9])|(?<=[\p{L}\p{Nd}]\p{Mn}*)(?=\p{Mn}))"
_PLACES = {
    "b": rf"(?:{_BEFORE}(?!{_AFTER})|(?<!{_BEFORE}){_AFTER})",
    "B": rf"(?:{_BEFORE}{_AFTER}|(?<!{_BEFORE})(?!{_AFTER}))",
    "A": r"\A",
    "z": r"\Z",
    "R": r"(?>\r\n|[\n-\r\x85\u2028\u2029])",
    "X": r"\X",
}
_character = regex.compile(
    r"\\(?:x(?P<two>[0-9a-fA-F]{2})|x\{(?P<hex>[0-9a-fA-F]+)\}|u(?P<high>[dD][89abAB][0-9a-fA-F]{2})\\u(?P<low>[dD][c-fC-F]"
    r"[0-9a-fA-F]{2})|u(?P<unit>[0-9a-fA-F]{4})|0(?P<octal>[0-3][0-7]{2}|[0-7]{1,2})|c(?P<control>.)|(?P<sign>[tnrfae])"
    r"|(?P<other>[^a-zA-Z0-9]))",
    regex.DOTALL,
).match
_property = regex.compile(r"\\[pP](?:\{(?P<name>[^}]+)\}|(?P<letter>[A-Z]))").match
_group = regex.compile(
    r"\(\?(?:[:=!>]|<[=!]|<(?P<name>[a-zA-Z][a-zA-Z0-9]*)>|(?P<on>[a-z]*)(?:-(?P<off>[a-z]*))?(?P<end>[:)]))"
).match
_repetition = regex.compile(r"\{\d+(?:,\d*)?\}").match


def java_pattern(pattern: str, flags: str = "") -> regex.Pattern[str]:
    """Compile a pattern.

    Args:
        pattern: as Java reads it.
        flags: names of Java's flags, joined by `|`.

    Raises:
        InputError: it is no pattern, or has something of Java's that is not known here.
    """
    names = [name for name in (part.strip() for part in flags.split("|")) if name]
    for name in names:
        if name not in _FLAGS:
            raise InputError(f"flag {name!r} of the pattern {pattern!r}; allowed: {', '.join(_FLAGS)}")
    letters = frozenset(_FLAGS[name] for name in names)
    reader = _PatternReader(pattern)
    try:
        written = "".join(_literal(sign, letters) for sign in pattern) if "LITERAL" in names else reader.whole(letters)
        return regex.compile(written, regex.VERSION1)
    except (regex.error, ValueError, OverflowError) as error:
        raise InputError(f"pattern {pattern!r}: {error}") from None


@cache
def _variants() -> Mapping[str, str]:
    """The signs of one letter, by Java's simple mappings of case."""
    by_fold: dict[str, list[str]] = {}
    for code in range(0x20000):
        sign = chr(code)
        if (fold := lower(upper(sign))) != sign or upper(sign) != sign or lower(sign) != sign:
            by_fold.setdefault(fold, []).append(sign)
    return {sign: "".join(signs) for signs in by_fold.values() for sign in signs}


def _cases(sign: str, flags: Iterable[str]) -> str:
    if "i" in flags and "u" in flags:
        return _variants().get(sign, sign)
    return sign.lower() + sign.upper() if "i" in flags and sign.isascii() and sign.isalpha() else sign


def _in_set(sign: str) -> str:
    return sign if sign.isascii() and sign.isalnum() else f"\\U{ord(sign):08x}"


def _literal(sign: str, flags: Iterable[str]) -> str:
    signs = _cases(sign, flags)
    return f"[{''.join(map(_in_set, signs))}]" if len(signs) > 1 else regex.escape(sign)


class _PatternReader:
    """Reads a pattern from left to right."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.groups = 0

    def whole(self, flags: frozenset[str]) -> str:
        written = self.sequence(flags)
        if self.at < len(self.pattern):
            raise ValueError(f"unmatched ) at {self.at}")
        return written

    def sequence(self, flags: frozenset[str]) -> str:
        parts: list[str] = []
        while self.at < len(self.pattern) and self.pattern[self.at] != ")":
            sign = self.pattern[self.at]
            if self._skipped(flags):
                continue
            if sign == "(":
                match = _group(self.pattern, self.at)
                if match and match["end"] == ")":
                    flags = self._changed(match, flags)
                    self.at = match.end()
                else:
                    parts.append(self._in_group(match, flags))
            elif sign == "[":
                self.at += 1
                parts.append(self.set(flags))
            elif sign == "\\":
                parts.append(self.escape(flags))
            elif sign == "{":
                parts.append(self._taken(_repetition(self.pattern, self.at), "repetition"))
            else:
                self.at += 1
                parts.append(_place(sign, flags) or (sign if sign in "|*+?" else _literal(sign, flags)))
        return "".join(parts)

    def _skipped(self, flags: frozenset[str]) -> bool:
        """Pass over white space and comments, where they are no part of the pattern."""
        if "x" not in flags or self.pattern[self.at] not in " \t\n\x0b\f\r#":
            return False
        if self.pattern[self.at] == "#":
            end = regex.compile(r"[^\n\r\x85\u2028\u2029]*").match(self.pattern, self.at)
            self.at = end.end() if end else self.at
        else:
            self.at += 1
        return True

    def _taken(self, match: regex.Match[str] | None, what: str) -> str:
        if match is None:
            raise ValueError(f"{what} at {self.at} is not known")
        self.at = match.end()
        return str(match[0])

    def _changed(self, match: regex.Match[str], flags: frozenset[str]) -> frozenset[str]:
        on, off = frozenset(match["on"] or ""), frozenset(match["off"] or "")
        if not on | off <= set("idmsux"):
            raise ValueError(f"flags {match[0]!r}; allowed: i, d, m, s, u, x")
        return (flags | on) - off

    def _in_group(self, match: regex.Match[str] | None, flags: frozenset[str]) -> str:
        start = self.at
        if match is None:
            if self.pattern.startswith("(?", start):
                raise ValueError(f"group at {start} is not known")
            self.at += 1
            self.groups += 1
            head = "("
        else:
            head = self._taken(match, "group")
            self.groups += match["name"] is not None
            if match["end"]:
                flags, head = self._changed(match, flags), "(?:"
        inside = self.sequence(flags)
        if self.at >= len(self.pattern):
            raise ValueError(f"missing ) of the group at {start}")
        self.at += 1
        return f"{head}{inside})"

    def escape(self, flags: frozenset[str]) -> str:
        sign = self.pattern[self.at + 1 : self.at + 2]
        if sign == "Q":
            return "".join(_literal(one, flags) for one in self._quoted())
        if sign in _PLACES or sign == "Z":
            self.at += 2
            return _PLACES.get(sign) or _end_of_text(flags)
        if sign.isdigit() and sign != "0":
            return self._repeated_group(flags)
        if sign == "k":
            name = self._taken(regex.compile(r"\\k<\w+>").match(self.pattern, self.at), "name")
            self._only_exact(flags)
            return f"(?P={name[3:-1]})"
        known = self._class(flags)
        return f"[{known}]" if known else _literal(self.character(), flags)

    def _quoted(self) -> str:
        end = self.pattern.find(r"\E", self.at)
        end = len(self.pattern) if end < 0 else end
        quoted, self.at = self.pattern[self.at + 2 : end], end + 2
        return quoted

    def _repeated_group(self, flags: frozenset[str]) -> str:
        self._only_exact(flags)
        end = self.at + 2
        while self.pattern[end : end + 1].isdigit() and int(self.pattern[self.at + 1 : end + 1]) <= self.groups:
            end += 1
        number, self.at = self.pattern[self.at + 1 : end], end
        return rf"(?:\{number})"

    def _only_exact(self, flags: frozenset[str]) -> None:
        if "i" in flags:
            raise ValueError("a group that is repeated in any case is not known here; allowed: it without that flag")

    def _class(self, flags: frozenset[str]) -> str:
        """What stands in a set for a shorthand or a property; "" for another escape."""
        sign = self.pattern[self.at + 1 : self.at + 2]
        if sign and sign.lower() in _SHORTHANDS:
            self.at += 2
            return _SHORTHANDS[sign] if sign.islower() else f"[^{_SHORTHANDS[sign.lower()]}]"
        if sign not in {"p", "P"}:
            return ""
        match = _property(self.pattern, self.at)
        self._taken(match, "property")
        name = match["name"] or match["letter"] if match else ""
        inside = _property_set(name, flags)
        return f"[^{inside}]" if sign == "P" else inside

    def character(self) -> str:
        """One sign, written plainly or with a backslash."""
        if self.pattern[self.at] != "\\":
            self.at += 1
            return self.pattern[self.at - 1]
        match = _character(self.pattern, self.at)
        self._taken(match, "escape")
        kind = str(match.lastgroup) if match else ""
        value = match[kind] if match else ""
        if kind == "low":
            pair = (int(match["high"], 16) - 0xD800 << 10) + int(value, 16) - 0xDC00
            return chr(0x10000 + pair)
        if kind in {"two", "hex", "unit"}:
            return chr(min(int(value, 16), sys.maxunicode + 1))
        if kind == "octal":
            return chr(int(value, 8))
        return chr(ord(value) ^ 64) if kind == "control" else _SIGNS.get(value, value)

    def set(self, flags: frozenset[str]) -> str:
        """Read a set behind its bracket."""
        is_negated = self.pattern.startswith("^", self.at)
        self.at += is_negated
        operands: list[list[str]] = [[]]
        start = self.at
        while not self.pattern.startswith("]", self.at) or not any(operands):
            if self.at >= len(self.pattern):
                raise ValueError(f"missing ] of the set at {start - 1}")
            if self._skipped(flags):
                continue
            if self.pattern.startswith("&&", self.at):
                self.at += 2
                operands.append([])
            elif self.pattern[self.at] == "[":
                self.at += 1
                operands[-1].append(self.set(flags))
            elif self.pattern.startswith(r"\Q", self.at):
                operands[-1] += [_in_set(one) for sign in self._quoted() for one in _cases(sign, flags)]
            else:
                known = self._class(flags) if self.pattern[self.at] == "\\" else ""
                operands[-1].append(known or self._range(flags))
        self.at += 1
        if not all(operands):
            raise ValueError(f"nothing beside && in the set at {start - 1}")
        head = "[^" if is_negated else "["
        if len(operands) == 1:
            return f"{head}{''.join(operands[0])}]"
        return head + "&&".join(f"[{''.join(items)}]" for items in operands) + "]"

    def _range(self, flags: frozenset[str]) -> str:
        first = self.character()
        if not self.pattern.startswith("-", self.at) or self.pattern[self.at + 1 : self.at + 2] in {"", "[", "]"}:
            return "".join(map(_in_set, _cases(first, flags)))
        self.at += 1
        last = self.character()
        if last < first:
            raise ValueError(f"range {first}-{last} is the wrong way round")
        return f"{_in_set(first)}-{_in_set(last)}" + "".join(map(_in_set, _other_cases(first, last, flags)))


def _other_cases(first: str, last: str, flags: frozenset[str]) -> set[str]:
    if "i" not in flags:
        return set()
    if "u" not in flags:
        return {letter.swapcase() for letter in ascii_letters if first <= letter <= last}
    forms = ((letter, upper(letter)) for letter in _variants())
    return {letter for letter, high in forms if first <= high <= last or first <= lower(high) <= last}


def _property_set(name: str, flags: frozenset[str]) -> str:
    plain = name.removeprefix("Is").removeprefix("gc=").removeprefix("general_category=")
    if "i" in flags and name in {"Lower", "Upper"}:
        return _POSIX["Alpha"]
    if "i" in flags and plain in _CASED:
        return r"\p{Lu}\p{Ll}\p{Lt}"
    return _POSIX.get(name) or rf"\p{{{_PROPERTIES.get(name, name)}}}"


def _ends(flags: frozenset[str]) -> str:
    return r"\n" if "d" in flags else r"\n\r\x85\u2028\u2029"


def _end_of_text(flags: frozenset[str]) -> str:
    if "d" in flags:
        return r"(?=\n?\Z)"
    return rf"(?:(?!(?<=\r)\n)(?=(?:\r\n|[{_ends(flags)}])?\Z))"


def _place(sign: str, flags: frozenset[str]) -> str:
    """What a dot, a caret and a dollar sign are."""
    ends = _ends(flags)
    if sign == ".":
        return r"[\s\S]" if "s" in flags else f"[^{ends}]"
    if sign == "^":
        if "m" not in flags:
            return r"\A"
        inner = r"(?<=\n)" if "d" in flags else r"(?<=[\n\x85\u2028\u2029])|(?<=\r)(?!\n)"
        return rf"(?:(?!\Z)(?:\A|{inner}))"
    if sign == "$":
        if "m" not in flags:
            return _end_of_text(flags)
        within = "" if "d" in flags else r"(?!(?<=\r)\n)"
        return rf"(?:{within}(?=[{ends}]|\Z))"
    return ""

"""Regular expressions in Lucene's syntax, as Python's."""

from __future__ import annotations

import re

from relevance.errors import InputError, NotInterpretedError

_CLASSES = {"d": "0-9", "s": r" \t\n\r", "w": "0-9A-Z_a-z"}
_NOT_INTERPRETED = "~<"


def python_pattern(text: str, *, optional: bool = True, any_case: bool = False) -> str:
    """Translate a regular expression.

    Args:
        text: Lucene's.
        optional: whether `~ & < @ #` are operators.
        any_case: whether ASCII letters match in both cases.

    Raises:
        InputError: it is none, or has operators that are not interpreted.
    """
    reader = _Reader(text, optional=optional, any_case=any_case)
    pattern = reader.union() if text else ""
    if reader.more:
        raise reader.refused("the end")
    return pattern


class _Reader:
    def __init__(self, text: str, *, optional: bool, any_case: bool) -> None:
        self._text = text
        self._at = 0
        self._optional = optional
        self._any_case = any_case

    @property
    def more(self) -> bool:
        return self._at < len(self._text)

    def refused(self, expected: str) -> InputError:
        return InputError(f"{self._text!r} is no regular expression: {expected} is expected at character {self._at}")

    def _peek(self, signs: str) -> bool:
        return self.more and self._text[self._at] in signs

    def _match(self, sign: str) -> bool:
        if not self._peek(sign):
            return False
        self._at += 1
        return True

    def _next(self) -> str:
        if not self.more:
            raise self.refused("a character")
        self._at += 1
        return self._text[self._at - 1]

    def union(self) -> str:
        branches = [self._sequence()]
        while self._match("|"):
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"

    def _sequence(self) -> str:
        parts = [self._repeated()]
        while self.more and not self._peek(")|"):
            if self._optional and self._peek("&"):  # an operator behind something; a letter where it is the first
                raise self._not_interpreted()
            parts.append(self._repeated())
        return "".join(parts)

    def _not_interpreted(self) -> NotInterpretedError:
        sign = self._text[self._at]
        return NotInterpretedError(f"the operator {sign!r} of {self._text!r} is not interpreted; allowed: \\ before it")

    def _repeated(self) -> str:
        if self._optional and self._peek(_NOT_INTERPRETED):
            raise self._not_interpreted()
        inner = self._one()
        while self._peek("?*+{"):
            sign = self._next()
            inner = f"(?:{inner}){self._bounds() if sign == '{' else sign}"
        return inner

    def _bounds(self) -> str:
        low, high = self._digits(), ""
        if not low:
            raise self.refused("a number")
        has_comma = self._match(",")
        if has_comma:
            high = self._digits()
        if not self._match("}"):
            raise self.refused("}")
        if high and int(high) < int(low):
            raise self.refused(f"{low} or more")
        return f"{{{low},{high}}}" if has_comma else f"{{{low}}}"

    def _digits(self) -> str:
        start = self._at
        while self._peek("0123456789"):
            self._at += 1
        return self._text[start : self._at]

    def _one(self) -> str:
        sign = self._next()
        if sign == "[":
            return self._class()
        if sign == '"':
            return self._quoted()
        if sign == "(":
            return self._group()
        if sign == "\\":
            return self._escaped()
        operators = {".": ".", **({"#": "(?!)", "@": ".*"} if self._optional else {})}
        return operators.get(sign) or self._letter(sign)

    def _quoted(self) -> str:
        end = self._text.find('"', self._at)
        if end < 0:
            raise self.refused('"')
        inside = self._text[self._at : end]
        self._at = end + 1
        return "".join(map(self._letter, inside))

    def _group(self) -> str:
        if self._match(")"):
            return ""
        inner = self.union()
        if not self._match(")"):
            raise self.refused(")")
        return f"(?:{inner})"

    def _escaped(self) -> str:
        letter = self._next()
        if letter.isascii() and letter.isalpha() and letter.lower() not in _CLASSES:
            raise self.refused("one of d, s, w, D, S, W, or no letter,")
        if letter.lower() in _CLASSES:
            return f"[{'^' if letter.isupper() else ''}{_CLASSES[letter.lower()]}]"
        return self._letter(letter)

    def _letter(self, sign: str) -> str:
        if self._any_case and sign.isascii() and sign.isalpha():
            return f"[{sign.lower()}{sign.upper()}]"
        return re.escape(sign)

    def _class(self) -> str:
        negated = "^" if self._match("^") else ""
        inside = self._range()
        while self.more and not self._peek("]"):
            inside += self._range()
        if not self._match("]"):
            raise self.refused("]")
        return f"[{negated}{inside}]"

    def _range(self) -> str:
        first = self._in_class()
        if len(first) > 1 or not self._match("-"):
            return first if len(first) > 1 else self._both_cases(first)
        last = self._in_class()
        if len(last) > 1 or last < first:
            raise self.refused(f"a character from {first!r} on")
        if self._any_case:
            raise NotInterpretedError(f"{self._text!r}: a range of characters with case_insensitive is not interpreted")
        return f"{re.escape(first)}-{re.escape(last)}"

    def _in_class(self) -> str:
        if not self._match("\\"):
            return self._next()
        letter = self._next()
        if letter in _CLASSES:
            return _CLASSES[letter]
        if letter.lower() in _CLASSES:
            raise NotInterpretedError(f"{self._text!r}: \\{letter} in brackets is not interpreted")
        return letter

    def _both_cases(self, sign: str) -> str:
        if self._any_case and sign.isascii() and sign.isalpha():
            return sign.lower() + sign.upper()
        return re.escape(sign)

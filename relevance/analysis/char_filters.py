"""Character filters: what is changed in a text before it is cut into tokens."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.entities import name2codepoint

from relevance.analysis.parameters import Texts, java_pattern, java_replacement
from relevance.analysis.tokens import CharFilter
from relevance.errors import InputError

_RULE = re.compile(r"(.*)\s*=>\s*(.*)\s*$", re.DOTALL)
_ESCAPES = {"\\": "\\", "n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def mapping(*, mappings: Texts) -> CharFilter:
    """Replace what stands left of `=>` by what stands right of it, the longest match first."""
    pairs: dict[str, str] = {}
    for rule in mappings:
        match = _RULE.match(rule)
        if not match:
            raise InputError(f'mapping rule {rule!r}; allowed: "a => b"')
        source, target = (_unescaped(part.strip()) for part in match.groups())
        if source in pairs:
            raise InputError(f"mapping rule {rule!r}: {source!r} is mapped twice")
        pairs[source] = target
    longest_first = sorted((source for source in pairs if source), key=len, reverse=True)
    if not longest_first:
        return lambda text: text
    finder = re.compile("|".join(map(re.escape, longest_first)))
    return lambda text: finder.sub(lambda match: pairs[match.group()], text)


def _unescaped(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        code = match.group(1)
        return chr(int(code[1:], 16)) if code[0] == "u" and len(code) == 5 else _ESCAPES.get(code, code)

    return re.sub(r"\\(u[0-9a-fA-F]{4}|.)", one, text, flags=re.DOTALL)


def pattern_replace(*, pattern: str, replacement: str = "", flags: str = "") -> CharFilter:
    """Replace what a pattern of Java's matches; `$1` is its first group."""
    compiled, template = java_pattern(pattern, flags), java_replacement(replacement)
    return lambda text: compiled.sub(template, text)


_INLINE = frozenset(
    [
        "a",
        "abbr",
        "acronym",
        "b",
        "basefont",
        "bdo",
        "big",
        "cite",
        "code",
        "del",
        "dfn",
        "em",
        "font",
        "i",
        "img",
        "input",
        "ins",
        "kbd",
        "label",
        "object",
        "q",
        "s",
        "samp",
        "select",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "textarea",
        "tt",
        "u",
        "var",
        "applet",
        "map",
        "iframe",
    ]
)
_NAME = r"[A-Za-z_:\u00c0-\uffff][-A-Za-z0-9._:\u00b7-\uffff]*"
_ATTRIBUTE = rf"\s+{_NAME}(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'<>=]+))?"
_MARKUP = re.compile(
    rf"""
      <!--(?:.*?)-->
    | (?P<cdata><!\[CDATA\[(?P<inside>.*?)\]\]>)
    | <\?.*?(?:\?>|>)
    | <!{_NAME}[^>]*>
    | <(?P<raw>script|style)(?:{_ATTRIBUTE})*\s*>.*?</(?P=raw)\s*>
    | <\s*(?P<open>{_NAME})(?:{_ATTRIBUTE})*(?:\s*/?>|\Z)
    | <\s*/\s*(?P<close>{_NAME})(?:{_ATTRIBUTE})*(?:\s*>|\Z)
    | &(?:(?P<named>[A-Za-z][A-Za-z0-9]*)(?:;|\Z)|\#(?P<decimal>[0-9]+);?|\#[xX](?P<hex>[0-9a-fA-F]+);?)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)


def html_strip(*, escaped_tags: Texts = ()) -> CharFilter:
    """Remove HTML's tags and comments, and read its entities."""
    kept = {tag.lower() for tag in escaped_tags}
    return lambda text: (
        _MARKUP.sub(lambda match: _without_markup(match, kept), text) if "<" in text or "&" in text else text
    )


def _without_markup(match: re.Match[str], kept: set[str]) -> str:
    name = match["open"] or match["close"]
    if name:
        if name.lower() in kept:
            return match.group()
        return "" if name.lower() in _INLINE else "\n"
    if match["cdata"]:
        return match["inside"]
    if match["raw"]:
        return match.group() if match["raw"].lower() in kept else "\n"
    if match["named"]:
        return _entity(match)
    if match["decimal"] or match["hex"]:
        number = int(match["decimal"]) if match["decimal"] else int(match["hex"], 16)
        if number > 0x10FFFF:
            return match.group()
        return "\ufffd" if 0xD800 <= number < 0xE000 else chr(number)
    return ""


def _entity(match: re.Match[str]) -> str:
    name = match["named"]
    if name in {"nbsp", "apos"}:
        return " " if name == "nbsp" else "'"
    name = name.lower() if name in {"AMP", "LT", "GT", "QUOT", "COPY", "REG"} else name
    return chr(name2codepoint[name]) if name in name2codepoint else match.group()


NORMALIZING_CHAR_FILTERS: dict[str, Callable[..., CharFilter]] = {
    "mapping": mapping,
    "pattern_replace": pattern_replace,
}
CHAR_FILTERS: dict[str, Callable[..., CharFilter]] = {**NORMALIZING_CHAR_FILTERS, "html_strip": html_strip}

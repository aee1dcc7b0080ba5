"""Character filters: what is changed in a text before it is cut into tokens."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from html.entities import name2codepoint

from relevance.analysis.parameters import BoundedPattern, Texts, java_replacement
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
    bounded = BoundedPattern("char filter pattern_replace", pattern, flags)
    template = java_replacement(replacement, bounded.compiled)
    return lambda text: bounded.sub(template, text)


_INLINE = {
    "a", "abbr", "acronym", "b", "basefont", "bdo", "big", "cite", "code", "dfn", "em", "font", "i", "img",
    "input", "kbd", "label", "q", "s", "samp", "select", "small", "span", "strike", "strong", "sub", "sup",
    "textarea", "tt", "u", "var",
}  # fmt: skip
_NAME = r"[A-Za-z_:\u00c0-\uffff][-A-Za-z0-9._:\u00b7-\uffff]*"
_ATTRIBUTES = rf"[\s=](?:{_NAME}\s*=\s*(?:\"[^\"]*\"|'[^']*')|[^<>])*+"
_TAG_END = rf"(?:{_ATTRIBUTES}|[\s=][^<>]*)?/?>"  # the second where a quotation mark does not end before the tag does
_MARKUP = re.compile(
    rf"""
      <!--.*?(?:-->|\Z)
    | (?P<cdata><!\[CDATA\[(?P<inside>.*?)(?:\]\]>|\Z))
    | <\?[^>]*\?>
    | <![^>]*>
    | <(?P<raw>script|style)(?:{_ATTRIBUTES}(?<!/)|[\s=][^<>]*(?<!/))?>(?:<!--.*?-->|.)*?(?P<end></(?P=raw)\s*>|\Z)
    | <\s*(?P<open>{_NAME})(?:{_TAG_END}|(?P<cut>\Z))
    | </\s*(?P<close>{_NAME})(?:\s*>|(?P<cut_end>\Z))
    | &(?:(?P<named>[A-Za-z][A-Za-z0-9]*)|\#(?P<decimal>[0-9]+)|\#[xX](?P<hex>[0-9a-fA-F]+))(?:;|\Z)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)


def html_strip(*, escaped_tags: Texts = ()) -> CharFilter:
    """Remove HTML's tags and comments, and read its entities; a tag that is not inline becomes a line break."""
    kept = {tag.lower() for tag in escaped_tags}

    def strip(text: str) -> str:
        if "<" not in text and "&" not in text:
            return text
        text = _MARKUP.sub(lambda match: _without_markup(match, kept), text)
        if any("\ud800" <= sign < "\ue000" for sign in text):  # two entities may be one pair of surrogates
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return text

    return strip


def _without_markup(match: re.Match[str], kept: set[str]) -> str:
    name = match["open"] or match["close"] or match["raw"]
    if name:
        if name.lower() in kept:
            return match.group()
        is_cut = match["cut"] is not None or match["cut_end"] is not None or match["end"] == ""
        return "" if is_cut or name.lower() in _INLINE else "\n"
    if match["cdata"]:
        return match["inside"]
    if match["named"]:
        return _entity(match)
    if match["decimal"] or match["hex"]:
        number = int(match["decimal"]) if match["decimal"] else int(match["hex"], 16)
        return chr(number) if number <= sys.maxunicode else match.group()
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

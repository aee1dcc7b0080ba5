"""The classic tokenizer: words, acronyms, companies, addresses and numbers, as Lucene's cut them before UAX #29."""

from __future__ import annotations

import unicodedata

import regex

from relevance.analysis.tokens import Filter, Stream, Token, Tokenizer, one_by_one

_ACRONYM, _APOSTROPHE, _HOST, _WITH_FINAL_DOT = "<ACRONYM>", "<APOSTROPHE>", "<HOST>", "<ACRONYM_DEP>"
_CJ = regex.compile(
    r"[\u3100-\u312f\u3040-\u30ff\u31f0-\u31ff\u3300-\u337f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff65-\uff9f]"
)
_SINCE_UNICODE_3 = regex.compile(
    r"[\u0220\u03d8\u03d9\u03f4\u03f5\u048a\u048b\u04c5\u04c6\u04c9\u04ca\u04cd\u04ce\u0500-\u050f\u066e\u066f\u07b1\u0b83"
    r"\u10f7\u10f8\u1700-\u1770\u17d7\u17dc\u2071\u213d-\u213f\u2145-\u2149\u303b\u303c\ufe73]"
)
"""Letters of Unicode 3.2 that the tokenizer's 3.0 does not have."""


class _Classes(dict[int, str]):
    """Code point to the letter of its class: letter, digit, other sign of Thai, ideograph; `str.translate` asks."""

    def __missing__(self, code_point: int) -> str:
        sign = chr(code_point)
        category = unicodedata.ucd_3_2_0.category(sign)
        if sign > "\uffff" or sign in "LDTC":
            kind = "L" if sign in "LDTC" else " "
        elif _CJ.match(sign):
            kind = "C"
        elif category.startswith("L") and not _SINCE_UNICODE_3.match(sign):
            kind = "L"
        elif category == "Nd":
            kind = "D"
        else:
            kind = "T" if "\u0e00" <= sign <= "\u0e59" else sign if sign.isascii() else " "
        return self.setdefault(code_point, kind)


_CLASSES = _Classes()
_WORD, _NUMBER, _MARK = "[LDT]+", "L*D[LD]*", "[-_/.,]"
_NUMBERS = (
    f"{_WORD}{_MARK}{_NUMBER}",
    f"{_NUMBER}{_MARK}{_WORD}",
    f"{_WORD}(?:{_MARK}{_NUMBER}{_MARK}{_WORD})+",
    f"{_NUMBER}(?:{_MARK}{_WORD}{_MARK}{_NUMBER})+",
    f"{_WORD}{_MARK}{_NUMBER}(?:{_MARK}{_WORD}{_MARK}{_NUMBER})+",
    f"{_NUMBER}{_MARK}{_WORD}(?:{_MARK}{_NUMBER}{_MARK}{_WORD})+",
)
_PATTERNS = {
    "<ALPHANUM>": _WORD,
    _APOSTROPHE: "L+(?:'L+)+",
    _ACRONYM: r"L\.(?:L\.)+",
    "<COMPANY>": "L+[&@]L+",
    "<EMAIL>": f"{_WORD}(?:[-._]{_WORD})*@{_WORD}(?:[-.]{_WORD})+",
    _HOST: rf"{_WORD}(?:\.{_WORD})+",
    "<NUM>": "|".join(_NUMBERS),
    "<CJ>": "C",
    _WITH_FINAL_DOT: rf"{_WORD}\.(?:{_WORD}\.)+",
}
"""The kinds of a token; where two are as long, the first counts."""
_RULES = {kind: regex.compile(pattern, regex.POSIX) for kind, pattern in _PATTERNS.items()}


def classic(*, max_token_length: int = 255) -> Tokenizer:
    """Cut as the first standard tokenizer did; leave out what is longer than `max_token_length`."""

    def tokenize(text: str) -> Stream:
        tokens: list[Token] = []
        spelt = text.translate(_CLASSES)
        at, step = 0, 1
        while at < len(text):
            ends = {kind: match.end() for kind, rule in _RULES.items() if (match := rule.match(spelt, at))}
            if not ends:
                at += 1
                continue
            kind = max(ends, key=ends.__getitem__)
            term, at = text[at : ends[kind]], ends[kind]
            if len(term) > max_token_length:
                step += 1
                continue
            if kind == _WITH_FINAL_DOT:
                term, kind = term[:-1], _HOST
            tokens.append(Token(term, step, type=kind))
            step = 1
        return Stream(tokens, step - 1)

    return Tokenizer(tokenize, at_spaces=True)


def classic_filter() -> Filter:
    """Remove `'s` of words and the dots of acronyms that the classic tokenizer has cut."""

    def change(token: Token) -> Token:
        if token.type == _APOSTROPHE and token.term[-2:] in {"'s", "'S"}:
            return token.as_term(token.term[:-2])
        return token.as_term(token.term.replace(".", "")) if token.type == _ACRONYM else token

    return one_by_one(change)

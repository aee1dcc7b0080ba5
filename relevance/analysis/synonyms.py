"""Synonyms: Solr's rules, and what stands beside the words of a text by them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations

from relevance.analysis.tokens import SYNONYM, Filter, Stream, Token
from relevance.errors import InputError

Words = tuple[str, ...]


@dataclass
class Rules:
    """What stands for what: a run of words to the runs beside it, and whether it stays itself."""

    outputs: dict[Words, list[Words]] = field(default_factory=dict)
    stays: dict[Words, bool] = field(default_factory=dict)

    def add(self, source: Words, target: Words, *, stays: bool) -> None:
        """Let a run of words stand for another."""
        targets = self.outputs.setdefault(source, [])
        if target not in targets:
            targets.append(target)
        self.stays[source] = self.stays.get(source, False) or stays

    def longest(self) -> dict[str, list[Words]]:
        """Sources by their first word, the longest first."""
        by_first: dict[str, list[Words]] = {}
        for source in sorted(self.outputs, key=len, reverse=True):
            by_first.setdefault(source[0], []).append(source)
        return by_first


def parse_solr(lines: Iterable[str], analyze: Callable[[str], Words], *, expand: bool, lenient: bool) -> Rules:
    """Read Solr's synonym rules: `a, b` and `a, b => c`.

    Raises:
        InputError: a rule has no word left after analysis, and it is not `lenient`.
    """
    rules = Rules()
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        try:
            _parse_line(line, analyze, rules, expand=expand, lenient=lenient)
        except ValueError as error:
            if not lenient:
                raise InputError(f"synonym rule {line!r}: {error}") from None
    return rules


def _parse_line(line: str, analyze: Callable[[str], Words], rules: Rules, *, expand: bool, lenient: bool) -> None:
    sides = _cut_unescaped(line, "=>")
    if len(sides) > 2:
        raise ValueError("more than one '=>'")

    def words(side: str) -> list[Words]:
        """The runs of words of a side; one that analysis drops is empty, where the rules are lenient."""
        runs: list[Words] = []
        for part in _cut_unescaped(side, ","):
            try:
                runs.append(_analyzed(_unescaped(part).strip(), analyze))
            except ValueError:
                if not lenient:
                    raise
                runs.append(())
        return runs

    group = words(sides[0])
    if len(sides) == 2:
        pairs = [(source, target) for source in group for target in words(sides[1])]
    elif expand:
        pairs = list(permutations(group, 2))
    else:
        pairs = [(source, group[0]) for source in group]
    for source, target in pairs:
        if source and target:
            rules.add(source, target, stays=expand and len(sides) == 1)


def _analyzed(text: str, analyze: Callable[[str], Words]) -> Words:
    words = analyze(text)
    if not words:
        raise ValueError(f"{text!r} is no word after analysis")
    return words


def _cut_unescaped(text: str, separator: str) -> list[str]:
    parts, start, at = [], 0, 0
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text.startswith(separator, at):
            parts.append(text[start:at])
            at += len(separator)
            start = at
        else:
            at += 1
    parts.append(text[start:])
    return parts


def _unescaped(text: str) -> str:
    signs = iter(text)
    return "".join(next(signs, "") if sign == "\\" else sign for sign in signs)


def _match(tokens: Sequence[Token], at: int, by_first: Mapping[str, list[Words]]) -> Words | None:
    for source in by_first.get(tokens[at].term, ()):
        end = at + len(source)
        if end <= len(tokens) and all(token.term == word for token, word in zip(tokens[at:end], source, strict=True)):
            return source
    return None


_UNCHANGED = Filter(lambda stream: stream)
"""What synonyms are to the rules of synonyms behind them."""


def synonym_graph_of(rules: Rules) -> Filter:
    """Lucene's SynonymGraphFilter: the longest match at each token; every reading is a path of its own."""
    by_first = rules.longest()

    def rewrite(stream: Stream) -> Stream:
        tokens: list[Token] = []
        last_start, next_node, at = -1, 0, 0
        while at < len(stream.tokens):
            source = _match(stream.tokens, at, by_first)
            if source is None:
                token = stream.tokens[at]
                tokens.append(token)
                last_start += token.step
                next_node = last_start + token.span
                at += 1
                continue
            originals = stream.tokens[at : at + len(source)] if rules.stays[source] else ()
            edges, next_node = _paths(originals, rules.outputs[source], next_node)
            for token, start, end in edges:
                tokens.append(token._replace(step=start - last_start, span=end - start))
                last_start = start
            at += len(source)
        return Stream(tokens, stream.rest)

    return Filter(rewrite, is_local=False, plain=_UNCHANGED)


def _paths(
    originals: Sequence[Token], outputs: Sequence[Words], start: int
) -> tuple[list[tuple[Token, int, int]], int]:
    """The tokens of all paths with the nodes that they join, and the node at which the paths meet."""
    paths: list[list[Token]] = [[Token(word, type=SYNONYM) for word in words] for words in outputs]
    if originals:
        paths.append(list(originals))
    end = start + 1 + sum(len(path) - 1 for path in paths)
    firsts, node = [], start
    for path in paths:
        if len(path) == 1:
            firsts.append((path[0], start, end))
            continue
        node += 1
        firsts.append((path[0], start, node))
        node += len(path) - 2
    edges = list(firsts)
    for path, (_, _, first_end) in zip(paths, firsts, strict=True):
        if len(path) == 1:
            continue
        before = first_end
        for token in path[1:-1]:
            edges.append((token, before, before + 1))
            before += 1
        edges.append((path[-1], before, end))
    return edges, end


def synonym_of(rules: Rules) -> Filter:
    """Lucene's older SynonymFilter: readings of several words spill over the positions that follow."""
    by_first = rules.longest()

    def rewrite(stream: Stream) -> Stream:
        inputs = stream.tokens
        beside: dict[int, list[tuple[str, int]]] = {}
        replaced: set[int] = set()
        at = 0
        while at < len(inputs):
            source = _match(inputs, at, by_first)
            if source is None:
                at += 1
                continue
            stays = rules.stays[source]
            for words in rules.outputs[source]:
                for place, word in enumerate(words):
                    span = len(source) if len(words) == 1 and stays else 1
                    outputs = beside.setdefault(at + place, [])
                    outputs.append((word, span))
            if not stays:
                replaced.update(range(at, at + len(source)))
            at += len(source)
        tokens: list[Token] = []
        for place in range(max(len(inputs), max(beside, default=-1) + 1)):
            step = 1
            if place < len(inputs) and place not in replaced:
                tokens.append(inputs[place])
                step = 0
            for word, span in beside.get(place, ()):
                tokens.append(Token(word, step, span, SYNONYM))
                step = 0
        return Stream(tokens, stream.rest)

    return Filter(rewrite, is_local=False, plain=_UNCHANGED)

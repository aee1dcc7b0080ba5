"""What the words of a user's own syntax become: each a query on several fields."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from relevance.analysis.tokens import Stream, Token
from relevance.engines.embedded.bodies.clauses import Clause, match_options, parse
from relevance.engines.embedded.bodies.fuzzy import Fuzzy
from relevance.engines.embedded.bodies.leaves import keyword_of, prefix, wildcard_of
from relevance.engines.embedded.bodies.multi_match import best_of, fields_of, of_fields
from relevance.engines.embedded.bodies.nodes import MatchNone, Node, boosted
from relevance.errors import InputError, NotInterpretedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from relevance.engines.embedded.bodies.multi_match import Fields
    from relevance.engines.embedded.bodies.text import Match
    from relevance.schema import Field


@dataclass(frozen=True)
class FieldTexts:
    """Makes the queries of words and phrases on several fields.

    Attributes:
        clause: that they belong to.
        fields: with their boosts.
        quoted: those of phrases.
        how: texts are matched.
        quote_analyzer: of phrases; "": the fields' own.
        kind: how the fields are combined, as in `multi_match`.
        tie_breaker: None: that of the kind.
    """

    clause: Clause
    fields: Fields
    quoted: Fields
    how: Match
    quote_analyzer: str = ""
    kind: str = "best_fields"
    tie_breaker: float | None = None

    @classmethod
    def of(cls, clause: Clause, options: Mapping[str, Any], kind: str = "best_fields") -> FieldTexts:
        """Make one of the options of a clause."""
        if options["analyze_wildcard"]:
            raise clause.refuse("analyze_wildcard = true is not interpreted; allowed: false", NotInterpretedError)
        fields, everything = fields_of(clause, options["fields"])
        how = replace(
            match_options({**options, "operator": options["default_operator"], "minimum_should_match": None}),
            max_expansions=options["fuzzy_max_expansions"],
            prefix_length=options["fuzzy_prefix_length"],
            fuzziness=None,
            lenient=options["lenient"] or (everything and options["lenient"] is None),
            zero_terms="left out",
        )
        quoted = _suffixed(clause, fields, options["quote_field_suffix"])
        quote_analyzer = options.get("quote_analyzer") or options["analyzer"]
        return cls(clause, fields, quoted, how, quote_analyzer, kind, options.get("tie_breaker"))

    def on(self, names: Sequence[str], suffix: str) -> FieldTexts:
        """The same for other fields."""
        fields, _ = fields_of(self.clause, names)
        return replace(self, fields=fields, quoted=_suffixed(self.clause, fields, suffix))

    def text(self, text: str) -> Node:
        """Words."""
        return of_fields(self.clause.levels, self.fields, text, self.kind, self.how, self.tie_breaker)

    def phrase(self, text: str, slop: int) -> Node:
        """Words one after the other."""
        how = replace(self.how, slop=slop, analyzer=self.quote_analyzer)
        return of_fields(self.clause.levels, self.quoted, text, "phrase", how, self.tie_breaker)

    def prefix(self, text: str) -> Node:
        """The beginning of a word."""
        return self.each(lambda field: prefix(field, self.normalized(_with_terms(field), text)))

    def beginning(self, text: str) -> Node:
        """The beginning of a word in a `query_string`."""
        return self.each(lambda field: prefix(field, self._part(_with_terms(field), text)))

    def wildcard(self, text: str) -> Node:
        """A word with `*` and `?`."""
        return self.each(lambda field: wildcard_of(field.path, text, lambda part: self._part(_with_terms(field), part)))

    def _part(self, field: Field, text: str) -> str:
        """Keywords change it by their own normalizer, even where the query has an analyzer."""
        is_keyword = field.type == "keyword"
        return keyword_of(self.clause.levels, field, text) if is_keyword else self.normalized(field, text)

    def regexp(self, text: str) -> Node:
        """A regular expression; only an analyzer of the query's own changes its letters."""
        clause = self.clause

        def fits(field: Field) -> Node:
            own = self.normalized(_with_terms(field), text) if self.how.analyzer else text
            return parse({"regexp": {field.path: own}}, clause.place, clause.levels, clause.path)

        return self.each(fits)

    def fuzzy(self, text: str, fuzziness: str) -> Node:
        """A word that may be misspelt."""
        how = self.how
        return self.each(
            lambda field: Fuzzy(
                field.path,
                self.normalized(_with_terms(field), text),
                fuzziness,
                how.prefix_length,
                how.max_expansions,
                how.transpositions,
            )
        )

    def range(self, bounds: Mapping[str, str]) -> Node:
        """Values between bounds."""
        clause = self.clause

        def between(field: Field) -> Node:
            own = {name: self.normalized(field, bound) if field.has_terms else bound for name, bound in bounds.items()}
            return parse({"range": {field.path: own}}, clause.place, clause.levels, clause.path)

        return self.each(between)

    def each(self, make: Callable[[Field], Node]) -> Node:
        """One query for each field, the best of them."""
        nodes = []
        for field, boost in self.fields:
            try:
                node = make(field)
            except InputError as error:
                if not self.how.lenient or isinstance(error, NotInterpretedError):
                    raise
                node = MatchNone()
            nodes.append(boosted(node, boost))
        tie = float(self.kind == "most_fields") if self.tie_breaker is None else self.tie_breaker
        return best_of(nodes, tie) if nodes else MatchNone()

    def normalized(self, field: Field, text: str) -> str:
        """Change the letters of a part of a word as the field's analyzer does."""
        levels = self.clause.levels
        if field.type == "keyword" and not self.how.analyzer:
            return str(keyword_of(levels, field, text))
        analyze = levels.analysis.analyzer(self.how.analyzer or field.search_analyzer)
        for change in analyze.char_filters:
            text = change(text)
        stream = Stream([Token(text)])
        for one in analyze.filters:
            if one.in_normalizer:
                stream = (one.plain or one).rewrite(stream)
        return stream.tokens[0].term


def _with_terms(field: Field) -> Field:
    if not field.has_terms:
        raise InputError(f"field {field.path!r} is a {field.type}; allowed: text, keyword")
    if field.is_unscored or field.value is not None:
        raise NotInterpretedError(f"a pattern on the field {field.path!r}, a {field.kind}")
    return field


def _suffixed(clause: Clause, fields: Fields, suffix: str) -> Fields:
    """The fields that phrases ask: those with the suffix, where there are such."""
    known = clause.levels.schema.fields
    boosts: dict[str, np.float32] = {}
    for field, boost in fields:
        path = f"{field.path}{suffix}" if f"{field.path}{suffix}" in known else field.path
        boosts[path] = np.float32(boost) * boosts.get(path, np.float32(1))
    return [(known[path], float(boost)) for path, boost in boosts.items()]

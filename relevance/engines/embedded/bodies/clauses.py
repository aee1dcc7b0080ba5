"""From clauses of a search body to queries: a clause is a row of `CLAUSES` and a function."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from relevance.bodies import Fixed
from relevance.engines.embedded.bodies.fuzzy import Fuzzy
from relevance.engines.embedded.bodies.leaves import (
    NOTHING,
    AnyNumber,
    AnyTerm,
    Exists,
    Ids,
    Pattern,
    Range,
    in_any_case,
    keyword_of,
    number_for,
    prefix,
    truth_of,
    value_query,
    wildcard,
    wildcard_of,
)
from relevance.engines.embedded.bodies.nodes import (
    Bool,
    Boosting,
    Constant,
    DisMax,
    MatchAll,
    MatchNone,
    Nested,
    Node,
    boosted,
)
from relevance.engines.embedded.bodies.options import (
    Options,
    Read,
    anything,
    boost_value,
    choice,
    constant_rewrite,
    edits,
    expansions_of,
    flag,
    minimum,
    name,
    not_negative,
    positive,
    rewrite,
    share,
    single,
    text,
    whole,
    written,
)
from relevance.engines.embedded.bodies.regexps import python_pattern
from relevance.engines.embedded.bodies.text import Match, MatchType, field_query, with_minimum
from relevance.engines.embedded.bodies.words import Unknown
from relevance.errors import InputError, NotInterpretedError, did_you_mean, unknown
from relevance.values import date_of, decimal_of, exact_of, in_range, rounded, scaled_bound, text_of

if TYPE_CHECKING:
    from relevance.engines.embedded.bodies.levels import Levels
    from relevance.schema import Field


@dataclass
class Clause:
    """A clause of a body that is being read.

    Attributes:
        name: such as `match`.
        body: what stands below the name.
        place: where it stands, such as `query.bool.must[0].match`.
        levels: the index.
        path: of the nested objects that it is about; "" for products.
        boost: of the clause; readers of options set it.
        about: the field whose values are read, for messages.
        depth: 1 of the outermost, 2 of those inside.
    """

    name: str
    body: Any
    place: str
    levels: Levels
    path: str = ""
    boost: float = 1
    about: Field | None = None
    depth: int = 1

    def refuse(self, line: str, kind: type[InputError] = InputError) -> InputError:
        """Make the error that says what is wrong with this clause."""
        return kind(f"{self.place}: {line}")

    def members(self) -> Mapping[str, Any]:
        """The clause as an object."""
        if not isinstance(self.body, Mapping):
            raise self.refuse("an object is expected")
        return self.body

    def options(
        self, known: Options, values: Mapping[str, Any] | None = None, *, nulls: bool = False
    ) -> dict[str, Any]:
        """Read options; `boost` goes to the clause, `_name` has no effect; with `nulls`, null is one left out."""
        held = self.members() if values is None else values
        every: Options = {"boost": (boost_value, 1.0), "_name": (text, ""), **known}
        read: dict[str, Any] = {option: default for option, (_, default) in every.items()}
        for option, value in held.items():
            if option not in every:
                raise self.refuse(unknown("option", option, [*known, "boost"]))
            if value is None and nulls:
                continue
            try:
                read[option] = every[option][0](value)
            except ValueError as error:
                raise self.refuse(f"{option} = {value!r}; {error}") from None
        self.boost = read["boost"] if "boost" in held else self.boost
        return read

    def of_field(self, main: str, known: Options, *, read: Read = single) -> tuple[str, dict[str, Any]]:
        """Read a clause of one field: `{"f": value}`, or `{"f": {main: value, option: …}}`."""
        members = {key: value for key, value in self.members().items() if key not in ("boost", "_name")}
        if len(members) != 1:
            raise self.refuse("one field is expected")
        self.options({}, {key: value for key, value in self.body.items() if key not in members})
        ((path, value),) = members.items()
        given = value if isinstance(value, Mapping) else {main: value}
        options = self.options({main: (read, None), **known}, given)
        if options[main] is None and main:
            raise self.refuse(f"{path}: {main} is missing")
        return path, options

    def values(self, path: str, listed: list[Any]) -> list[Any]:
        """Check the values that a list names."""
        for value in listed:
            if value is None or isinstance(value, list | Mapping):
                raise self.refuse(f"{path}: {value!r} in the list; texts, numbers or truth values are expected")
        return listed

    def query(self, body: Any, member: str, *, path: str | None = None) -> Node:
        """Read a query below this one."""
        inside = self.path if path is None else path
        return parse(body, f"{self.place}.{member}", self.levels, inside, self.depth + 1)

    def queries(self, body: Any, member: str) -> tuple[Node, ...]:
        """Read a list of queries, or one alone."""
        if body is None:
            return ()
        if not isinstance(body, list):
            return (self.query(body, member),)
        return tuple(self.query(one, f"{member}[{at}]") for at, one in enumerate(body))

    def field(self, path: str) -> Field | None:
        """Look a field up; None for one that is not mapped, which matches nothing.

        Raises:
            InputError: products have such values all the same, so that a server would map it by itself.
        """
        field = self.levels.schema.fields.get(path)
        if (stored := self.levels.schema.stored_at(path)) is not None:
            line = f"field {path!r} is a {stored.kind}: it is stored, and not searched here"
            raise self.refuse(line, NotInterpretedError)
        if field is None and path in self.levels.unmapped and self.levels.schema.dynamic:
            raise self.refuse(unknown("field", path, self.levels.schema.fields), NotInterpretedError)
        if field is not None and not field.indexed and field.has_terms:
            kind = NotInterpretedError if field.type == "keyword" else InputError  # a server searches its doc_values
            raise self.refuse(f"field {path!r} is not indexed (index: false)", kind)
        return field


_DEEPEST = 30
"""A server's `indices.query.bool.max_nested_depth`: clauses of any kind, that of the innermost place too."""


def parse(body: Any, place: str, levels: Levels, path: str = "", depth: int = 1) -> Node:
    """Read a query; `depth` is what it would be in a clause, see there.

    Raises:
        InputError: a clause or an option is not known, or a value does not fit; the line names its place.
    """
    is_fixed = type(body) is Fixed
    if is_fixed and (known := levels.parsed.get((id(body), path))):
        return known[1]
    if not isinstance(body, Mapping) or len(body) != 1:
        raise InputError(f"{place}: an object with one clause is expected; allowed: {', '.join(CLAUSES)}")
    ((kind, inner),) = body.items()
    row = CLAUSES.get(kind)
    if kind in NOT_INTERPRETED:
        raise NotInterpretedError(f"{place}: the clause {kind!r} is not interpreted by the embedded engine")
    if row is None:
        near = did_you_mean(str(kind), [*CLAUSES, *NOT_INTERPRETED])
        raise InputError(f"{place}: unknown clause {kind!r}{near}; allowed: {', '.join(CLAUSES)}")
    if depth > _DEEPEST:
        allowed = f"allowed: {_DEEPEST}, a server's indices.query.bool.max_nested_depth"
        raise InputError(f"{place}: more than {_DEEPEST} clauses inside each other; {allowed}")
    clause = Clause(kind, inner, f"{place}.{kind}", levels, path, depth=depth)
    try:
        node = row(clause)
    except InputError as error:
        if str(error).startswith(place):
            raise
        about = "" if clause.about is None else f"field {clause.about.path!r} ({clause.about.kind}): "
        raise clause.refuse(f"{about}{error}", type(error)) from None
    node = boosted(node, clause.boost)
    if is_fixed:
        levels.parsed[id(body), path] = (body, node)  # which stays as long, so that its id does
    return node


# text

_FUZZY: Options = {
    "fuzziness": (edits, None),
    "prefix_length": (whole, 0),
    "max_expansions": (positive, 50),
    "fuzzy_transpositions": (flag, True),
    "fuzzy_rewrite": (rewrite, ""),
}
TEXT: Options = {
    **_FUZZY,
    "operator": (choice("or", "and"), "or"),
    "minimum_should_match": (minimum, None),
    "analyzer": (name, ""),
    "zero_terms_query": (choice("none", "all"), "none"),
    "lenient": (flag, False),
    "auto_generate_synonyms_phrase_query": (flag, True),
    "slop": (whole, 0),
}


def _picked(*names: str) -> Options:
    return {option: TEXT[option] for option in names}


def match_options(options: Mapping[str, Any]) -> Match:
    """Put what was read into the names that are used here."""
    rewriting = options.get("fuzzy_rewrite", "") if options.get("fuzziness") is not None else ""
    expansions = expansions_of(rewriting, options.get("max_expansions", 50))
    return Match(
        operator=options.get("operator", "or"),
        minimum=options.get("minimum_should_match"),
        analyzer=options.get("analyzer", ""),
        fuzziness=options.get("fuzziness"),
        prefix_length=options.get("prefix_length", 0),
        max_expansions=expansions,
        transpositions=options.get("fuzzy_transpositions", True),
        slop=options.get("slop", 0),
        zero_terms=options.get("zero_terms_query", "none"),
        lenient=bool(options.get("lenient")),
        phrases_of_paths=options.get("auto_generate_synonyms_phrase_query", True),
    )


def _of_text(clause: Clause, kind: MatchType, known: Options) -> Node:
    path, options = clause.of_field("query", known)
    field = clause.field(path)
    if field is None:
        return MatchNone()
    how = match_options(options)
    return with_minimum(field_query(clause.levels, field, options["query"], kind, how), how.minimum)


def match(clause: Clause) -> Node:
    known = {option: read for option, read in TEXT.items() if option != "slop"}
    return _of_text(clause, "boolean", known)


def match_bool_prefix(clause: Clause) -> Node:
    return _of_text(clause, "boolean_prefix", {**_FUZZY, **_picked("operator", "minimum_should_match", "analyzer")})


def match_phrase(clause: Clause) -> Node:
    return _of_text(clause, "phrase", _picked("slop", "analyzer", "zero_terms_query"))


def match_phrase_prefix(clause: Clause) -> Node:
    known = {**_picked("slop", "analyzer", "zero_terms_query"), "max_expansions": (whole, 50)}
    return _of_text(clause, "phrase_prefix", known)


def fuzzy(clause: Clause) -> Node:
    path, options = clause.of_field(
        "value",
        {
            **_picked("prefix_length", "max_expansions"),
            "fuzziness": (edits, "AUTO"),
            "transpositions": (flag, True),
            "rewrite": _FUZZY["fuzzy_rewrite"],
        },
    )
    field = clause.field(path)
    if field is None:
        return MatchNone()
    if not field.has_terms:
        raise clause.refuse(f"field {path!r} is a {field.type}; allowed: text, keyword")
    if field.is_unscored or field.value is not None:
        raise clause.refuse(f"field {path!r} is a {field.kind}; allowed: text, keyword", NotInterpretedError)
    return Fuzzy(
        field.path,
        keyword_of(clause.levels, field, options["value"]),
        options["fuzziness"],
        options["prefix_length"],
        expansions_of(options["rewrite"], options["max_expansions"]),
        options["transpositions"],
    )


# values


def term(clause: Clause) -> Node:
    path, options = clause.of_field("value", {"case_insensitive": (flag, False)})
    if path == "_id":
        return Constant(Ids(frozenset([text_of(options["value"])])))
    field = clause.field(path)
    if field is None:
        return MatchNone()
    if options["case_insensitive"] and field.has_terms:
        value = text_of(options["value"])
        if term := keyword_of(clause.levels, field, value):  # the empty one has no letters, and is scored
            return in_any_case(field.path, term, value)
    return value_query(clause.levels, field, options["value"])


def _terms(clause: Clause) -> tuple[str, list[Any]]:
    members = {key: value for key, value in clause.members().items() if key not in ("boost", "_name")}
    if len(members) != 1:
        raise clause.refuse("one field is expected")
    clause.options({}, {key: value for key, value in clause.body.items() if key not in members})
    ((path, values),) = members.items()
    if not isinstance(values, list):
        kind = NotInterpretedError if isinstance(values, Mapping) else InputError
        raise clause.refuse(f"{path}: a list is expected (terms of another document are not supported)", kind)
    return path, clause.values(path, values)


def terms(clause: Clause) -> Node:  # noqa: PLR0911 - one for each kind of field
    path, values = _terms(clause)
    if path == "_id":
        return Ids(frozenset(map(text_of, values)))
    field = clause.field(path)
    if field is None or not values:
        return MatchNone()
    clause.about = None if field.type == "date" else field
    if field.type == "text":
        return AnyTerm(field.path, frozenset(map(text_of, values)))
    if field.type == "keyword":
        return AnyTerm(field.path, frozenset(keyword_of(clause.levels, field, value) for value in values))
    if field.type == "date":
        return Constant(Bool(should=tuple(value_query(clause.levels, field, value) for value in values)))
    if field.type == "boolean":
        return AnyTerm(field.path, frozenset("FT"[truth_of(value)] for value in values))
    numbers = (number_for(field, value, listed=True) for value in values)
    held = frozenset(number for number in numbers if number is not None)
    return AnyNumber(field.path, held) if held else MatchNone()


def _pattern_rewrite(value: Any) -> str:
    return "" if value is None else constant_rewrite(value)


def _pattern(clause: Clause) -> tuple[Field | None, Any, bool]:
    known = {"case_insensitive": (flag, False), "rewrite": (_pattern_rewrite, "")}
    path, options = clause.of_field("value", known)
    field = clause.field(path)
    if field is not None and not field.has_terms:
        raise clause.refuse(f"field {path!r} is a {field.type}; allowed: text, keyword")
    value = options["value"]
    return field, value if isinstance(value, Unknown) else text_of(value), options["case_insensitive"]


def prefix_clause(clause: Clause) -> Node:
    field, value, any_case = _pattern(clause)
    if field is None:
        return MatchNone()
    return prefix(field, keyword_of(clause.levels, field, value), any_case=any_case)


def wildcard_clause(clause: Clause) -> Node:
    body = clause.members()
    if len(body) == 1:
        ((path, inner),) = body.items()
        if isinstance(inner, Mapping) and "wildcard" in inner:
            clause.body = {path: {("value" if key == "wildcard" else key): one for key, one in inner.items()}}
    field, value, any_case = _pattern(clause)
    if field is None:
        return MatchNone()
    if field.normalizer:
        return wildcard_of(field.path, value, lambda piece: keyword_of(clause.levels, field, piece), any_case=any_case)
    return wildcard(field.path, value, any_case=any_case)


_FITS_EMPTY = 9
"""From this release on an empty regular expression in any case fits the empty term."""


def regexp(clause: Clause) -> Node:
    path, options = clause.of_field(
        "value",
        {
            "flags": (text, "ALL"),
            "flags_value": (anything, None),
            "case_insensitive": (flag, False),
            "max_determinized_states": (whole, None),
            "rewrite": (_pattern_rewrite, ""),
        },
        read=text,
    )
    field, flags = clause.field(path), options["flags"].upper()
    if options["flags_value"] is not None or flags not in ("ALL", "NONE"):
        raise clause.refuse(f"flags = {options['flags']!r} is not interpreted; allowed: ALL, NONE", NotInterpretedError)
    if field is None:
        return MatchNone()
    if not field.has_terms:
        raise clause.refuse(f"field {path!r} is a {field.type}; allowed: text, keyword")
    if field.is_unscored or field.value is not None:
        raise clause.refuse(f"field {path!r} is a {field.kind}; allowed: text, keyword", NotInterpretedError)
    value = keyword_of(clause.levels, field, options["value"])
    any_case = options["case_insensitive"]
    pattern = python_pattern(value, optional=flags == "ALL", any_case=any_case)
    if not value and any_case and clause.levels.release < _FITS_EMPTY:
        pattern = NOTHING
    return Pattern(field.path, pattern, "", f"/{value}/")


_BOUNDS: Options = {
    "gte": (anything, None),
    "gt": (anything, None),
    "lte": (anything, None),
    "lt": (anything, None),
    "format": (name, None),
    "time_zone": (name, None),
    "relation": (choice("intersects", "contains", "within"), None),
}
_OLD_BOUNDS: Options = {
    "from": (anything, None),
    "to": (anything, None),
    "include_lower": (flag, True),
    "include_upper": (flag, True),
}
_WITHOUT_OLD_BOUNDS = 9
"""The release from which on they are refused."""


def range_clause(clause: Clause) -> Node:  # noqa: C901 - one spelling after the other
    members = {key: value for key, value in clause.members().items() if key not in ("boost", "_name")}
    if len(members) != 1 or not isinstance(next(iter(members.values())), Mapping):
        raise clause.refuse("one field with its bounds is expected")
    clause.options({}, {key: value for key, value in clause.body.items() if key not in members})
    ((path, bounds),) = members.items()
    is_old = clause.levels.release < _WITHOUT_OLD_BOUNDS
    options: dict[str, Any] = {option: default for option, (_, default) in _OLD_BOUNDS.items()}
    options |= clause.options({**_BOUNDS, **_OLD_BOUNDS} if is_old else _BOUNDS, bounds)
    field = clause.field(path)
    if field is None:
        return MatchNone()
    low, holds_low = options["from"], options["include_lower"]
    high, holds_high = options["to"], options["include_upper"]
    for option, holds in (("gte", True), ("gt", False)):
        if option in bounds:
            low, holds_low = options[option], holds
    for option, holds in (("lte", True), ("lt", False)):
        if option in bounds:
            high, holds_high = options[option], holds
    clause.about = field
    if field.type == "date":
        form, zone = options["format"], options["time_zone"]
        if form is None and any(isinstance(bound, int | float) for bound in (low, high)):
            form = "epoch_millis"  # a number makes both bounds milliseconds
        # a bound that leaves out parts of a date means all of it: `lte` its last millisecond, `gt` what follows it
        first = None if low is None else date_of(field, low, round_up=not holds_low, form=form, zone=zone)
        last = None if high is None else date_of(field, high, round_up=holds_high, form=form, zone=zone)
        return Range(field.path, first, last, holds_low, holds_high)
    if not (field.has_terms or field.is_number):
        raise clause.refuse(f"field {path!r} is a {field.type}: it has no ranges")

    def bound(value: Any) -> Any:
        if value is None:
            return None
        if field.has_terms:
            return keyword_of(clause.levels, field, value)
        if field.type == "boolean":
            return truth_of(value)
        if field.type in ("double", "float", "half_float"):
            number = decimal_of(value, infinite=True)
            number = number if field.scaling_factor else rounded(number, field)
            return math.inf if math.isnan(number) else number  # above all numbers, as Lucene orders it
        number = exact_of(value, field.type)
        if math.isnan(number) and field.type not in ("long", "unsigned_long"):
            return 0  # as Java makes a whole number of it
        if math.isnan(number) or (field.type != "unsigned_long" and not in_range(number, field)):
            raise InputError(f"{value!r} is out of the range of {field.type}")
        return number

    low, high = bound(low), bound(high)
    if field.scaling_factor:
        low = None if low is None else scaled_bound(low, field, is_low=True, holds=holds_low)
        high = None if high is None else scaled_bound(high, field, is_low=False, holds=holds_high)
        holds_low = holds_high = True
    return Range(field.path, low, high, holds_low, holds_high)


def exists(clause: Clause) -> Node:
    path = clause.options({"field": (name, "")})["field"]
    if not path:
        raise clause.refuse("field is missing")
    fields = clause.levels.schema.matching(path)
    for one in fields:
        clause.field(one.path)
    inside = [one for one in clause.levels.schema.fields.values() if one.path.startswith(f"{path}.")]
    if path in clause.levels.schema.objects:
        fields = [one for one in inside if one.path == one.source]
    elif not fields:
        clause.field(path)
    return Exists(tuple(field.path for field in fields)) if fields else MatchNone()


def ids(clause: Clause) -> Node:
    values = clause.options({"values": (anything, []), "_name": (written, "")})["values"]
    listed = values if isinstance(values, list) else [values]
    if not isinstance(values, str | list) or any(
        one is None or one == "" or isinstance(one, list | Mapping) for one in listed
    ):
        raise clause.refuse(f"values = {values!r}; a list of texts is expected")
    return Ids(frozenset(map(text_of, listed)))


# queries of queries


def match_all(clause: Clause) -> Node:
    clause.options({"_name": (written, "")})
    return MatchAll()


def match_none(clause: Clause) -> Node:
    clause.options({})
    return MatchNone()


def bool_clause(clause: Clause) -> Node:
    kinds = ("must", "filter", "should", "must_not")
    spelling = {"mustNot": "must_not"}
    body = {spelling.get(key, key): value for key, value in clause.members().items()}
    if body.get("minimum_should_match", 0) is None:
        del body["minimum_should_match"]
    options = clause.options(
        {
            **dict.fromkeys(kinds, (anything, None)),
            "minimum_should_match": (minimum, None),
            "adjust_pure_negative": (flag, True),
        },
        body,
    )
    must, filters, should, must_not = (clause.queries(options[kind], kind) for kind in kinds)
    if not (must or filters or should or must_not):
        return MatchAll()
    if not (must or filters or should) and options["adjust_pure_negative"]:
        return Bool(filter=(MatchAll(),), must_not=must_not)
    return with_minimum(Bool(must, filters, should, must_not), options["minimum_should_match"])


def constant_score(clause: Clause) -> Node:
    return Constant(clause.query(clause.options({"filter": (anything, None)})["filter"], "filter"))


def dis_max(clause: Clause) -> Node:
    options = clause.options({"queries": (anything, None), "tie_breaker": (share, 0.0)})
    nodes = clause.queries(options["queries"], "queries")
    if not nodes:
        raise clause.refuse("queries are missing")
    return DisMax(nodes, options["tie_breaker"])


def boosting(clause: Clause) -> Node:
    options = clause.options(
        {"positive": (anything, None), "negative": (anything, None), "negative_boost": (not_negative, None)}, nulls=True
    )
    for option, value in options.items():
        if value is None:
            raise clause.refuse(f"{option} is missing")
    positive, negative = (clause.query(options[option], option) for option in ("positive", "negative"))
    return Boosting(positive, negative, options["negative_boost"])


def nested(clause: Clause) -> Node:
    options = clause.options(
        {
            "path": (text, None),
            "query": (anything, None),
            "score_mode": (choice("avg", "sum", "min", "max", "none"), "avg"),
            "ignore_unmapped": (flag, False),
            "inner_hits": (anything, None),
        },
        nulls=True,
    )
    path, known = options["path"], clause.levels.schema.nested
    if path is None:
        raise clause.refuse("path is missing")
    if path not in known:
        if options["ignore_unmapped"]:
            return MatchNone()
        raise clause.refuse(unknown("path of nested objects", path, known))
    around = path
    while around and around != clause.path:
        around = known[around]
    if around != clause.path or path == clause.path:
        raise clause.refuse(f"path {path!r} does not lie inside {clause.path!r}")
    return Nested(path, clause.query(options["query"], "query", path=path), options["score_mode"])


def _of(module: str, function: str) -> Callable[[Clause], Node]:
    """A clause of a module that reads the clauses inside by what is here, so that it is imported at its first use."""

    def read(clause: Clause) -> Node:
        node: Node = getattr(import_module(f"relevance.engines.embedded.bodies.{module}"), function)(clause)
        return node

    return read


CLAUSES: dict[str, Callable[[Clause], Node]] = {
    "match": match,
    "match_bool_prefix": match_bool_prefix,
    "match_phrase": match_phrase,
    "match_phrase_prefix": match_phrase_prefix,
    "multi_match": _of("multi_match", "multi_match"),
    "term": term,
    "terms": terms,
    "prefix": prefix_clause,
    "wildcard": wildcard_clause,
    "regexp": regexp,
    "range": range_clause,
    "exists": exists,
    "ids": ids,
    "match_all": match_all,
    "match_none": match_none,
    "bool": bool_clause,
    "constant_score": constant_score,
    "dis_max": dis_max,
    "boosting": boosting,
    "nested": nested,
    "function_score": _of("function_score", "function_score"),
    "fuzzy": fuzzy,
    "knn": _of("knn", "knn"),
    "simple_query_string": _of("simple_query_string", "simple_query_string"),
    "query_string": _of("query_string", "query_string"),
    "distance_feature": _of("features", "distance_feature"),
    "terms_set": _of("features", "terms_set"),
}
"""Every clause that is understood: a clause is a row here."""

NOT_INTERPRETED = (
    *("script_score", "script", "more_like_this", "intervals", "rank_feature", "has_child", "has_parent", "parent_id"),
    *("percolate", "geo_bounding_box", "geo_distance", "geo_polygon", "geo_shape", "geo_grid", "shape", "wrapper"),
    *("span_term", "span_first", "span_near", "span_not", "span_or", "span_multi", "span_containing", "span_within"),
    *(
        "field_masking_span",
        "combined_fields",
        "pinned",
        "rule",
        "semantic",
        "sparse_vector",
        "text_expansion",
        "weighted_tokens",
        "sltr",
    ),
)
"""Clauses that servers understand, some with a module or a plugin."""

"""Changes of how an index is analyzed, and of the search bodies of strategies.

A row of `ANALYSIS` or `SEARCHES` is a function of these bodies: it changes what it finds in a copy, and raises
`NotApplicableError` where there is nothing that it could change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np

from relevance.analysis.languages import CHAINS
from relevance.engines.mapping import body_with
from relevance.fields import ProductFields, index_body, plain
from relevance.mutation.engine import Drawing, NotApplicableError, around, kinds
from relevance.strategies import leaves_of, mapped

if TYPE_CHECKING:
    from relevance.mutation.engine import Change
    from relevance.suite import Plan

_Json: TypeAlias = dict[str, Any]
_Side: TypeAlias = Literal["analyzer", "search_analyzer"]

_A_TENTH, _TENFOLD = 0.1, 10
_PLANTED = "planted"
_INDEX: _Side = "analyzer"
_QUERIES: _Side = "search_analyzer"


@dataclass(frozen=True)
class Bodies:
    """What a search is made of, as parsed JSON.

    Attributes:
        index: `settings` and `mappings` of the index; empty where nothing but our own fields is searched.
        searches: the search body, with marks, of each strategy that has one.
        matched: paths of the text fields that strategies match without such a body.
    """

    index: _Json
    searches: tuple[_Json, ...]
    matched: frozenset[str]


def _bodies(change: Callable[[Bodies, np.random.Generator], str]) -> Change:
    """Change bodies where they stand, by a function that says what was drawn; those of the plan stay as they are."""

    def changed(plan: Plan, seed: int) -> tuple[Plan, str]:
        fields, before = plan.dataset.catalogue.fields, leaves_of(plan.strategies)
        matched = {fields.text[name].path for one in before for leg in one.legs() for name, _ in leg.text}
        templates = tuple(plain(one.template) for one in before if one.template is not None)
        bodies = Bodies(_body_of(fields), templates, frozenset(matched))
        drawn = change(bodies, np.random.default_rng(seed))
        others = iter(bodies.searches)
        after = {one: one if one.template is None else replace(one, template=next(others)) for one in before}
        plan = replace(plan, strategies=tuple(mapped(one, lambda own: after.get(own, own)) for one in plan.strategies))
        if bodies.index == _body_of(fields):
            return plan, drawn
        body = replace(fields, body=bodies.index, readings=())  # which have their analyzers there
        return around(plan, products=lambda catalogue, vectors: (catalogue.indexed_as(body), vectors)), drawn

    return Drawing(changed)


def _body_of(fields: ProductFields) -> _Json:
    """That of the index, with the multi-fields in which strategies read text otherwise."""
    if fields.body is None and not fields.readings:
        return {}
    body: _Json = plain(index_body(body_with(fields, {}), "the index"))
    return body


# text fields and their analyzers


def _objects(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], _Json]]:
    """All objects, each with the keys under which it stands; outer ones first."""
    if isinstance(value, dict):
        yield path, value
        for name, one in list(value.items()):
            yield from _objects(one, (*path, name))
    elif isinstance(value, list):
        for one in value:
            yield from _objects(one, path)


def _fields_of(bodies: Bodies) -> list[tuple[str, _Json]]:
    """Full name and options of each text field, those inside of others too."""
    if not bodies.index:
        theirs = "the index has no body of one's own (mapping, [fields])"
        raise NotApplicableError(f"{theirs}, and no strategy an analyzer, k1 or b")
    objects = _objects(bodies.index["mappings"]["properties"])
    # between names stands what they are inside of: properties or fields
    return [(".".join(path[::2]), one) for path, one in objects if one.get("type") == "text"]


def _parts(index: _Json, part: str) -> _Json:
    """Analyzers or filters of the index's own, by name."""
    parts: _Json = index["settings"].setdefault("analysis", {}).setdefault(part, {})
    return parts


def _analyzers(index: _Json, options: Mapping[str, Any]) -> dict[_Side, str]:
    """The names of a field's analyzers."""
    own = _parts(index, "analyzer")
    of_index = options.get("analyzer") or ("default" if "default" in own else "standard")
    of_queries = options.get("search_analyzer") or ("default_search" if "default_search" in own else of_index)
    return {_INDEX: of_index, _QUERIES: of_queries}


_BUILT_IN: Mapping[str, _Json] = {
    "standard": {"tokenizer": "standard", "filter": ["lowercase"]},
    "simple": {"tokenizer": "letter", "filter": ["lowercase"]},
    "whitespace": {"tokenizer": "whitespace", "filter": []},
}


def _definition(index: _Json, name: str) -> _Json:
    """An analyzer as settings have it; one that is built in by its type."""
    return dict(_parts(index, "analyzer").get(name, {"type": name}))


def _chain(definition: Mapping[str, Any]) -> _Json | None:
    """The same analyzer with a list of filters; None where it has none that can be changed."""
    kind = definition.get("type", "custom")
    if kind == "custom":
        names = definition.get("filter", [])
        return {**definition, "filter": [names] if isinstance(names, str) else list(names)}
    return {**_BUILT_IN[kind], "type": "custom"} if kind in _BUILT_IN and len(definition) == 1 else None


def _planted(index: _Json, part: str, name: str, definition: _Json) -> str:
    """Add an analyzer or a filter; what it is called."""
    _parts(index, part)[f"{_PLANTED}_{name}"] = definition
    return f"{_PLANTED}_{name}"


# stemmers and stop words on one side


class _Component(NamedTuple):
    """A kind of token filter that both sides should have, or none; `bare` takes it off an analyzer of a language."""

    what: str
    types: re.Pattern[str]
    added: str
    bare: Callable[[_Json], _Json]

    def is_in(self, index: _Json, name: str) -> bool:
        definition = _definition(index, name)
        kind = definition.get("type", "custom")
        if "stopwords" in definition and self.added == "stop":
            return bool(definition["stopwords"] != "_none_")
        if kind in CHAINS:
            return any(self.types.fullmatch(one.partition(":")[0]) for one in CHAINS[kind].split())
        chain = _chain(definition)
        return chain is not None and any(map(partial(self._is_one, index), chain["filter"]))

    def _is_one(self, index: _Json, name: str) -> bool:
        kind = _parts(index, "filter").get(name, {}).get("type", name)
        return self.types.fullmatch(kind) is not None

    def toggled(self, index: _Json, name: str) -> _Json | None:
        """The analyzer without the component where it has it, else with it; None where that is not known."""
        definition = _definition(index, name)
        kind, has = definition.get("type", "custom"), self.is_in(index, name)
        if has and kind != "custom":
            return self.bare({**definition, "type": kind})
        chain = _chain(definition)
        if chain is None:
            return None
        kept = [one for one in chain["filter"] if not self._is_one(index, one)]
        return {**chain, "filter": kept if has else [*chain["filter"], self.added]}


def _without_stemming(definition: _Json) -> _Json:
    return {"type": "standard", "stopwords": definition.get("stopwords", f"_{definition['type']}_")}


_STEMMER = _Component(
    "a stemmer", re.compile("stemmer|snowball|kstem|hunspell|[a-z]+_stem"), "porter_stem", _without_stemming
)
_STOP = _Component("stop words", re.compile("stop"), "stop", lambda definition: {**definition, "stopwords": "_none_"})


def _reanalyze(bodies: Bodies, why: str, others: Callable[[Mapping[_Side, str]], Mapping[_Side, _Json | None]]) -> None:
    """Give text fields other analyzers: by the names of theirs, definitions of those that change; None: not known."""
    index, is_changed = bodies.index, False
    for _path, options in _fields_of(bodies):
        analyzers = _analyzers(index, options)
        definitions = others(analyzers)
        if definitions and None not in definitions.values():
            for side, name in analyzers.items():
                one = definitions.get(side)
                options[side] = name if one is None else _planted(index, "analyzer", f"{side}_{name}", one)
            is_changed = True
    if not is_changed:
        raise NotApplicableError(why)


def _only_in(side: _Side, component: _Component) -> Change:
    @_bodies
    def change(bodies: Bodies, _: np.random.Generator) -> str:
        def others(analyzers: Mapping[_Side, str]) -> dict[_Side, _Json | None]:
            wrong = (one for one, name in analyzers.items() if component.is_in(bodies.index, name) != (one == side))
            return {one: component.toggled(bodies.index, analyzers[one]) for one in wrong}

        _reanalyze(bodies, f"no field's analyzer loses {component.what} or can be given them", others)
        return ""

    return change


# synonyms

_Rules: TypeAlias = Callable[[list[str], np.random.Generator], list[str]]


def _synonyms(side: _Side, rewrite: _Rules) -> Change:
    """Change the rules of the synonyms of one side's analyzers; a filter without a rule left goes."""

    @_bodies
    def change(bodies: Bodies, rng: np.random.Generator) -> str:
        changed: dict[str, list[str]] = {}
        drawn: list[str] = []
        for name, definition in sorted(_parts(bodies.index, "filter").items()) if bodies.index else ():
            rules = _rules(definition)
            after = rewrite(rules, rng) if rules else rules
            if after != rules:
                other = {**definition, "synonyms": after}
                changed[name] = [_planted(bodies.index, "filter", name, other)] if after else []
                drawn += [rule for rule in (*rules, *after) if rule not in rules or rule not in after]

        def others(analyzers: Mapping[_Side, str]) -> dict[_Side, _Json | None]:
            chain = _chain(_definition(bodies.index, analyzers[side]))
            if chain is None or changed.keys().isdisjoint(chain["filter"]):
                return {}
            return {side: {**chain, "filter": [new for old in chain["filter"] for new in changed.get(old, [old])]}}

        _reanalyze(bodies, f"no list of such synonyms in the {side} of a field", others)
        return "; ".join(drawn)

    return change


_SYNONYMS = ("synonym", "synonym_graph")


def _rules(definition: Mapping[str, Any]) -> list[str]:
    rules = definition.get("synonyms", [])
    is_listed = definition.get("type") in _SYNONYMS and isinstance(rules, list)
    if not is_listed or definition.get("format") == "wordnet":
        return []
    return [rule for rule in rules if rule.strip() and not rule.startswith("#")]


def _some(rules: list[str], rng: np.random.Generator) -> list[int]:
    """The places of a tenth of the rules, one or more, in their order."""
    number = max(1, round(len(rules) * _A_TENTH))
    return sorted(rng.choice(len(rules), size=number, replace=False).tolist())


def _rules_lost(rules: list[str], rng: np.random.Generator) -> list[str]:
    lost = _some(rules, rng)
    return [rule for at, rule in enumerate(rules) if at not in lost]


def _rules_added(rules: list[str], rng: np.random.Generator) -> list[str]:
    """Words of two rules each become synonyms; of one rule there is nothing to mix up."""
    words = [re.split(",|=>", rule)[0].strip() for rule in rules]
    added = [f"{words[at]}, {words[at - 1]}" for at in _some(rules, rng) if words[at] != words[at - 1]]
    return [*rules, *added]


# a field's analyzer


@_bodies
def _other_analyzer(bodies: Bodies, rng: np.random.Generator) -> str:
    """Of a field that searches name, where they name any."""
    fields = _fields_of(bodies)
    texts = json.dumps(bodies.searches)
    named = [one for one in fields if one[0] in bodies.matched or re.search(rf'"{re.escape(one[0])}["^]', texts)]
    path, options = (named or fields)[rng.integers(len(named or fields))]
    before = _analyzers(bodies.index, options)
    name = "whitespace" if set(before.values()) == {"standard"} else "standard"
    options.update(analyzer=name, search_analyzer=name)
    return f"{path} {name}"


# search bodies


_SearchChange: TypeAlias = Callable[[_Json, np.random.Generator], str | None]
"""Change a search body, and say what was drawn; None where it has nothing that could be changed."""


def _searches(change: _SearchChange, what: str) -> Change:
    """Change each search body that has what is changed."""

    @_bodies
    def of_all(bodies: Bodies, rng: np.random.Generator) -> str:
        if not bodies.searches:
            raise NotApplicableError("no strategy is a search body (template)")
        drawn = [change(search, rng) for search in bodies.searches]
        if all(one is None for one in drawn):
            raise NotApplicableError(f"no search body has {what}")
        return "; ".join(dict.fromkeys(one for one in drawn if one))

    return of_all


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _filter_lost(search: _Json, rng: np.random.Generator) -> str | None:
    places: list[tuple[Any, Any]] = []
    for path, one in _objects(search):
        name = "filter" if path else "post_filter"
        if name in one and (not path or path[-1] in ("bool", "knn")):
            of_list = isinstance(one[name], list)
            places += [(one[name], at) for at in range(len(one[name]))] if of_list else [(one, name)]
    if not places:
        return None
    holder, place = places[rng.integers(len(places))]
    return _text(holder.pop(place))


def _parameter_dropped(search: _Json, rng: np.random.Generator) -> str | None:
    """As of queries that never have it: its default holds, without one the nearest clause is left out."""
    text = _text(search)
    names: list[str] = sorted(set(re.findall(r"\{\{\s*params\.([\w.-]+)", text)))
    if not names:
        return None
    drawn = names[rng.integers(len(names))]
    name = re.escape(drawn)
    text = re.sub(rf"\{{\{{\s*params\.{name}\s*\??\s*\}}\}}", f"{{{{params.{_PLANTED}?}}}}", text)
    text = re.sub(rf"\{{\{{\s*params\.{name}\s*=", f"{{{{params.{_PLANTED}=", text)
    search.clear()
    search.update(json.loads(text))
    return drawn


def _function_tenfold(search: _Json, rng: np.random.Generator) -> str | None:
    scored = [one for path, one in _objects(search) if path[-1:] == ("function_score",)]
    for one in scored:
        if "functions" not in one:
            one["functions"] = [{name: one.pop(name) for name in list(one) if name not in _BESIDE_FUNCTIONS}]
    functions = [function for one in scored for function in one["functions"] if function]
    if not functions:
        return None
    function = functions[rng.integers(len(functions))]
    drawn = _text(function)
    function["weight"] = function.get("weight", 1) * _TENFOLD
    return drawn


_BESIDE_FUNCTIONS = ("query", "boost", "boost_mode", "score_mode", "max_boost", "min_score", "_name")


def _without(name: str, *values: Any) -> _SearchChange:
    """Drop an option of clauses, with one of these values where some are named."""

    def change(search: _Json, _: np.random.Generator) -> str | None:
        holders = [one for _, one in _objects(search) if name in one and (not values or one[name] in values)]
        for one in holders:
            del one[name]
        return "" if holders else None

    return change


def _boosts_off(search: _Json, _: np.random.Generator) -> str | None:
    lists = [one for _, one in _objects(search) if isinstance(one.get("fields"), list)]
    is_changed = False
    for one in lists:
        plain_names = [re.sub(r"\^[\d.]+$", "", name) if isinstance(name, str) else name for name in one["fields"]]
        is_changed |= plain_names != one["fields"]
        one["fields"] = plain_names
    return "" if is_changed else None


# the kinds


ANALYSIS = kinds(
    "analysis",
    {
        "synonyms_lost_in_index": (
            "10% of the rules of synonyms are lost in the index",
            _synonyms(_INDEX, _rules_lost),
        ),
        "synonyms_lost_in_queries": (
            "10% of the rules of synonyms are lost in queries",
            _synonyms(_QUERIES, _rules_lost),
        ),
        "synonyms_mixed_up_in_index": (
            "10% more rules in the index, each of words of two rules",
            _synonyms(_INDEX, _rules_added),
        ),
        "synonyms_mixed_up_in_queries": (
            "10% more rules in queries, each of words of two",
            _synonyms(_QUERIES, _rules_added),
        ),
        "stemmer_in_index_only": (
            "words of the index are stemmed, those of queries are not",
            _only_in(_INDEX, _STEMMER),
        ),
        "stemmer_in_queries_only": (
            "words of queries are stemmed, those of the index are not",
            _only_in(_QUERIES, _STEMMER),
        ),
        "stop_words_in_index_only": ("the index has no stop words, queries have them", _only_in(_INDEX, _STOP)),
        "stop_words_in_queries_only": ("queries have no stop words, the index has them", _only_in(_QUERIES, _STOP)),
        "field_of_another_analyzer": ("a text field has the standard analyzer, or else whitespace", _other_analyzer),
    },
)
SEARCHES = kinds(
    "search bodies",
    {
        "filter_lost": ("a filter of each search body is lost", _searches(_filter_lost, "a filter")),
        "parameter_dropped": (
            "queries lack a parameter of each search body",
            _searches(_parameter_dropped, "a parameter ({{params.NAME}})"),
        ),
        "function_boost_tenfold": (
            "a function of function_score weighs ten times as much",
            _searches(_function_tenfold, "a function_score"),
        ),
        "minimum_should_match_lost": (
            "minimum_should_match is lost",
            _searches(_without("minimum_should_match"), "minimum_should_match"),
        ),
        "operator_and_lost": (
            "one word is enough where all were needed",
            _searches(_without("operator", "and", "AND"), "the operator and"),
        ),
        "field_boosts_off": (
            "fields of search bodies have the boost 1",
            _searches(_boosts_off, "a boost such as name^3"),
        ),
    },
)

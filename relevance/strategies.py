"""Ranking strategies as values: which fields, with which boosts, and how their scores combine.

The table `STRATEGIES` is the one place where a strategy is added. A wrong field, boost or combination is an
`InputError` when the value is made, not when it runs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from annotated_types import Gt, Le

from relevance import bodies
from relevance.errors import InputError, unknown
from relevance.fields import DEFAULT_FIELDS, K1, B, ProductFields, Reading
from relevance.outside.command import Command
from relevance.outside.function import Function
from relevance.outside.run_file import RunFile
from relevance.setting import Count, Grade, Names, Part, Takes, Text, Written, setting
from relevance.stages import RERANKING, Rerank, read_rerank

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from relevance.outside import Outside

Combination = Literal["sum", "rrf", "linear"]
Normalizer = Literal["minmax", "l2", "none"]
Fusion = Literal["ours", "server"]

BASE = "base"
"""The model that a strategy uses where it names none."""

FINETUNED = "finetuned"
"""The model that is made of `BASE` by fine-tuning, where none is given."""

SHORT, SHORT_DIMENSIONS = "finetuned_short", 128
"""The model that is `FINETUNED` with its vectors cut, where none is given, and at how many dimensions."""

STATIC = "static"
"""The model that is distilled from `FINETUNED` into vectors of tokens, where none is given."""

DERIVED = (SHORT, STATIC)
"""Models that are made of `FINETUNED`, where none is given."""

# a strategy checks its boosts itself, whoever makes it
_Boosts = Annotated[Mapping[str, float], Written(Any), Takes("table of numbers")]
_OfWords = Takes("true, false or list of names", 'true, false, or a list of text fields, such as ["title"]')
_LOWEST_BOOST, _HIGHEST_BOOST = 1e-6, 1_000_000
_LONGEST_LIST = 10_000
"""Elasticsearch's own limit of hits and of candidates."""


@dataclass(frozen=True)
class Fused:
    """How lists are fused in one request; attributes as those of `Strategy`, a weight for each list."""

    combine: Combination
    weights: tuple[float, ...]
    normalizer: Normalizer
    window: int
    k: int


@dataclass(frozen=True)
class Leg:
    """One request to an engine: clauses whose scores are added.

    Attributes:
        text: (text field, boost) of each match clause.
        vectors: (vector field, boost) of each nearest-neighbour clause.
        candidates: how many nearest products a nearest-neighbour clause scores.
        model: name of the embedding model of the vector fields.
        template: JSON of a search with marks, see `relevance.bodies`, in the place of all clauses; "" for none.
        reading: how the text fields are read, which `text` names by it; None for their own way.
        spelling: text fields to whose words those of a query that no product has are corrected; none: they stay.
        outside: what ranks in the place of the engine and of all of these.
        fused: how a server fuses the lists of text and of each vector field; None for clauses that are added.
    """

    text: tuple[tuple[str, float], ...]
    vectors: tuple[tuple[str, float], ...]
    candidates: int
    model: str
    template: str = ""
    reading: Reading | None = None
    spelling: tuple[str, ...] = ()
    outside: Outside | None = None
    fused: Fused | None = None

    @cached_property
    def search(self) -> Mapping[str, Any]:
        """The search that `template` writes; {} for none. Nothing may be changed in it."""
        search: Mapping[str, Any] = json.loads(self.template) if self.template else {}
        return search

    @property
    def embeds(self) -> bool:
        """Whether the leg needs the vectors of the queries."""
        marks = self.outside.marks if self.outside else ()
        return bool(self.vectors) or bodies.VECTOR in self.template or any(mark.text == bodies.VECTOR for mark in marks)

    @property
    def name(self) -> str:
        """What people call the leg: `text` or the vector field, joined where a leg has both; or `template`."""
        if self.outside is not None:
            return self.outside.name
        if self.template:
            return "template"
        return "+".join((["text"] if self.text else []) + [f"vector {name}" for name, _ in self.vectors])


@dataclass(frozen=True)
class Strategy:
    """A ranking strategy: `[strategies.NAME]` of the configuration.

    Attributes:
        name: lower-case letters, digits and underscores.
        text: from 0.000001 to 1,000,000, as are those of `vectors`, which must be 1 where lists are fused, and weights.
        weights: of the lists that are fused, see `lists`; those of 1 are left out.
        fuse: names of `members`.
        candidates: `num_candidates` and `k` of a knn query.
        template: parsed JSON with marks, see `relevance.bodies`.
        http: with the body read.
        rerank: keys of `relevance.stages.Rerank`.
        file: that the template was read from.
        folder: in which modules, commands and run files are looked for.
        fields: of the products, which `text` and `vectors` name.
        members: the strategies whose lists are fused, see `joined`.
        tunable: the template, or the body of `http`, with its `{{tune.NAME=VALUE}}`, in whose places the other one has
            values.

    Raises:
        InputError: see the rules above.
    """

    name: str
    text: _Boosts = setting("boosts of the text fields that are matched", default={})
    vectors: _Boosts = setting("boosts of the embedded texts that are searched", default={})
    combine: Combination = setting(
        "sum adds scores in one search; of one list for text and one for each vector field, rrf fuses the ranks, and "
        "linear adds the normalised scores",
        default="sum",
    )
    weights: _Boosts = setting(
        "rrf, linear: weights of the lists that are fused, by text and the names of vector fields; 1 for the others",
        default={},
    )
    normalizer: Normalizer = setting("linear: what makes the scores of lists comparable", default="minmax")
    fuse: Names | None = setting(
        "rrf, linear: strategies whose lists are fused, in the place of text and vectors; weights go by their names"
    )
    window: Count = setting("rrf, linear: length of the lists that are fused", default=50)
    k: Count = setting("rrf: the constant of reciprocal rank fusion", default=60)
    fusion: Fusion = setting(
        "rrf, linear of text and vectors: server asks Elasticsearch's own retriever, which needs a licence; beside the "
        "embedded engine the same definition is computed here",
        default="ours",
    )
    candidates: Count = setting("with vectors: nearest products that get a vector score", default=150)
    model: Text = setting("with vectors: which of [models.NAME] embeds", default=BASE)
    template: Annotated[Mapping[str, Any] | None, Written(Text), Takes("path", "a path in quotes")] = setting(
        "JSON file with a search of Elasticsearch's own, in the place of text and vectors"
    )
    analyzer: Text | None = setting(
        "with text, without multi-fields: what makes words of it and of queries, of settings.analysis or built in",
        words="the fields' own",
    )
    search_analyzer: Text | None = setting("with text: what makes words of queries alone", words="the analyzer")
    k1: Grade | None = setting("with text: BM25's k1, how soon more of a word counts no more", words=f"{K1}")
    b: Part | None = setting("with text: BM25's b, how much the length of a text counts", words=f"{B}")
    spelling: Annotated[Names | bool, _OfWords] = setting(
        "words of a query that no product has are corrected to words that some have: in these text fields, or with "
        "true in those of text, of a template in all",
        default=False,
    )
    search: Text | None = setting(
        "a Python function that ranks, module:function, in the place of all above; called with query, params and depth"
    )
    http: Annotated[Mapping[str, Any] | None, Written(Any), Takes("table", "a table, see below")] = setting(
        "an endpoint that ranks, see below"
    )
    command: Names | None = setting("a command that ranks, as a list of words: JSON lines in, JSON lines out")
    run: Annotated[Text | None, Takes("path", "a path in quotes")] = setting("TREC run file of a search that was")
    timeout: Annotated[int | float, Gt(0), Le(3_600), Takes("number", "seconds, above 0 and up to 3,600")] = setting(
        "http, command: seconds until an answer is given up", default=10
    )
    rerank: Annotated[Mapping[str, Any] | None, Written(Any), Takes("table", "a table, see below")] = setting(
        "what reorders the first hits, see below"
    )
    file: str = field(default="", compare=False)
    folder: str = field(default=".", compare=False)
    fields: ProductFields = field(default=DEFAULT_FIELDS, compare=False, repr=False)
    tunable: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)
    members: tuple[Strategy, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise InputError(f"{self.where}: {problem}")
        if self.template is not None:
            if self.tunable is None:
                object.__setattr__(self, "tunable", self.template)
            object.__setattr__(self, "template", bodies.prepare(self.template).template)
        if self.http is not None and isinstance(self.http.get("body"), Mapping):
            body = self.http["body"]
            if self.tunable is None and bodies.tuned_values(body):
                object.__setattr__(self, "tunable", body)
            if self.tunable is not None:
                object.__setattr__(self, "http", {**self.http, "body": bodies.settled(body)})
        if not isinstance(self.spelling, bool):
            object.__setattr__(self, "spelling", tuple(self.spelling))  # a list in JSON
        if self.fuse is not None:
            object.__setattr__(self, "fuse", tuple(self.fuse))
        for part, allowed in (("text", self.fields.text), ("vectors", self.fields.embedded)):
            boosts = getattr(self, part)
            # the fields' own order: two ways of writing a strategy are one strategy
            ordered = {name: boosts[name] for name in allowed if name in boosts}
            object.__setattr__(self, part, MappingProxyType(ordered))
        weights = {name: self.weights[name] for name in self.lists if self.weights.get(name, 1) != 1}
        object.__setattr__(self, "weights", MappingProxyType(weights))

    def __hash__(self) -> int:
        return hash((self.name, self.legs(), self.fusing, self.members, self.reranking))

    def legs(self) -> tuple[Leg, ...]:
        """Give the requests that answer the strategy: one for `sum`, else one a list; the same ones each time.

        Of strategies that are fused those of all, each once.
        """
        return self._legs

    @property
    def parts(self) -> tuple[Leg | Strategy, ...]:
        """What gives the lists that are fused, in the order of `lists`; of a strategy that fuses nothing its leg."""
        return self.members or self.legs()

    @property
    def is_fused(self) -> bool:
        """Whether it fuses lists."""
        return self.combine != "sum"

    @property
    def fusing(self) -> tuple[object, ...]:
        """All that decides how lists are combined."""
        return (self.combine, tuple(self.weights.items()), self.normalizer, self.window, self.k, self.fusion)

    @cached_property
    def served(self) -> Leg | None:
        """The one request by which a server that can fuses the lists; None where that is ours to do."""
        if self.fusion != "server":
            return None
        weights = tuple(float(self.weights.get(name, 1)) for name in self.lists)
        fused = Fused(self.combine, weights, self.normalizer, self.window, self.k)
        (first, *_) = self.legs()  # of the text, where there is one
        return replace(first, vectors=tuple(self.vectors.items()), fused=fused)

    @property
    def lists(self) -> tuple[str, ...]:
        """The names of the lists that are fused, in the order of the legs."""
        if self.fuse is not None:
            return tuple(self.fuse)
        return (*(["text"] if self.text else []), *self.vectors) if self.is_fused else ()

    @property
    def leaves(self) -> tuple[Strategy, ...]:
        """The strategies that search: itself, or those that it fuses."""
        return leaves_of(self.members) if self.fuse is not None else (self,)

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the models that embed queries for it."""
        return tuple(dict.fromkeys(one.model for one in self.leaves if one.embeds))

    @property
    def takes_time(self) -> bool:
        """Whether the time of a search says something."""
        return any(one.outside is None or one.outside.takes_time for one in self.leaves)

    @cached_property
    def outside(self) -> Outside | None:
        """What ranks in the place of the engine."""
        folder = str(Path(self.folder).absolute())
        if self.search is not None:
            return Function(self.search, folder)
        if self.command is not None:
            return Command(tuple(self.command), folder, float(self.timeout))
        if self.run is not None:
            return RunFile(str(Path(folder, self.run)))
        if self.http is not None:
            from relevance.outside.http import Endpoint, read_http  # noqa: PLC0415 - urllib3 is loaded where it is used

            return Endpoint.of(read_http(self.http), float(self.timeout))
        return None

    @cached_property
    def reranking(self) -> Rerank | None:
        """The stage that reorders the first hits."""
        return None if self.rerank is None else read_rerank(self.rerank, str(Path(self.folder).absolute()))

    @property
    def marks(self) -> tuple[bodies.Mark, ...]:
        """Those that queries fill, of a template or of what is sent to an endpoint."""
        if self.outside is not None:
            return self.outside.marks
        return () if self.template is None else bodies.prepare(self.template).marks

    @cached_property
    def _legs(self) -> tuple[Leg, ...]:
        if self.fuse is not None:
            return tuple(dict.fromkeys(leg for one in self.members for leg in one.legs()))
        if self.outside is not None:
            return (Leg((), (), self.candidates, self.model, outside=self.outside),)
        if self.template is not None:
            template = json.dumps(self.template)
            return (Leg((), (), self.candidates, self.model, template, spelling=self.vocabulary),)
        reading = self.reading
        text = tuple((reading.of(name) if reading else name, boost) for name, boost in self.text.items())
        vectors = tuple(self.vectors.items())
        read = partial(Leg, candidates=self.candidates, model=self.model, reading=reading, spelling=self.vocabulary)
        if self.combine == "sum":
            return (read(text, vectors),)
        of_text = [read(text, ())] if text else []
        return (*of_text, *(Leg((), (vector,), self.candidates, self.model) for vector in vectors))

    @property
    def reading(self) -> Reading | None:
        """How the text fields are read; None for their own way."""
        if self.analyzer is None and self.search_analyzer is None and self.k1 is None and self.b is None:
            return None
        analyzer = self.analyzer or ""
        return Reading(
            analyzer=analyzer,
            search_analyzer="" if self.search_analyzer in (None, analyzer) else self.search_analyzer,
            k1=K1 if self.k1 is None else float(self.k1),
            b=B if self.b is None else float(self.b),
        )

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The text fields whose words queries are corrected to; none where they stay as they are."""
        if self.spelling is True:
            return tuple(self.text) or self.fields.own_texts
        return self.spelling or ()

    @property
    def where(self) -> str:
        """How messages name it: with the file of its template."""
        return f"strategy {self.name!r}" + (f" ({self.file})" if self.file else "")

    @property
    def embeds(self) -> bool:
        """Whether the strategy needs the vectors of the queries."""
        return any(leg.embeds for leg in self.legs())

    def fits(self, fields: ProductFields) -> bool:
        """Whether these fields have all that the strategy matches and searches."""
        return self.text.keys() <= fields.text.keys() and self.vectors.keys() <= fields.embedded.keys()

    def names(self, field: str) -> bool:
        """Whether the template has a field of the engine's, as a value or as a key."""
        return self.template is not None and f'"{field}"' in json.dumps(self.template)

    def _problems(self) -> Iterator[str]:
        """What is not allowed; each is looked for only where there was none before it."""
        for what, name in (("name", self.name), ("model", self.model)):
            if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9_]+", name):
                yield f"{what} = {name!r}; allowed: lower-case letters, digits and underscores"
        if self.template is not None:
            if isinstance(self.template, Mapping) and (self.text or self.vectors or self.combine != "sum"):
                yield "a template takes the place of text, vectors and combine; leave them out"
            yield from _template_problems(self.template)
        yield from _boost_problems("text", self.text, tuple(self.fields.text))
        yield from _boost_problems("vectors", self.vectors, tuple(self.fields.embedded))
        yield from self._number_problems()
        try:
            self.reranking  # noqa: B018 - what is wrong with it is said when it is read
        except InputError as error:
            yield str(error)
        for name in (name for name in self.vocabulary if name not in self.fields.text):
            yield f"spelling: {unknown('field', name, self.fields.text)}"
        yield from self._source_problems()

    def _source_problems(self) -> Iterator[str]:
        """Of what gives the hits."""
        if self.fuse is not None:
            yield from self._fuse_problems()
            yield from self._fusion_problems()
        elif ways := [name for name in _FROM_OUTSIDE if getattr(self, name) is not None]:
            yield from self._outside_problems(ways)
        elif self.template is None:
            yield from self._combination_problems()
            yield from self._reading_problems()

    def _number_problems(self) -> Iterator[str]:
        for name in ("candidates", "window", "k"):
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if not whole or not 1 <= value <= _LONGEST_LIST:
                yield f"{name} = {value!r}; allowed: a whole number from 1 to {_LONGEST_LIST:,}"

    def _fuse_problems(self) -> Iterator[str]:
        names = self.fuse
        if isinstance(names, str) or not isinstance(names, list | tuple) or len(names) < 2:  # noqa: PLR2004 - see below
            yield f"fuse = {names!r}; allowed: a list of two strategies or more"
            return
        others = ("template", "analyzer", "search_analyzer", "k1", "b", *_FROM_OUTSIDE)
        beside = [name for name in ("text", "vectors", "spelling") if getattr(self, name)]
        if beside := [*beside, *(name for name in others if getattr(self, name) is not None)]:
            yield f"fuse takes the place of {beside[0]}: strategies have their own; leave one of them out"
        if twice := [name for name in names if names.count(name) > 1]:
            yield f"fuse: {twice[0]} stands twice; allowed: once, and a weight in weights"
        if self.combine not in ("rrf", "linear"):
            yield f"fuse needs combine = rrf or linear, not {self.combine!r}"

    def _outside_problems(self, ways: list[str]) -> Iterator[str]:
        if len(ways) > 1 or self.template is not None or self.text or self.vectors or self.combine != "sum":
            yield f"{ways[0]} takes the place of text, vectors, combine, template and of other rankers; leave them out"
        try:
            self.outside  # noqa: B018 - what is wrong with it is said when it is made
        except InputError as error:
            yield str(error)

    def _reading_problems(self) -> Iterator[str]:
        own = self.fields.own_texts
        for name in self.text if self.reading is not None else ():
            if name in self.fields.text and name not in own:
                keys = "analyzer, search_analyzer, k1 or b"
                problem = f"text: {name} is a multi-field, which stays as the mapping has it: beside it no {keys}"
                yield f"{problem}; allowed with these: {', '.join(own)}; or leave them out"

    def _combination_problems(self) -> Iterator[str]:
        if not self.text and not self.vectors:
            yield "neither text nor vectors; at least one field is needed"
        if self.combine not in get_args(Combination):
            yield f"combine = {self.combine!r}; allowed: {', '.join(get_args(Combination))}"
        if self.is_fused:
            yield from self._list_problems()
            yield from self._fusion_problems()

    def _list_problems(self) -> Iterator[str]:
        if len(self.lists) < 2:  # noqa: PLR2004 - a fusion of one list is none
            yield f"{self.combine} fuses two lists or more: text and a vector field, or several vector fields"
        if any(boost != 1 for boost in self.vectors.values()):
            what = "ranks" if self.combine == "rrf" else "normalised scores"
            problem = f"{self.combine} fuses {what}, so a vector field's boost changes nothing"
            yield f"{problem}; allowed: 1, and a weight in weights"
        if self.text and "text" in self.vectors and self.weights:
            yield "weights: text is a vector field, too, and the name of the text's list; allowed: another name for it"

    def _fusion_problems(self) -> Iterator[str]:
        yield from _boost_problems("weights", self.weights, self.lists, ("list", "weight"))
        if self.fusion not in get_args(Fusion):
            yield f"fusion = {self.fusion!r}; allowed: {', '.join(get_args(Fusion))}"
        if self.fuse is not None and self.fusion == "server":
            yield 'fusion = "server" is for lists of text and vectors; strategies are fused here: leave it out'
        if self.normalizer not in get_args(Normalizer):
            yield f"normalizer = {self.normalizer!r}; allowed: {', '.join(get_args(Normalizer))}"


def _boost_problems(
    part: str, boosts: object, allowed: tuple[str, ...], words: tuple[str, str] = ("field", "boost")
) -> Iterator[str]:
    of, kind = words
    if not isinstance(boosts, Mapping):
        yield f"{part} = {boosts!r}; allowed: a {kind} for each of the {of}s that are used"
        return
    for name, boost in boosts.items():
        if name not in allowed:
            yield f"{part}: {unknown(of, str(name), allowed)}"
        number = isinstance(boost, int | float) and not isinstance(boost, bool)
        if not number or not _LOWEST_BOOST <= boost <= _HIGHEST_BOOST:
            yield f"{part}.{name} = {boost!r} is no {kind}; allowed: {_LOWEST_BOOST} to {_HIGHEST_BOOST:,}"


def _template_problems(template: object) -> Iterator[str]:
    if not isinstance(template, Mapping):
        yield f"template = {template!r}; allowed: a search, as a JSON object"
        return
    try:
        marks = bodies.prepare(template).marks
    except InputError as error:
        yield f"template: {error}"
        return
    if not marks:
        yield f"template: no mark ({bodies.MARKS}), so that every query would be the same"


_FROM_OUTSIDE = ("search", "http", "command", "run")

_DOES_NOTHING: tuple[tuple[str, str, Callable[[Strategy], bool]], ...] = (
    ("weights", "rrf or linear", lambda strategy: strategy.is_fused),
    ("normalizer", "linear", lambda strategy: strategy.combine == "linear"),
    ("fusion", "rrf or linear", lambda strategy: strategy.is_fused),
    ("window", "rrf or linear", lambda strategy: strategy.is_fused),
    ("k", "rrf", lambda strategy: strategy.combine == "rrf"),
    ("candidates", "vectors", lambda strategy: bool(strategy.vectors)),
    ("model", "vectors", lambda strategy: strategy.embeds),
    *((key, "text", lambda strategy: bool(strategy.text)) for key in ("analyzer", "search_analyzer", "k1", "b")),
    ("spelling", "text", lambda strategy: bool(strategy.text) or strategy.template is not None),
    ("timeout", "http or command", lambda strategy: strategy.http is not None or strategy.command is not None),
)


def from_table(name: str, table: Mapping[str, Any], fields: ProductFields = DEFAULT_FIELDS) -> Strategy:
    """Make the strategy that a table sets: attributes of `Strategy` by name, what is left out as there.

    Raises:
        InputError: a value is not allowed, or changes nothing beside the others.
    """
    strategy = Strategy(name, **table, fields=fields)
    for key, needed, used in _DOES_NOTHING:
        if key in table and not used(strategy):
            raise InputError(f"{strategy.where}: {key} changes nothing without {needed}; leave it out")
    return strategy


def readings_of(strategies: Iterable[Strategy]) -> tuple[Reading, ...]:
    """The ways beside their own in which strategies read text fields, each once."""
    return tuple(dict.fromkeys(one.reading for one in leaves_of(strategies) if one.reading is not None))


def leaves_of(strategies: Iterable[Strategy]) -> tuple[Strategy, ...]:
    """The strategies that search, each once: in the place of one that fuses others these."""
    return tuple(dict.fromkeys(leaf for one in strategies for leaf in one.leaves))


def all_of(strategies: Iterable[Strategy]) -> tuple[Strategy, ...]:
    """Strategies and all that they fuse, each once; those that are fused first."""
    return tuple(dict.fromkeys(one for strategy in strategies for one in (*all_of(strategy.members), strategy)))


def joined(name: str, strategies: Mapping[str, Strategy], *, within: tuple[str, ...] = ()) -> Strategy:
    """Give a strategy the members that it names, and them theirs.

    Args:
        name: of the strategy.
        strategies: all there are, by name.
        within: those that fuse it, the outermost first.

    Raises:
        InputError: a name is unknown, or a strategy fuses itself.
    """
    strategy = strategies[name]
    if name in within:
        circle = " -> ".join((*within[within.index(name) :], name))
        raise InputError(f"strategy {within[0]!r}: fuse: {circle} ends in itself; allowed: strategies without it")
    for member in strategy.fuse or ():
        if member not in strategies:
            raise InputError(f"{strategy.where}: fuse: {unknown('strategy', member, strategies)}")
    members = tuple(joined(member, strategies, within=(*within, name)) for member in strategy.fuse or ())
    return replace(strategy, members=members) if members else strategy


def mapped(strategy: Strategy, change: Callable[[Strategy], Strategy]) -> Strategy:
    """Change a strategy: those that it fuses first."""
    if strategy.members:
        strategy = replace(strategy, members=tuple(mapped(one, change) for one in strategy.members))
    return change(strategy)


_BOOSTED = {"title": 8, "description": 2, "attributes": 1}
_EACH_FIELD = {"title": 1, "description": 1, "attributes": 1}

STRATEGIES: Mapping[str, Strategy] = MappingProxyType(
    {
        strategy.name: strategy
        for strategy in (
            Strategy("textsearch", text=_EACH_FIELD),
            Strategy("textsearch_boosted", text=_BOOSTED),
            Strategy("vectorsearch", vectors={"whole": 1}),
            Strategy("vectorsearch_multifield", vectors=_EACH_FIELD),
            Strategy("vectorsearch_multifield_boosted", vectors={"title": 8, "description": 4, "attributes": 1}),
            Strategy("hybrid", text=_BOOSTED, vectors={"whole": 1}),
            Strategy("hybrid_boosted", text=_BOOSTED, vectors={"whole": 50}),
            Strategy("rrf", text=_BOOSTED, vectors={"whole": 1}, combine="rrf"),
            Strategy("rrf_multi", text=_BOOSTED, vectors=_EACH_FIELD, combine="rrf"),
            Strategy("vectorsearch_finetune", vectors={"whole": 1}, model=FINETUNED),
            Strategy("rrf_finetune", text=_BOOSTED, vectors={"whole": 1}, combine="rrf", model=FINETUNED),
        )
    }
)
"""The built-in strategies by name, in the order of the reference's table of results."""

# chosen on the fine-tuning queries of Home Depot alone, see docs/studies
_TUNED: Mapping[str, Any] = {"text": _BOOSTED, "analyzer": "stemmed_parts", "k1": 0.2, "b": 0.8}

_FUSED: Mapping[str, Any] = {
    **_TUNED,
    "spelling": True,
    "vectors": {"whole": 1},
    "model": FINETUNED,
    "combine": "linear",
    "weights": {"whole": 0.4},
    "window": 150,
}

READY_MADE: Mapping[str, Strategy] = MappingProxyType(
    {
        strategy.name: strategy
        for strategy in (
            Strategy("textsearch_stemmed", text=_BOOSTED, analyzer="stemmed"),
            Strategy("textsearch_tuned", **_TUNED),
            Strategy("textsearch_spelled", **_TUNED, spelling=True),
            Strategy("hybrid_stemmed", text=_BOOSTED, vectors={"whole": 1}, analyzer="stemmed"),
            Strategy("rrf_stemmed", text=_BOOSTED, vectors={"whole": 1}, combine="rrf", analyzer="stemmed"),
            Strategy("matryoshka_short", vectors={"whole": 1}, model=SHORT),
            Strategy("static", vectors={"whole": 1}, model=STATIC),
            Strategy("linear_finetune", **_FUSED),
            Strategy("reranked", **_FUSED, rerank=RERANKING),
        )
    }
)
"""Strategies beside the built-in ones, which run where they are named, or all are asked for."""

"""The fields of products: which can be matched, which are embedded, and where they stand in an index.

`DEFAULT_FIELDS` is the one place that knows title, description and attributes. A team's own fields are those of the
body with which they make their index, in Elasticsearch's vocabulary; `[fields]` of the configuration is a short way to
write such a body.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import MinLen

from relevance.errors import InputError, unknown
from relevance.setting import Grade, Names, Part, Takes, Text, setting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

PAIRS = "pairs"
"""A type of ours: names with values, a small document each, matched as "name value"."""

NAME_VALUE = "name_value"
"""The field of a pair's document that holds its text."""

TITLE, DESCRIPTION, ATTRIBUTES = "title", "description", "attributes"
"""Roles of fields, which planted regressions are about; the default's fields are called so."""

WHOLE = "whole"
"""The text to embed that every schema has: all its text fields, joined."""


@dataclass(frozen=True)
class TextField:
    """A field that match clauses can name.

    Attributes:
        path: its full name in an index.
        nested: path of the nested documents that it lies in, "" where it is the product's own.
        source: where its text stands in a product's document: a multi-field has that of the field above it.
        noun: what messages call it, "" for its name.
        is_reading: whether it is a multi-field of ours, see `Reading`.
    """

    path: str
    nested: str = ""
    source: str = ""
    noun: str = ""
    is_reading: bool = False


K1, B = 1.2, 0.75
"""What BM25 takes by itself."""


@dataclass(frozen=True)
class Reading:
    """Another way to read text fields, beside their mapping's own: a multi-field of each in an index of ours.

    Attributes:
        analyzer: one of `ANALYZERS`, of the mapping's `settings.analysis`, or of those that are built in; "" for
            that of each field.
        k1: of BM25.
        b: of BM25.
        search_analyzer: of queries, where it is another one; else "".
    """

    analyzer: str = ""
    k1: float = K1
    b: float = B
    search_analyzer: str = ""

    @property
    def analyzers(self) -> dict[str, str]:
        """As a mapping names them; those of the field itself are left out."""
        named = {"analyzer": self.analyzer, "search_analyzer": self.search_analyzer}
        return {key: name for key, name in named.items() if name}

    @property
    def label(self) -> str:
        """What its multi-fields are called."""
        name = self.analyzer
        if self.search_analyzer:
            name = f"{name or 'own'}_searched_{self.search_analyzer}"
        if name and self.has_usual_similarity:
            return name
        return f"{name}_{self.similarity}" if name else self.similarity

    @property
    def similarity(self) -> str:
        """What its similarity is called."""
        return f"k1_{self.k1:g}_b_{self.b:g}".replace(".", "_")

    @property
    def has_usual_similarity(self) -> bool:
        """Whether documents are scored as those of other fields are."""
        return (self.k1, self.b) == (K1, B)

    def of(self, name: str) -> str:
        """What a text field is called where it is read so."""
        return f"{name}.{self.label}"


_STEMMER = {"filter.relevance_stemmer.type": "stemmer", "filter.relevance_stemmer.language": "english"}
_PART_FILTER = {
    "filter.relevance_parts.type": "word_delimiter",
    "filter.relevance_parts.split_on_case_change": False,
    "filter.relevance_parts.split_on_numerics": True,
}
ANALYZERS: Mapping[str, Mapping[str, Any]] = {
    "stemmed": {
        **_STEMMER,
        "analyzer.stemmed.tokenizer": "standard",
        "analyzer.stemmed.filter": ["lowercase", "relevance_stemmer"],
    },
    "stemmed_parts": {
        **_STEMMER,
        **_PART_FILTER,
        "analyzer.stemmed_parts.tokenizer": "standard",
        "analyzer.stemmed_parts.filter": ["lowercase", "relevance_parts", "relevance_stemmer"],
    },
}
"""Analyzers of ours for readings, as settings of `analysis`: English stems; with letters split from digits, too."""


@dataclass(frozen=True, eq=False)
class ProductFields:
    """What fields the products of a catalogue have.

    Attributes:
        text: by name, in the order in which their scores are added.
        embedded: by name, the fields whose texts are joined and embedded.
        embedded_by: by model, those of which it embeds other fields.
        title: the text field that people know a product by, "" where there is none.
        id: the field of the product's id in an index of ours.
        body: settings and mappings of the index (no `index.` in front); None for the default.
        columns: what the files call fields, where they have another name.
        separators: in CSV, what stands between the values of a field that has several.
        readings: other ways in which the text fields are read, too.
        where: the file that says so, for messages.
    """

    text: Mapping[str, TextField]
    embedded: Mapping[str, tuple[str, ...]]
    title: str = ""
    id: str = "product_uid"
    body: Mapping[str, Any] | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    separators: Mapping[str, str] = field(default_factory=dict)
    readings: tuple[Reading, ...] = ()
    where: str = ""
    embedded_by: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    def embedded_of(self, name: str, model: str) -> tuple[str, ...]:
        """The fields whose texts a model embeds under a name."""
        return self.embedded_by.get(model, {}).get(name, self.embedded[name])

    @property
    def own_texts(self) -> tuple[str, ...]:
        """The text fields that are no other way to read one of the others: multi-fields are left out."""
        own = {name: one for name, one in self.text.items() if not one.is_reading}
        return tuple(name for name, one in own.items() if one.source == name or one.source not in own)

    def of_role(self, role: str) -> str:
        """The text field that has a role: the title, the text behind it, the first of nested documents; "" for none."""
        if role == TITLE:
            return self.title
        others = [name for name in self.own_texts if name != self.title]
        return next((name for name in others if bool(self.text[name].nested) == (role == ATTRIBUTES)), "")

    @property
    def properties(self) -> Mapping[str, Any]:
        """The mapping of the fields, by name; nothing for the default."""
        properties: Mapping[str, Any] = (self.body or {}).get("mappings", {}).get("properties", {})
        return properties

    @cached_property
    def sha256(self) -> str | None:
        """Hash of the body; None for the default."""
        return None if self.body is None else hashlib.sha256(json.dumps(self.body, sort_keys=True).encode()).hexdigest()

    def read(self, readings: Iterable[Reading]) -> ProductFields:
        """Give the fields that are read in other ways, too: a text field more for each field and reading."""
        more = tuple(dict.fromkeys(readings))
        if not more:
            return self
        own = {name: self.text[name] for name in self.own_texts}
        text = {
            reading.of(name): replace(one, path=reading.of(one.path), is_reading=True)
            for reading in more
            for name, one in own.items()
        }
        return replace(self, text={**self.text, **text}, readings=(*self.readings, *more))

    def with_readings(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Properties of an index with the multi-fields of all readings."""
        changed = dict(properties)
        for reading in self.readings:
            options: dict[str, Any] = {"type": "text", **reading.analyzers}
            if not reading.has_usual_similarity:
                options["similarity"] = reading.similarity
            for name in self.own_texts:
                changed = _with_field(changed, self.text[name].path.split("."), reading.label, options)
        return changed

    @property
    def reading_settings(self) -> dict[str, Any]:
        """Settings of an index, flat, that the multi-fields of readings need; a team's own analyzers stay theirs."""
        theirs = (self.body or {}).get("settings", {}).get("analysis", {}).get("analyzer", {})
        settings: dict[str, Any] = {}
        for reading in self.readings:
            for name in reading.analyzers.values():
                if name in ANALYZERS and name not in theirs:
                    settings |= {f"analysis.{key}": value for key, value in ANALYZERS[name].items()}
            if not reading.has_usual_similarity:
                ours = {"type": "BM25", "k1": reading.k1, "b": reading.b}
                settings |= {f"similarity.{reading.similarity}.{key}": value for key, value in ours.items()}
        return settings

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of an index with these fields, flat: no objects inside each other, no `index.` in front."""
        return {**dict(flat_settings((self.body or {}).get("settings", {}))), **self.reading_settings}

    def source_of(self, name: str) -> str:
        """Where the text of a field that is embedded stands in a product's document; "" for no such field."""
        if name in self.text:
            return self.text[name].source
        return name if name in dict(leaves(self.properties)) else ""


_OWN_ANALYZERS = ("analyzer", "search_analyzer", "search_quote_analyzer")


def _with_field(
    properties: Mapping[str, Any], path: Sequence[str], name: str, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Properties where the field at a path has a multi-field more."""
    first, *rest = path
    above = properties[first]
    if rest:
        below = {"properties": _with_field(above["properties"], rest, name, options)}
    else:
        own = {} if "analyzer" in options else {key: above[key] for key in _OWN_ANALYZERS if key in above}
        if "search_analyzer" in options:  # Elasticsearch wants both
            own.setdefault("analyzer", "default")
        below = {"fields": {**above.get("fields", {}), name: {**own, **options}}}
    return {**properties, first: {**above, **below}}


_ATTRIBUTES = "product_attributes"

DEFAULT_FIELDS = ProductFields(
    text=MappingProxyType(
        {
            "title": TextField("product_title", source="title"),
            "description": TextField("product_description", source="description", noun="a description"),
            "attributes": TextField(f"{_ATTRIBUTES}.{NAME_VALUE}", _ATTRIBUTES, f"attributes.{NAME_VALUE}"),
        }
    ),
    embedded=MappingProxyType(
        {
            "title": ("title",),
            "description": ("description",),
            "attributes": ("attributes",),
            WHOLE: ("title", "description", "attributes"),
        }
    ),
    title="title",
)
"""A title, a description, and attributes that are small documents of their own."""


# a team's own


def own_fields(
    body: Mapping[str, Any],
    *,
    columns: Mapping[str, str] = MappingProxyType({}),
    separators: Mapping[str, str] = MappingProxyType({}),
    pairs: Iterable[str] = (),
    where: str = "mapping",
) -> ProductFields:
    """The fields of an index, by the body that makes it.

    Args:
        body: settings and mappings, see `index_body`.
        columns: what the files call fields, where they have another name.
        separators: in CSV, what stands between the values of a field that has several.
        pairs: fields of the type `pairs`, see `compiled`.
        where: how messages begin.

    Raises:
        InputError: there is no field that can be matched.
    """
    names = {f"{name}.{NAME_VALUE}": name for name in pairs}
    properties = body["mappings"].get("properties", {})
    text = {names.get(one.path, one.path): one for one in _text_fields(properties)}
    text = {name: one for name, one in text.items() if one.path in names or one.nested not in names.values()}
    if not text:
        raise InputError(f"{where}: no field of type text; allowed: one or more, which queries are matched with")
    if DEFAULT_FIELDS.id in properties and properties[DEFAULT_FIELDS.id] != {"type": "keyword"}:
        raise InputError(f"{where}: the field {DEFAULT_FIELDS.id} is relevance's own; allowed: another name")
    own = [name for name, one in text.items() if one.source == one.path]
    embedded = {name: (name,) for name in own if "." not in name} | {WHOLE: tuple(own)}
    title = next((name for name in ("title", "name") if name in own), own[0] if own else "")
    return ProductFields(
        text=text,
        embedded=embedded,
        title=title,
        body=body,
        columns=dict(columns),
        separators=dict(separators),
        where=where,
    )


_TEXT_TYPES = ("text", "match_only_text", "search_as_you_type")


def _text_fields(
    properties: Mapping[str, Any], before: str = "", nested: str = "", source: str = ""
) -> Iterator[TextField]:
    """All fields of type text by full path, multi-fields behind the field that they belong to."""
    for name, options in properties.items():
        path = f"{before}{name}"
        if options.get("type") in _TEXT_TYPES:
            yield TextField(path, nested, source or path)
        inside = path if options.get("type") == "nested" else nested
        yield from _text_fields(options.get("properties", {}), f"{path}.", inside)
        yield from _text_fields(options.get("fields", {}), f"{path}.", nested, source or path)


def leaves(properties: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The fields of a mapping that hold no others, by full name; what is no object the server refuses."""
    for name, options in properties.items():
        inside = options.get("properties") if isinstance(options, Mapping) else None
        if isinstance(inside, Mapping):
            yield from leaves(inside, f"{before}{name}.")
        elif isinstance(options, Mapping):
            yield f"{before}{name}", options


def with_embedded(fields: ProductFields, tables: Mapping[str, EmbeddedTable], where: str) -> ProductFields:
    """The fields with other texts to embed, by name, each of one or more fields.

    Raises:
        InputError: a field is not there.
    """
    allowed = dict.fromkeys([*fields.text, *dict(leaves(fields.properties))])
    by_model: dict[str, dict[str, tuple[str, ...]]] = {}
    for table, one in tables.items():
        for name in (*one.fields, *(name for names in one.models.values() for name in names)):
            if not fields.source_of(name):
                raise InputError(f"{where} [embedded.{table}]: {unknown('field', name, allowed)}")
        for model, names in one.models.items():
            by_model.setdefault(model, {})[table] = tuple(names)
    embedded = {name: tuple(one.fields) for name, one in tables.items()}
    return replace(fields, embedded={**fields.embedded, **embedded}, embedded_by=by_model)


# as the configuration has them

_Table = Annotated[Mapping[str, Any], MinLen(1), Takes("table", "a table, as Elasticsearch's mapping has it")]


@dataclass(frozen=True)
class FieldTable:
    """A field of the products, `[fields.NAME]`: parameters of Elasticsearch's mapping, and the column of the files."""

    type: Text = setting(
        f"Elasticsearch's type of field; or {PAIRS}: names with values, each a small document, matched as one text",
        default=MISSING,
        words="required",
    )
    analyzer: Text | None = setting("with text: what makes words of it", words="standard")
    search_analyzer: Text | None = setting("with text: what makes words of queries", words="the analyzer")
    normalizer: Text | None = setting("with keyword: what makes one value of several spellings", words="none")
    column: Text | None = setting("what the files call it, a column or a key", words="its name")
    separator: Text | None = setting(
        "in CSV, what stands between values where it has several", words="none: a JSON list"
    )
    similarity: Text | None = setting("with text: one of [similarity.NAME], BM25, or boolean", words="BM25")
    fields: _Table | None = setting("the same text in other ways, each with its type (multi-fields)", words="none")
    properties: _Table | None = setting("with nested and object: the fields inside, each with its type", words="none")
    options: _Table | None = setting("any other parameter of Elasticsearch's mapping", words="none")


_Lists = Annotated[
    Mapping[str, list[Text]],
    MinLen(1),
    Takes("table of lists", 'a table of lists of fields, such as {small = ["name"]}'),
]


@dataclass(frozen=True)
class EmbeddedTable:
    """A text of the products that is embedded, `[embedded.NAME]`."""

    fields: Names = setting("fields whose texts are joined, in this order", default=MISSING, words="required")
    models: _Lists = setting("models that embed other fields under this name, with these", default={}, words="none")


@dataclass(frozen=True)
class AnalysisTable:
    """Analyzers beside `[fields]`, `[analysis]`: what `settings.analysis` is in the body of an index."""

    char_filter: _Table | None = setting("character filters by name, each with its type and parameters", words="none")
    tokenizer: _Table | None = setting("tokenizers by name, each with its type and parameters", words="none")
    filter: _Table | None = setting("token filters by name, such as synonyms", words="none")
    analyzer: _Table | None = setting("analyzers by name, for the fields' analyzer and search_analyzer", words="none")
    normalizer: _Table | None = setting("normalizers by name, for fields of type keyword", words="none")


@dataclass(frozen=True)
class SimilarityTable:
    """A similarity beside `[fields]`, `[similarity.NAME]`; `default` is that of every field."""

    type: Text = setting("BM25, or boolean", default="BM25")
    k1: Grade | None = setting("how soon more of a word counts no more", words=f"{K1}")
    b: Part | None = setting("how much the length of a text counts", words=f"{B}")
    discount_overlaps: Annotated[bool | None, Takes("true or false")] = setting(
        "whether words at one place count once in a text's length", words="true"
    )


# the body of an index

_OF_ONE_INDEX = (
    *("auto_expand_replicas", "blocks", "creation_date", "default_pipeline", "final_pipeline", "hidden", "history"),
    *("indexing.slowlog", "lifecycle", "number_of_replicas", "number_of_shards", "priority", "provided_name"),
    *("refresh_interval", "routing", "search.slowlog", "sort", "translog", "uuid", "version"),
)
"""Settings of one index alone, which decide neither what a text is made of nor its score: they are left out."""


def index_body(content: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Settings and mappings of the body that makes an index, or of what `GET index` returns.

    Args:
        content: parsed JSON.
        where: the file, for messages.

    Returns:
        `settings`, objects inside each other without `index.` in front and without what belongs to one index alone;
        `mappings` as they are.

    Raises:
        InputError: it is neither of them.
    """
    check_depth(content, where)
    if len(content) == 1 and "settings" not in content and "mappings" not in content:
        (inner,) = content.values()
        if isinstance(inner, Mapping) and "mappings" in inner:
            content = inner
    for key in content:
        if key not in _PARTS:
            raise InputError(f"{where}: {unknown('key', key, _PARTS)}")
    settings, mappings = content.get("settings", {}), content.get("mappings", {})
    for name, part in (("settings", settings), ("mappings", mappings)):
        if not isinstance(part, Mapping):
            raise InputError(f"{where}: {name} = {json.dumps(part)[:60]}; allowed: a JSON object")
    if not isinstance(mappings.get("properties"), Mapping) or not mappings["properties"]:
        raise InputError(f"{where}: no properties in mappings; allowed: the fields of the index, each with its type")
    return {"settings": nested_settings(settings, f"{where}: settings", _OF_ONE_INDEX), "mappings": dict(mappings)}


_MOST_LEVELS = 60
"""Of the body of an index: a server allows 20 objects inside each other, two levels each."""
MOST_LEVELS_OF_SEARCHES = 100
"""A server allows 30 clauses inside each other, of three levels at most."""


def check_depth(content: Any, where: str, most: int = _MOST_LEVELS) -> None:
    """Refuse JSON of more levels than a server's limits leave room for; no stack bounds what is counted.

    Raises:
        InputError: it has more.
    """
    depth, level = 0, [content]
    while level:
        depth += 1
        inside = (one.values() if isinstance(one, Mapping) else one for one in level if isinstance(one, Mapping | list))
        level = [inner for values in inside for inner in values]
    if depth > most:
        raise InputError(f"{where}: {depth:,} objects inside each other; allowed: {most}")


_PARTS = ("settings", "mappings", "aliases", "warmers", "defaults", "data_stream")


def flat_settings(settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Settings without objects inside each other and without `index.` in front: full name and value."""
    for key, value in settings.items():
        path = f"{before}{key}"
        if isinstance(value, Mapping) and value:
            yield from flat_settings(value, f"{path}.")
        else:
            yield path.removeprefix("index."), value


def nested_settings(settings: Mapping[str, Any], where: str, left_out: Iterable[str] = ()) -> dict[str, Any]:
    """Settings as objects inside each other without `index.` in front, whatever way they are written.

    Args:
        settings: as `flat_settings` takes them.
        where: how messages begin.
        left_out: names of those that are left out, each for all below it, too.

    Raises:
        InputError: one is set twice.
    """
    tree: dict[str, Any] = {}
    for path, value in flat_settings(settings):
        if any(f"{path}.".startswith(f"{name}.") for name in left_out):
            continue
        *above, last = path.split(".")
        into: Any = tree
        for name in above:
            into = into.setdefault(name, {}) if isinstance(into, dict) else None
        if not isinstance(into, dict) or last in into:
            raise InputError(f"{where}: {path} is set twice")
        into[last] = dict(value) if isinstance(value, Mapping) else value
    return tree


_IN_THE_MAPPING = ("type", "analyzer", "search_analyzer", "normalizer", "similarity", "fields", "properties")


def compiled(
    tables: Mapping[str, FieldTable],
    analysis: AnalysisTable | None = None,
    similarities: Mapping[str, SimilarityTable] = MappingProxyType({}),
) -> dict[str, Any]:
    """The body of an index with these fields, analyzers and similarities."""
    properties: dict[str, Any] = {}
    for name, table in tables.items():
        options = {key: value for key in _IN_THE_MAPPING if (value := getattr(table, key)) is not None}
        options = plain({**options, **(table.options or {})})
        if table.type == PAIRS:
            text = {**options, "type": "text"}
            keyword = {"type": "keyword"}
            inside = {"name": keyword, "value": {"type": "text", "fields": {"raw": keyword}}, NAME_VALUE: text}
            options = {"type": "nested", "properties": inside}
        properties[name] = options
    parts = {} if analysis is None else _set(analysis)
    by_name = {name: _set(one) for name, one in similarities.items()}
    settings = {"analysis": parts, "similarity": by_name}
    return {"settings": {key: one for key, one in settings.items() if one}, "mappings": {"properties": properties}}


def _set(table: AnalysisTable | SimilarityTable) -> dict[str, Any]:
    """What a table sets."""
    return {name: plain(value) for name, value in vars(table).items() if value is not None}


def plain(value: Any) -> Any:
    """A value with tables as dictionaries, as JSON has them."""
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


# documents


def fitted(document: Mapping[str, Any], properties: Mapping[str, Any], missing: set[str], before: str = "") -> Any:
    """A document with what the mapping has and nothing else; paths of what it has not go to `missing`."""
    kept = {}
    for name, value in document.items():
        options = properties.get(name)
        if options is None or options.get("type") == "alias":
            missing.add(f"{before}{name}")
        elif value is not None:
            kept[name] = _fitted(value, options, missing, f"{before}{name}.")
    return kept


def _fitted(value: Any, options: Mapping[str, Any], missing: set[str], before: str) -> Any:
    if "properties" not in options:
        return value
    if isinstance(value, Mapping):
        return fitted(value, options["properties"], missing, before)
    if isinstance(value, list):
        return [_fitted(one, options, missing, before) for one in value if one is not None]
    return value


def texts_at(document: Mapping[str, Any], path: str) -> Iterator[str]:
    """The texts of a document under a path, of lists each one, in their order; numbers as they are written."""
    values: list[Any] = [document]
    for name in path.split("."):
        values = [one[name] for one in _each(values) if isinstance(one, Mapping) and one.get(name) is not None]
    for value in _each(values):
        yield value if isinstance(value, str) else json.dumps(value)


def rewritten(value: Any, path: str, change: Callable[[str], str]) -> Any:
    """A document, or a part of it, with its texts under a path changed."""
    name, _, rest = path.partition(".")
    if isinstance(value, list):
        return [rewritten(one, path, change) for one in value]
    if not path:
        return change(value) if isinstance(value, str) else value
    if not isinstance(value, Mapping) or name not in value:
        return value
    return {**value, name: rewritten(value[name], rest, change)}


def _each(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        yield from (one for one in (value if isinstance(value, list) else [value]) if one is not None)

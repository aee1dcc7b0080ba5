"""What an index holds: its fields with their types, analyzers and similarities, out of an index body."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias

from relevance.errors import InputError, unknown
from relevance.fields import nested_settings
from relevance.numerals import java_decimal

INTEGERS = ("long", "integer", "short", "byte", "unsigned_long")
DECIMALS = ("double", "float", "half_float")
_NUMBERS = (*INTEGERS, *DECIMALS)
_INDEX_OPTIONS = ("docs", "freqs", "positions", "offsets")
_VECTOR_SIMILARITIES = ("cosine", "dot_product", "l2_norm", "max_inner_product")


DATE_FORMAT = "strict_date_optional_time||epoch_millis"
"""Of dates whose mapping names none."""
_NESTED_FIELDS = {8: 50, 9: 100}
"""How many of them a release allows."""


@dataclass(frozen=True)
class Similarity:
    """How terms are scored: `BM25` with its parameters, or `boolean`, where each term scores its boost."""

    type: str = "BM25"
    k1: float = 1.2
    b: float = 0.75
    discount_overlaps: bool = True


@dataclass(frozen=True)
class Field:
    """A field of the mapping.

    Attributes:
        path: its full name.
        type: as it is searched: text, keyword, one of the numbers, date, boolean, dense_vector; or one of `STORED`.
        kind: as the mapping names it, where several are searched alike.
        source: where documents hold its values; for a multi-field the path of the field that it belongs to.
        nested: path of the nearest nested object that holds it; "" for none.
        analyzer: name of the analyzer for documents; text only, as are the two others.
        search_analyzer: for queries.
        search_quote_analyzer: for phrases.
        normalizer: of a keyword field; "" for none.
        index_options: what is kept of a term: docs, freqs, positions or offsets.
        norms: whether lengths count.
        similarity: of text, keyword and boolean.
        copy_to: paths of the fields that get its values too.
        ignore_above: longer keywords are left out.
        null_value: what stands for null.
        position_increment_gap: positions between two values; None: the analyzer's.
        format: of dates.
        indexed: whether it can be searched.
        doc_values: whether its values can be read by functions and sorts.
        coerce: whether numbers may be texts, and integers have decimals, which are cut off.
        ignore_malformed: whether a value of another type is left out instead of refused.
        dims: of a vector; 0: those of the first one.
        vector_similarity: of a vector.
        vector_index: how vectors are indexed: flat, hnsw and so on.
        index_phrases: whether the server keeps pairs of words for phrases.
        index_prefixes: whether the server keeps the beginnings of words.
        value: of a constant_keyword, that all documents have.
        scaling_factor: of a scaled_float, of which a value is a whole number; 0 for other types.
    """

    path: str
    type: str
    source: str = ""
    nested: str = ""
    analyzer: str = ""
    search_analyzer: str = ""
    search_quote_analyzer: str = ""
    normalizer: str = ""
    index_options: str = "positions"
    norms: bool = True
    similarity: Similarity = field(default_factory=Similarity)
    copy_to: tuple[str, ...] = ()
    ignore_above: int | None = None
    null_value: Any = None
    position_increment_gap: int | None = None
    format: str = DATE_FORMAT
    indexed: bool = True
    doc_values: bool = True
    coerce: bool = True
    ignore_malformed: bool = False
    dims: int = 0
    vector_similarity: str = "cosine"
    vector_index: str = ""
    index_phrases: bool = False
    index_prefixes: bool = False
    kind: str = ""
    value: str | None = None
    scaling_factor: float = 0.0

    @property
    def has_terms(self) -> bool:
        """Whether queries look its terms up: text and keyword."""
        return self.type in ("text", "keyword")

    @property
    def is_stored(self) -> bool:
        """Whether it is kept and cannot be searched here."""
        return self.type in STORED

    @property
    def is_unscored(self) -> bool:
        """Whether a term scores its boost."""
        return self.kind in ("wildcard", "match_only_text")

    @property
    def is_number(self) -> bool:
        """Whether its values are kept as numbers: those, dates and truth values."""
        return self.type in (*_NUMBERS, "date", "boolean")


@dataclass(frozen=True)
class Schema:
    """The fields of an index, by full path in the mapping's order.

    Attributes:
        fields: those that hold values, multi-fields and fields of nested objects included.
        objects: paths of objects, nested ones included.
        nested: the path of each nested object, and that of the nested object around it ("" for none).
        disabled: paths of objects that are not parsed (`enabled: false`).
        analysis: `settings.analysis`.
        dynamic: whether the server would map further fields by itself.
        limits: `settings.mapping`, where an index says how much it may hold.
    """

    fields: Mapping[str, Field]
    objects: tuple[str, ...] = ()
    nested: Mapping[str, str] = field(default_factory=dict)
    disabled: tuple[str, ...] = ()
    analysis: Mapping[str, Any] = field(default_factory=dict)
    dynamic: bool = True
    limits: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, index_body: Mapping[str, Any]) -> Schema:
        """Read the body with which an index is made, or what `GET index` says of one.

        Raises:
            InputError: a type or parameter is not known; the line names it and its place.
        """
        body = _index(index_body)
        settings = nested_settings(body.get("settings") or {}, "settings")
        analysis = settings.get("analysis") or {}
        schema = _MappingReader(analysis, _similarities(settings.get("similarity") or {})).schema(
            body.get("mappings") or {}
        )
        return replace(schema, limits=settings.get("mapping") or {})

    def check_limits(self, release: int) -> None:
        """Refuse a mapping that is larger than the server of a release takes.

        Raises:
            InputError: it is; the line names the setting that allows more.
        """
        fields = sum(one.type != "shingles" for one in self.fields.values()) + len(self.objects)
        depths = {path: path.count(".") + 2 for path in self.objects}
        deepest = max(depths, key=depths.__getitem__, default="")
        for count, what, name, most in (
            (depths.get(deepest, 0), f"levels down to the object {deepest!r}", "depth", 20),
            (fields, "fields and objects", "total_fields", 1000),
            (len(self.nested), "nested fields", "nested_fields", _NESTED_FIELDS[release]),
        ):
            limit = self.limit(name, most)
            if count > limit:
                allowed = f"{limit:,}, or more by the setting index.mapping.{name}.limit"
                raise InputError(f"mappings: {count:,} {what}; allowed: {allowed}")

    def limit(self, name: str, usual: int) -> int:
        """A limit of the index, `index.mapping.NAME.limit`."""
        value = self.limits.get(name)
        return _whole(value.get("limit", usual) if isinstance(value, Mapping) else usual, f"mapping.{name}.limit")

    @cached_property
    def sources(self) -> Mapping[str, tuple[Field, ...]]:
        """The fields that a value of a document goes to, by where it stands."""
        sources: dict[str, tuple[Field, ...]] = {}
        for path, one in self.fields.items():
            if path == one.path:  # an alias has no values of its own
                sources[one.source] = (*sources.get(one.source, ()), one)
        return sources

    def receiving(self, path: str) -> list[Field]:
        """The fields that get a value which documents hold at a path: its own, multi-fields, and those of copy_to."""
        own = self.sources.get(path, ())
        copied = (self.fields[target] for one in own if one.path == path for target in one.copy_to)
        return [*own, *copied]

    def stored_at(self, path: str) -> Field | None:
        """The field that a path names, or in which it lies, where that cannot be searched here."""
        names = path.split(".")
        above = (self.fields.get(".".join(names[:end])) for end in range(len(names), 0, -1))
        return next((one for one in above if one is not None and one.is_stored), None)

    def matching(self, pattern: str) -> list[Field]:
        """Find the fields that a name or a pattern with `*` names, in the mapping's order."""
        return list(self.named(pattern).values())

    def named(self, pattern: str) -> dict[str, Field]:
        """As `matching`, by their names; an alias of a field that is named too is left out."""
        if "*" not in pattern:
            return {pattern: self.fields[pattern]} if pattern in self.fields else {}
        name = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
        found = {path: one for path, one in self.fields.items() if name.fullmatch(path)}
        return {path: one for path, one in found.items() if path == one.path or one.path not in found}


def _index(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Take the body out of what `GET index` returns."""
    parts = ("settings", "mappings", "aliases")
    if len(body) == 1 and not set(body) & set(parts):
        (name, inner), *_ = body.items()
        if isinstance(inner, Mapping) and set(inner) & set(parts):
            return _index({key: part for key, part in inner.items() if key in parts})
        raise InputError(unknown("part of an index body", name, parts))
    for key, part in body.items():
        if key not in parts:
            raise InputError(unknown("part of an index body", key, parts))
        if not isinstance(part, Mapping):
            raise InputError(f"{key}: an object is expected")
    return body


def _similarities(settings: Mapping[str, Any]) -> dict[str, Similarity]:
    known = {"BM25": Similarity(), "boolean": Similarity("boolean")}
    for name, options in settings.items():
        place = f"settings.similarity.{name}"
        kind = options.get("type", "BM25") if isinstance(options, Mapping) else options
        if kind not in ("BM25", "boolean"):
            raise InputError(f"{place}: {unknown('similarity', str(kind), ['BM25', 'boolean'])}")
        readers: dict[str, _Read] = {"type": _text, "k1": _not_negative, "b": _share, "discount_overlaps": _flag}
        for key in options:
            if key not in readers:
                raise InputError(f"{place}: {unknown('parameter', key, readers)}")
        values = {key: readers[key](value, f"{place}.{key}") for key, value in options.items() if key != "type"}
        known[name] = Similarity(str(kind), **values)
    return known


# parameters of a field: what each is called here, and how it is read

_Read: TypeAlias = Callable[[Any, str], Any]


_MOST = 3.4028235e38  # of a float32
_WHOLE_BELOW = 1 << 31


def _flag(value: Any, place: str) -> bool:
    if value in (True, "true"):
        return True
    if value in (False, "false"):
        return False
    raise InputError(f"{place} = {value!r}; allowed: true, false")


def _decimal(value: Any, place: str) -> float:
    try:
        number = java_decimal(value) if isinstance(value, str) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise InputError(f"{place} = {value!r}; a number is expected")
    return number


def _share(value: Any, place: str) -> float:
    number = _decimal(value, place)
    if not 0 <= number <= 1:
        raise InputError(f"{place} = {value!r}; a number from 0 to 1 is expected")
    return number


def _not_negative(value: Any, place: str) -> float:
    number = _decimal(value, place)
    if number < 0 or number > _MOST:
        raise InputError(f"{place} = {value!r}; a number of 0 or more, up to 3.4e38, is expected")
    return number


def _whole(value: Any, place: str) -> int:
    is_written = isinstance(value, str)
    number = float(value) if is_written and re.fullmatch(r"\+?\d{1,10}", value) else math.nan
    number = number if is_written else _decimal(value, place)
    if not number.is_integer() or not 0 <= number < _WHOLE_BELOW:
        raise InputError(f"{place} = {value!r}; a whole number of 0 or more is expected")
    return int(number)


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{place} = {value!r}; a text is expected")
    return value


def _texts(value: Any, place: str) -> tuple[str, ...]:
    return tuple(_text(one, place) for one in (value if isinstance(value, list) else [value]))


def _anything(value: Any, _: str) -> Any:
    return value


def _choice(*allowed: str) -> _Read:
    def read(value: Any, place: str) -> str:
        if value not in allowed:
            raise InputError(f"{place}: {unknown('value', str(value), allowed)}")
        return str(value)

    return read


def _only(supported: str) -> _Read:
    """Read a parameter of which no other value than the default is known here."""

    def read(value: Any, place: str) -> str:
        if str(value).lower() != supported:
            raise InputError(f"{place} = {value!r} is not supported; allowed: {supported}")
        return supported

    return read


_Parameters: TypeAlias = dict[str, tuple[str, _Read]]
"""The mapping's name of a parameter: the attribute of `Field` ("" for one without effect on results), its reader."""


def _without_effect(*names: str) -> _Parameters:
    return dict.fromkeys(names, ("", _anything))


_EVERY: _Parameters = {"copy_to": ("copy_to", _texts), **_without_effect("meta", "store", "fields", "type")}
_TERMS: _Parameters = {
    **_EVERY,
    "norms": ("norms", _flag),
    "index": ("indexed", _flag),
    "similarity": ("similarity", _text),
    **_without_effect("eager_global_ordinals"),
}
_NUMBER: _Parameters = {
    **_EVERY,
    "index": ("indexed", _flag),
    "doc_values": ("doc_values", _flag),
    "null_value": ("null_value", _anything),
    "ignore_malformed": ("ignore_malformed", _flag),
    "script": ("", _only("none")),
    "time_series_dimension": ("", _only("false")),
    **_without_effect("on_script_error", "time_series_metric"),
}
TYPES: dict[str, _Parameters] = {
    "text": {
        **_TERMS,
        "analyzer": ("analyzer", _text),
        "search_analyzer": ("search_analyzer", _text),
        "search_quote_analyzer": ("search_quote_analyzer", _text),
        "index_options": ("index_options", _choice(*_INDEX_OPTIONS)),
        "position_increment_gap": ("position_increment_gap", _whole),
        "index_phrases": ("index_phrases", _flag),
        "index_prefixes": ("index_prefixes", lambda value, _: value is not None),
        **_without_effect("fielddata", "fielddata_frequency_filter", "term_vector"),
    },
    "keyword": {
        **_TERMS,
        "normalizer": ("normalizer", _text),
        "index_options": ("index_options", _choice("docs", "freqs")),
        "ignore_above": ("ignore_above", _whole),
        "doc_values": ("doc_values", _flag),
        "null_value": ("null_value", _anything),
        "split_queries_on_whitespace": ("", _only("false")),
        "script": ("", _only("none")),
        "time_series_dimension": ("", _only("false")),
        **_without_effect("on_script_error"),
    },
    **{name: {**_NUMBER, "coerce": ("coerce", _flag)} for name in _NUMBERS},
    "scaled_float": {**_NUMBER, "coerce": ("coerce", _flag), "scaling_factor": ("scaling_factor", _decimal)},
    "date": {**_NUMBER, "format": ("format", _text), "locale": ("", _anything)},
    "boolean": _NUMBER,
    "dense_vector": {
        **_without_effect("meta", "type"),
        "dims": ("dims", _whole),
        "index": ("indexed", _flag),
        "similarity": ("vector_similarity", _choice(*_VECTOR_SIMILARITIES)),
        "index_options": ("vector_index", lambda value, _: value.get("type", "")),
        "element_type": ("", _only("float")),
    },
}
"""What each type of a field takes: a type is a row here."""
TYPES |= {
    "wildcard": {name: TYPES["keyword"][name] for name in ("copy_to", "fields", "ignore_above", "meta", "type")}
    | {"null_value": ("null_value", _anything)},
    "constant_keyword": {**_without_effect("meta", "type"), "value": ("value", _text)},
    "match_only_text": {name: TYPES["text"][name] for name in ("analyzer", "copy_to", "fields", "meta", "type")},
    "search_as_you_type": {
        **{name: row for name, row in TYPES["text"].items() if not name.startswith(("fielddata", "position"))},
        **_without_effect("max_shingle_size"),
    },
    "token_count": {
        **{name: TYPES["integer"][name] for name in ("copy_to", "doc_values", "fields", "index", "meta", "type")},
        "analyzer": ("analyzer", _text),
        "enable_position_increments": ("", _only("true")),
        "null_value": ("null_value", _anything),
    },
}
_SEARCHED_AS = {
    "wildcard": "keyword",
    "constant_keyword": "keyword",
    "match_only_text": "text",
    "search_as_you_type": "text",
    "scaled_float": "double",
    "token_count": "integer",
}
UNCOMPARED = (*_SEARCHED_AS, "unsigned_long")
"""Types that are searched by Elasticsearch's rules, and were not compared: no server at hand had their modules."""
_STORED = (
    *("aggregate_metric_double", "binary", "completion", "date_nanos", "flattened", "geo_point", "geo_shape"),
    *("histogram", "ip", "point", "shape", "version"),
    *("date_range", "double_range", "float_range", "integer_range", "ip_range", "long_range"),
)
_SHINGLES = ("_2gram", "_3gram", "_4gram", "_index_prefix")
STORED = (*_STORED, "shingles")
"""Types that are kept in documents, and refused where a clause names them; they take any parameter."""

_OBJECT = ("type", "properties", "dynamic", "enabled", "subobjects")
_NESTED = ("type", "properties", "dynamic", "include_in_parent", "include_in_root")
_ROOT = (
    *("properties", "dynamic", "dynamic_templates", "date_detection", "numeric_detection", "dynamic_date_formats"),
    *("_source", "_routing", "_meta", "subobjects", "enabled", "runtime"),
)
_KINDS = (*TYPES, *_STORED, "alias", "object", "nested")


class _MappingReader:
    """Walks a mapping and collects its fields.

    Args:
        analysis: names of analyzers that are the default are looked up there.
        similarities: those of the settings, by name.
    """

    def __init__(self, analysis: Mapping[str, Any], similarities: Mapping[str, Similarity]) -> None:
        self._analysis = analysis
        self._similarities = similarities
        self._analyzers = analysis.get("analyzer") or {}
        self._fields: dict[str, Field] = {}
        self._objects: list[str] = []
        self._nested: dict[str, str] = {}
        self._disabled: list[str] = []
        self._aliases: dict[str, tuple[Mapping[str, Any], str]] = {}

    def schema(self, mappings: Mapping[str, Any]) -> Schema:
        for key in mappings:
            if key not in _ROOT:
                raise InputError(f"mappings: {unknown('parameter', key, _ROOT)}")
        if mappings.get("runtime"):
            raise InputError("mappings.runtime: runtime fields are not supported (they are scripts)")
        _only("true")(mappings.get("subobjects", True), "mappings.subobjects")
        for path, one, place, nested in _properties(mappings, "mappings", "", ""):
            self._read(path, one, place, nested)
        for one in self._fields.values():
            for target in one.copy_to:
                if target not in self._fields:
                    raise InputError(f"copy_to of the field {one.path!r}: {unknown('field', target, self._fields)}")
        targets = {path: self._target(*alias) for path, alias in self._aliases.items()}
        self._fields |= targets
        dynamic = str(mappings.get("dynamic", "true")).lower() in ("true", "runtime")
        analysis = self._analysis
        return Schema(self._fields, tuple(self._objects), self._nested, tuple(self._disabled), analysis, dynamic)

    def _read(self, path: str, one: Any, place: str, nested: str) -> None:
        if not isinstance(one, Mapping):
            raise InputError(f"{place}: an object with a type is expected")
        kind = one.get("type", "object" if "properties" in one or not one else "")
        if kind not in _KINDS:
            raise InputError(f"{place}: {unknown('type', str(kind), _KINDS)}")
        if kind in ("object", "nested"):
            self._read_object(path, one, place, nested)
            return
        if kind == "alias":
            self._aliases[path] = (one, place)
            return
        self._fields[path] = self._field(path, one, place, nested, source=path)
        for name, sub in (one.get("fields") or {}).items():
            inner, where = f"{path}.{name}", f"{place}.fields.{name}"
            if not isinstance(sub, Mapping) or sub.get("type") not in (*TYPES, *_STORED):
                kind = sub.get("type") if isinstance(sub, Mapping) else sub
                raise InputError(f"{where}: {unknown('type', str(kind), [*TYPES, *_STORED])}")
            self._fields[inner] = self._field(inner, sub, where, nested, source=path)

    def _target(self, one: Mapping[str, Any], place: str) -> Field:
        """The field that an alias stands for."""
        for key in one:
            if key not in ("type", "path"):
                raise InputError(f"{place} (alias): {unknown('parameter', key, ['path'])}")
        target = self._fields.get(str(one.get("path")))
        if target is None:
            raise InputError(f"{place}.path: {unknown('field', str(one.get('path')), self._fields)}")
        return target

    def _read_object(self, path: str, one: Mapping[str, Any], place: str, nested: str) -> None:
        is_nested = one.get("type") == "nested"
        allowed = _NESTED if is_nested else _OBJECT
        for key in one:
            if key not in allowed:
                raise InputError(f"{place}: {unknown('parameter', key, allowed)}")
        for key in ("include_in_parent", "include_in_root"):
            _only("false")(one.get(key, False), f"{place}.{key}")
        _only("true")(one.get("subobjects", True), f"{place}.subobjects")
        self._objects.append(path)
        if not _flag(one.get("enabled", True), f"{place}.enabled"):
            self._disabled.append(path)
            return
        if is_nested:
            self._nested[path] = nested
        for inner, sub, where, around in _properties(one, place, f"{path}.", path if is_nested else nested):
            self._read(inner, sub, where, around)

    def _field(self, path: str, one: Mapping[str, Any], place: str, nested: str, *, source: str) -> Field:
        kind = one["type"]
        if kind in _STORED:
            targets = _texts(one.get("copy_to", []), f"{place}.copy_to")
            return Field(path, kind, source, nested, copy_to=targets, kind=kind)
        parameters = TYPES[kind]
        values: dict[str, Any] = {}
        for key, value in one.items():
            if key not in parameters:
                allowed = [name for name in parameters if name != "type"]
                raise InputError(f"{place} ({kind}): {unknown('parameter', key, allowed)}")
            name, read = parameters[key]
            parsed = read(value, f"{place}.{key}")
            if name:
                values[name] = parsed
        self._complete(kind, values, place)
        if kind == "search_as_you_type":
            for name in _SHINGLES:
                self._fields[f"{path}.{name}"] = Field(f"{path}.{name}", "shingles", source, nested, kind=kind)
        field = Field(path, _SEARCHED_AS.get(kind, kind), source, nested, **values, kind=kind)
        return self._with_analyzers(field) if field.type == "text" or kind == "token_count" else field

    def _complete(self, kind: str, values: dict[str, Any], place: str) -> None:
        """Put in what a type has where the mapping says nothing, and refuse what it cannot do without."""
        if kind in ("keyword", "wildcard", "constant_keyword"):
            values |= {"norms": False, "index_options": "docs", **values}
        if kind in ("text", "keyword", "boolean"):
            default = self._similarities.get("default", self._similarities["BM25"])
            name = values.pop("similarity", None)
            if name is not None and name not in self._similarities:
                raise InputError(f"{place}: {unknown('similarity', name, self._similarities)}")
            values["similarity"] = default if name is None else self._similarities[name]
        if kind == "constant_keyword" and "value" not in values:
            raise InputError(f"{place}: no value; allowed: the value that all products have")
        if kind == "scaled_float" and not values.get("scaling_factor", 0) > 0:
            raise InputError(f"{place}: no scaling_factor; allowed: a number above 0")

    def _with_analyzers(self, one: Field) -> Field:
        """The names of a text field's analyzers; what the mapping leaves out is the index's default, or `standard`."""
        default = "default" if "default" in self._analyzers else "standard"
        search = "default_search" if "default_search" in self._analyzers else default
        analyzer = one.analyzer or default
        searches = one.search_analyzer or one.analyzer or search
        quotes = one.search_quote_analyzer or searches
        return replace(one, analyzer=analyzer, search_analyzer=searches, search_quote_analyzer=quotes)


def _properties(one: Mapping[str, Any], place: str, prefix: str, nested: str) -> Iterator[tuple[str, Any, str, str]]:
    properties = one.get("properties") or {}
    if not isinstance(properties, Mapping):
        raise InputError(f"{place}.properties: an object is expected")
    for name, sub in properties.items():
        yield prefix + name, sub, f"{place}.properties.{name}", nested

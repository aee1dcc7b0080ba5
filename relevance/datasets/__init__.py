"""Data sets: one row a format, one way to load. Whatever is wrong with a folder is an `InputError`."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from relevance.datasets import homedepot, marks, overlay, own, published
from relevance.datasets.tables import MAX_GRADE, QUERY_OVERLAY, find, simplest
from relevance.errors import InputError, unknown
from relevance.fields import DEFAULT_FIELDS, ProductFields
from relevance.files import input_errors, quoted, shown
from relevance.setting import Grade, Grades, Location, Text, Texts, UnknownProducts, setting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from relevance.records import Dataset

__all__ = ["DATASETS", "Format", "Source", "has_pairs", "load", "load_over", "load_pairs", "parse"]


@dataclass(frozen=True)
class Source:
    """Where a data set lies and how it is read: `[datasets.NAME]` of the configuration.

    Attributes:
        name: results and floors stand under it: the format's name, or an alias.
        over: ids of the products of an index that exists, which the catalogue is made of whatever the files have;
            None: the products of the files. No setting: `datasets.load_over` sets it.
        fields: what fields the products have; no setting, the configuration's `mapping` or `[fields]` say it.
        where: the file and the table that its settings are of, for messages; no setting.
        judging: what counts of the judgments beside the files; no setting, the configuration's `[judging]` says it.
        overlaid: whether these are laid over the files' own; no setting.
    """

    name: str
    format: Text = setting("format of the files", default=MISSING, words="required")
    path: Location | None = setting("folder of the files")
    columns: Texts = setting("our column names to those of the files", default={}, words="the same names")
    separators: Texts = setting(
        'in CSV, what stands between the values of a field that has several, such as {tags = ";"}',
        default={},
        words="none: a JSON list",
    )
    gains: Grades = setting("labels of judgments to grades", default={}, words="the format's own")
    relevant_from: Grade | None = setting("lowest grade that counts as relevant", words="the format's own")
    unknown_products: UnknownProducts = setting(
        "judgments for products that this catalogue lacks", default="error", words="unknown_products"
    )
    over: tuple[str, ...] | None = field(default=None, repr=False)
    fields: ProductFields = field(default=DEFAULT_FIELDS, repr=False, compare=False)
    where: str = field(default="", repr=False, compare=False)
    judging: overlay.Judging = field(default=overlay.Judging(), repr=False, compare=False)
    overlaid: bool = field(default=True, repr=False, compare=False)

    def __post_init__(self) -> None:
        for label, gain in self.gains.items():
            if not 0 <= gain <= MAX_GRADE:
                raise self._fault(f"gains.{label}", gain, f"a number from 0 to {MAX_GRADE:,}")
        if self.relevant_from is not None:
            if not 0 < self.relevant_from <= MAX_GRADE:
                raise self._fault("relevant_from", self.relevant_from, "a number above 0, since grade 0 is irrelevant")
            object.__setattr__(self, "relevant_from", simplest(self.relevant_from))
        for name in ("columns", "separators"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        gains = {label: simplest(gain) for label, gain in self.gains.items()}
        object.__setattr__(self, "gains", MappingProxyType(gains))

    def _fault(self, setting: str, value: object, allowed: str) -> InputError:
        return InputError(f"data set {self.name!r}: {setting} = {value!r}; allowed: {allowed}")

    def refusal(self, problem: str) -> InputError:
        """The error for a setting that the format or the files do not bear out."""
        return InputError(f"{self.where}{self.where and ': '}data set {self.name!r}: {problem}")

    def gains_of(self, labels: Mapping[str, float]) -> dict[str, float]:
        """The grade of each label of a format: its own, or that of this source."""
        for label in self.gains:
            if label not in labels:
                raise self.refusal(f"gains: {unknown('label', label, labels)}")
        return {**labels, **self.gains}


@dataclass(frozen=True)
class Format:
    """A row of `DATASETS`.

    Attributes:
        load: loads what a folder holds.
        takes: which of the settings `columns`, `separators` and `gains` it uses.
        pairs: the files of rated pairs for fine-tuning, if it may have some.
        load_pairs: loads these.
    """

    load: Callable[[Source, Path], Dataset]
    takes: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    load_pairs: Callable[[Source, Path], pd.DataFrame] | None = None


_HOMEDEPOT = Format(homedepot.load, (), homedepot.PAIRS, homedepot.load_pairs)

DATASETS: Mapping[str, Format] = MappingProxyType(
    {
        "sample": _HOMEDEPOT,
        "homedepot": _HOMEDEPOT,
        "chorus": Format(published.load_chorus),
        "files": Format(own.load, ("columns", "separators", "gains"), (own.PAIRS,), own.load_pairs),
        "beir": Format(published.load_beir),
        "wands": Format(published.load_wands, ("gains",)),
        "esci": Format(published.load_esci, ("gains",)),
    }
)


def parse(spec: str, aliases: Mapping[str, Source] = MappingProxyType({})) -> Source:
    """The source that `NAME` or `NAME:PATH` names: a format, or an alias.

    Raises:
        InputError: there is no data set of that name, nothing stands behind the colon, or an alias that has a path gets
            another one.
    """
    name, colon, path = spec.partition(":")
    known = {format_: Source(format_, format_) for format_ in DATASETS} | dict(aliases)
    if name not in known and ("/" in name or "\\" in name or name.startswith((".", "~"))):
        meant = f"unknown data set {quoted(name)} (did you mean {quoted(f'files:{name}')}?)"
        raise InputError(f"{meant}; allowed: NAME or NAME:PATH, NAME one of {', '.join(known)}")
    if name not in known:
        raise InputError(unknown("data set", name, known))
    source = known[name]
    if not colon:
        return source
    if not path.strip():
        raise InputError(f"data set {quoted(spec)}: nothing stands behind the colon; allowed: {name} or {name}:PATH")
    if source.path is not None:
        raise InputError(f"data set {quoted(spec)}: its path is part of the alias; allowed: {name}")
    return replace(source, path=Path(path))


def load(source: Source) -> Dataset:
    """Load a data set: its files, and what lies beside them: see `overlay` and `marks`.

    Raises:
        InputError: its files cannot be read or hold what is not allowed; a setting of the source is not one of the
            format's.
        CouldNotRunError: a package that reads the format is not installed.
    """
    folder, takes = _folder(source), DATASETS[source.format].takes
    for name in ("columns", "separators", "gains"):
        if getattr(source, name) and name not in takes:
            allowed = ", ".join((*takes, "relevant_from", "unknown_products"))
            raise source.refusal(f"format {source.format!r} does not use {name}; settings it takes: {allowed}")
    dataset = DATASETS[source.format].load(source, folder)
    try:
        dataset = replace(dataset, catalogue=dataset.catalogue.with_fields(source.fields))
    except InputError as error:
        raise source.refusal(str(error)) from None
    if marks_file := overlay.beside(source, QUERY_OVERLAY):
        dataset = marks.marked(dataset, marks_file)
    path = overlay.beside(source) if source.overlaid else None
    return dataset if path is None else overlay.laid_over(dataset, path, source.judging)


def load_over(source: Source, products: Sequence[str]) -> Dataset:
    """Load the queries and judgments of a data set over the products of an index that exists; raises as `load`.

    Titles, descriptions and attributes are those of the data set's files, where they have the product. The formats
    `files` and `beir` need no file of products then.

    Args:
        source: where the data set lies; its `unknown_products` is about judgments of products that the index lacks.
        products: their ids, each once, in any order; the catalogue has these and no others.
    """
    return load(replace(source, over=tuple(products)))


def has_pairs(source: Source) -> bool:
    """Whether one of the files of rated pairs for fine-tuning is there; `load_pairs` says which is missing."""
    names = DATASETS[source.format].pairs
    return source.format == "sample" or (bool(names) and any(find(_folder(source), name) for name in names))


def load_pairs(source: Source) -> pd.DataFrame:
    """Load a data set's rated pairs for fine-tuning: columns `query`, `product`, `title`, `relevance` (1 to 3).

    Raises:
        InputError: the format has none; its files cannot be read or hold what is not allowed.
    """
    loader = DATASETS[source.format].load_pairs
    if loader is None:
        having = [name for name, one in DATASETS.items() if one.load_pairs]
        raise InputError(unknown("data set with pairs for fine-tuning", source.format, having))
    return loader(source, _folder(source))


def _folder(source: Source) -> Path:
    """The folder of the files."""
    path = source.path
    if source.format == "sample":
        if path is not None:
            raise InputError(f"data set {source.name!r} takes no path, found {shown(path)}; allowed: sample")
        return homedepot.sample_folder()
    if path is None:
        raise InputError(f"data set {source.name!r} needs the folder of its files; allowed: {source.format}:DIR")
    with input_errors(path):
        if not path.exists():
            raise InputError(f"data set {source.name!r}: there is no folder {shown(path)}")
        if not path.is_dir():
            raise InputError(f"data set {source.name!r}: {shown(path)} is not a folder")
    return path

"""The sample that comes with the package: own text in the Home Depot layout."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from relevance.datasets import homedepot
from relevance.datasets.files import shown
from relevance.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from relevance.datasets.source import Source
    from relevance.records import Dataset

__all__ = ["has_pairs", "load", "load_pairs"]

_PACKAGED = Path(__file__).parent / "sample_files"
_CHECKED_OUT = Path(__file__).parents[2] / "fixtures" / "sample"


def load(source: Source) -> Dataset:
    """Load the sample.

    Raises:
        InputError: a path is given; the sample is one and the same everywhere.
    """
    return homedepot.load(_located(source))


def load_pairs(source: Source) -> pd.DataFrame:
    """Load the sample's rated pairs for fine-tuning; see `homedepot.load_pairs`."""
    return homedepot.load_pairs(_located(source))


def has_pairs(source: Source) -> bool:  # noqa: ARG001 - every format's function takes one
    """The sample has some."""
    return True


def _located(source: Source) -> Source:
    if source.path is not None:
        raise InputError(f"data set {source.name!r} takes no path, found {shown(source.path)}; allowed: sample")
    return replace(source, path=_PACKAGED if _PACKAGED.is_dir() else _CHECKED_OUT)

"""Titles of the products that results are about: a file of the folder of results, and how it is read again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from relevance.errors import InputError
from relevance.records import NO_HIT
from relevance.suite import titles_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from relevance.suite import Suite

__all__ = ["TITLES", "read_titles", "titles_tsv"]

TITLES = "titles.tsv"

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_MEANT = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}
_MOST_BYTES = 2**30


def titles_tsv(suite: Suite) -> str:
    r"""Lines `id TAB title` of the products that are hits or judged, by id; escaped as in `queries.tsv`."""
    dataset, titles = suite.plan.dataset, titles_of(suite)
    codes = set(dataset.judgments.products.tolist())
    codes.update(code for result in suite.results.values() for code in set(result.ranking.codes.ravel().tolist()))
    ids = (dataset.catalogue.ids[code] for code in sorted(codes - {NO_HIT}))
    return "".join(f"{product}\t{titles[product].translate(_ESCAPES)}\n" for product in ids)


def read_titles(path: Path) -> Mapping[str, str]:
    """Titles by product id, none where the file is not there.

    Raises:
        InputError: the file cannot be read, is too large, or has a line of another form.
    """
    if not path.exists():
        return {}
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            raise InputError(f"{path}: no file of at most {_MOST_BYTES:,} bytes; titles are expected there")
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); titles are expected there") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8; titles are written in UTF-8") from None
    titles = {}
    for number, line in enumerate(text.split("\n")[:-1], 1):
        product, tab, title = line.partition("\t")
        if not tab or not product or "\t" in title:
            raise InputError(f"{path}, line {number}: not an id, a tab and a title")
        titles[product] = re.sub(r"\\(.)", lambda match: _MEANT.get(match[1], match[0]), title)
    return titles

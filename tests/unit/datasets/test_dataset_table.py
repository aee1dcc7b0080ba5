"""The table of data sets, and how one is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from written import HOMEDEPOT, load, load_pairs, write

from relevance import datasets
from relevance.datasets import Source, sample
from relevance.errors import InputError

FORMATS = "sample, homedepot, chorus, files, beir, wands, esci"
SHOP = Source("shop", "files", Path("/shop"), relevant_from=2)
BARE = Source("bare", "chorus")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("sample", Source("sample", "sample")),
        ("homedepot:data/hd", Source("homedepot", "homedepot", Path("data/hd"))),
        ("chorus:C:/data", Source("chorus", "chorus", Path("C:/data"))),
        ("shop", SHOP),
        ("bare:data", Source("bare", "chorus", Path("data"))),
    ],
)
def test_a_name_and_a_path(spec: str, expected: Source) -> None:
    """The first colon separates the name from the path, which may hold more of them; an alias is its source."""
    assert datasets.parse(spec, {"shop": SHOP, "bare": BARE}) == expected


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("homdepot:x", f"unknown data set 'homdepot' (did you mean 'homedepot'?); allowed: {FORMATS}, shop"),
        ("", f"unknown data set ''; allowed: {FORMATS}, shop"),
        ("shopp", f"unknown data set 'shopp' (did you mean 'shop'?); allowed: {FORMATS}, shop"),
        ("Sample\n", f"unknown data set 'Sample\\n' (did you mean 'sample'?); allowed: {FORMATS}, shop"),
        ("chorus: ", "data set 'chorus: ': nothing stands behind the colon; allowed: chorus or chorus:PATH"),
        ("shop:x", "data set 'shop:x': its path is part of the alias; allowed: shop"),
    ],
)
def test_a_spec_that_names_nothing(spec: str, message: str) -> None:
    """A name that is neither a format nor an alias, an empty path or a second one is refused with what is allowed."""
    with pytest.raises(InputError) as caught:
        datasets.parse(spec, {"shop": SHOP})
    assert str(caught.value) == message


def test_an_alias_is_no_format() -> None:
    """An alias under a format's name would hide the format."""
    message = "^data set 'beir': an alias may not have the name of a format; allowed: another name$"
    with pytest.raises(InputError, match=message):
        datasets.parse("sample", {"beir": SHOP})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"relevant_from": 0}, "relevant_from = 0; allowed: a whole number of 1 or more"),
        ({"relevant_from": True}, "relevant_from = True; allowed: a whole number of 1 or more"),
        ({"gains": {"good": 1.5}}, "gains.good = 1.5; allowed: a whole number of 0 or more"),
        ({"gains": {"bad": -1}}, "gains.bad = -1; allowed: a whole number of 0 or more"),
        ({"gains": 3}, "gains = 3; allowed: a table"),
        ({"columns": {"id": 3}}, "columns.id = 3; allowed: the name of a column"),
        ({"unknown_products": "ignore"}, "unknown_products = 'ignore'; allowed: error, drop"),
    ],
)
def test_a_source_checks_its_settings(settings: dict[str, Any], message: str) -> None:
    """What no format could use is refused when the source is made."""
    with pytest.raises(InputError) as caught:
        Source("shop", "files", **settings)
    assert str(caught.value) == f"data set 'shop': {message}"


@pytest.mark.parametrize(
    ("format_", "setting", "takes"),
    [
        ("sample", "gains", "relevant_from, unknown_products"),
        ("homedepot", "columns", "relevant_from, unknown_products"),
        ("chorus", "gains", "relevant_from, unknown_products"),
        ("beir", "columns", "relevant_from, unknown_products"),
        ("wands", "columns", "gains, relevant_from, unknown_products"),
        ("esci", "columns", "gains, relevant_from, unknown_products"),
    ],
)
def test_a_setting_that_a_format_does_not_use(tmp_path: Path, format_: str, setting: str, takes: str) -> None:
    """It would do nothing, so it is refused, with those that the format takes."""
    settings: dict[str, Any] = {setting: {"title": "name"} if setting == "columns" else {"good": 1}}
    with pytest.raises(InputError) as caught:
        datasets.load(Source("mine", format_, None if format_ == "sample" else tmp_path, **settings))
    expected = f"data set 'mine': format '{format_}' does not use {setting}; settings it takes: {takes}"
    assert str(caught.value) == expected


def test_the_sample_takes_no_path(tmp_path: Path) -> None:
    """The sample is one and the same everywhere."""
    with pytest.raises(InputError, match=r"^data set 'sample' takes no path, found '?.*; allowed: sample$"):
        load("sample", tmp_path)


def test_formats_need_a_folder() -> None:
    """A format says how its folder is given."""
    with pytest.raises(InputError, match=r"^data set 'chorus' needs the folder of its files; allowed: chorus:DIR$"):
        load("chorus")


def test_not_every_data_set_has_pairs(tmp_path: Path) -> None:
    """Fine-tuning pairs of a data set that has none are refused by name."""
    message = "unknown data set with pairs for fine-tuning 'chorus'; allowed: sample, homedepot, files"
    with pytest.raises(InputError) as caught:
        load_pairs("chorus", tmp_path)
    assert str(caught.value) == message


def test_the_sample_is_read_from_the_package_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package brings the sample with it; in a checkout it lies in fixtures/sample."""
    monkeypatch.setattr(sample, "_CHECKED_OUT", write(tmp_path / "checkout", HOMEDEPOT))
    monkeypatch.setattr(sample, "_PACKAGED", tmp_path / "packaged")
    assert len(load("sample").catalogue) == 2
    only_train = b'"id","product_uid","product_title","search_term","relevance"\n1,p,t,q,3\n'
    write(tmp_path / "packaged", {"train.csv": only_train})
    dataset = load("sample")
    assert (dataset.name, len(dataset.catalogue)) == ("sample", 1)

"""The table of data sets, and how one is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from written import HOMEDEPOT, write

from relevance import datasets
from relevance.datasets import sample
from relevance.errors import InputError


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("sample", ("sample", None)),
        ("homedepot:data/hd", ("homedepot", Path("data/hd"))),
        ("chorus:C:/data", ("chorus", Path("C:/data"))),
    ],
)
def test_a_name_and_a_path(spec: str, expected: tuple[str, Path | None]) -> None:
    """The first colon separates the name from the path; the path may hold more of them."""
    assert datasets.parse(spec) == expected


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "homdepot:x",
            "unknown data set 'homdepot' (did you mean 'homedepot'?); allowed: sample, homedepot, chorus",
        ),
        ("", "unknown data set ''; allowed: sample, homedepot, chorus"),
        ("Sample\n", "unknown data set 'Sample\\n' (did you mean 'sample'?); allowed: sample, homedepot, chorus"),
        (
            "chorus: ",
            "data set 'chorus: ': nothing stands behind the colon; allowed: chorus or chorus:PATH",
        ),
    ],
)
def test_a_spec_that_names_nothing(spec: str, message: str) -> None:
    """A name that is not in the table, or an empty path, is refused with what is allowed."""
    with pytest.raises(InputError) as caught:
        datasets.parse(spec)
    assert str(caught.value) == message


def test_the_sample_takes_no_path(tmp_path: Path) -> None:
    """The sample is one and the same everywhere."""
    with pytest.raises(InputError, match=r"^data set 'sample' takes no path, found '?.*; allowed: sample$"):
        datasets.load("sample", tmp_path)


def test_formats_need_a_folder() -> None:
    """A format says how its folder is given."""
    with pytest.raises(InputError, match=r"^data set 'chorus' needs the folder of its files; allowed: chorus:DIR$"):
        datasets.load("chorus")


def test_not_every_data_set_has_pairs(tmp_path: Path) -> None:
    """Fine-tuning pairs of a data set that has none are refused by name."""
    message = "unknown data set with pairs for fine-tuning 'chorus'; allowed: sample, homedepot"
    with pytest.raises(InputError) as caught:
        datasets.load_pairs("chorus", tmp_path)
    assert str(caught.value) == message


def test_the_sample_is_read_from_the_package_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package brings the sample with it; in a checkout it lies in fixtures/sample."""
    monkeypatch.setattr(sample, "_CHECKED_OUT", write(tmp_path / "checkout", HOMEDEPOT))
    monkeypatch.setattr(sample, "_PACKAGED", tmp_path / "packaged")
    assert len(datasets.load("sample").catalogue) == 2
    only_train = b'"id","product_uid","product_title","search_term","relevance"\n1,p,t,q,3\n'
    write(tmp_path / "packaged", {"train.csv": only_train})
    dataset = datasets.load("sample")
    assert (dataset.name, len(dataset.catalogue)) == ("sample", 1)

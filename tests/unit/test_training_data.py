"""Training data as the configuration lists it, read from files; no model is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers import shop
from helpers.pairs import pair_dataset, write_files

from relevance.config import Config
from relevance.config.reading import read_config
from relevance.errors import InputError
from relevance.strategies import STRATEGIES
from relevance.suite import runnable
from relevance.suite.plan import read_dataset
from relevance.suite.training_data import mix_notes, training_pairs


def _config(folder: Path, text: str = "", *, pairs: bool = True, **options: Any) -> Config:
    data = write_files(folder / "data", pairs=pairs)
    file = folder / "relevance.toml"
    file.write_text(f'dataset = "files:{data}"\n{text}')
    return read_config(options=options, environ={}, file=file, root=folder)


def _another(folder: Path) -> Path:
    """Two queries that are judged, one of which the benchmark evaluates, and no pairs."""
    other = shop.dataset(pair_dataset().catalogue, {"a": "Red  LAMP", "b": "a seat"}, [(0, 0, 2), (1, 1, 2)])
    shop.write_files(folder, other)
    return folder


def test_judgments_of_another_data_set_are_pairs_without_what_is_evaluated(tmp_path: Path) -> None:
    _another(tmp_path / "other")
    config = _config(tmp_path, '[finetune]\nmix = ["own", "files:other"]')  # beside the configuration
    mixture = training_pairs(config, read_dataset(config), None)
    assert [pair for pair in mixture.pairs.train if pair.product.startswith("files:")] == [
        pair for pair in mixture.pairs.train if pair.query == "a seat"
    ]
    assert mix_notes(mixture) == (
        "mix: 1 pair of files:other; 1 dropped, as their query or text is evaluated or validated with",
    )


def test_the_catalogue_alone_is_enough(tmp_path: Path) -> None:
    config = _config(tmp_path, pairs=False, mix=["titles"])
    assert runnable(config, [STRATEGIES["rrf_finetune"]])[1] == {}
    mixture = training_pairs(config, read_dataset(config), None)
    asked = {pair.query for pair in (*mixture.pairs.train, *mixture.pairs.validation)}
    assert len(asked) == 28  # of thirty titles two are evaluated
    assert asked.isdisjoint({"red lamp", "blue chair"})
    assert mixture.mixed[0].dropped == 2


@pytest.mark.parametrize(
    ("mix", "line"),
    [
        (["own", "title"], "mix: unknown data set 'title'"),
        (["own", "titles=2"], "mix: 'titles=2'; allowed: NAME or NAME=SHARE"),
        (["own", "files:nowhere"], "mix: data set 'files': there is no folder"),
        (["own", "descriptions"], "mix: 'descriptions' gives no pair to train on; leave it out"),
    ],
)
def test_what_is_wrong_with_a_mix_is_one_line(tmp_path: Path, mix: list[str], line: str) -> None:
    config = _config(tmp_path, mix=mix)
    with pytest.raises(InputError) as error:
        training_pairs(config, read_dataset(config), None)
    assert str(error.value).startswith(line)

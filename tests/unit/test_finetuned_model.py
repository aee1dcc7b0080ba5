"""Which strategies can run without a fine-tuned model, and what is said of the others; no model is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from helpers.pairs import write_files

from relevance.config.reading import read_config
from relevance.errors import InputError
from relevance.strategies import STRATEGIES
from relevance.suite import make_plan, runnable

if TYPE_CHECKING:
    from pathlib import Path

    from relevance.config import Config

FINETUNED = ("vectorsearch_finetune", "rrf_finetune")


def _config(folder: Path, **options: object) -> Config:
    data = options.pop("data", f"files:{folder}")
    return read_config(options={"dataset": data, **options}, environ={}, file=None, root=folder)


def test_without_pairs_and_model_they_are_left_out(tmp_path: Path) -> None:
    """All other strategies run, and the reason names the data set and what is allowed."""
    config = _config(write_files(tmp_path, pairs=False))
    left, left_out = runnable(config, config.selected)
    assert [strategy.name for strategy in left] == [name for name in STRATEGIES if name not in FINETUNED]
    assert tuple(left_out) == FINETUNED
    assert set(left_out.values()) == {
        (
            "data set 'files' has no pairs to fine-tune a model on; allowed: --finetuned-model PATH, pairs, or "
            "--pairs-from-judgments SHARE"
        )
    }


def test_who_asks_for_one_by_name_is_told(tmp_path: Path) -> None:
    """By --strategy, or where nothing else would run, it is an error of one line."""
    config = _config(write_files(tmp_path, pairs=False), strategy=["rrf_finetune", "rrf"])
    with pytest.raises(InputError, match=r"^strategy 'rrf_finetune' cannot run: data set 'files' has no pairs"):
        runnable(config, config.selected)
    selected = [STRATEGIES[name] for name in FINETUNED]
    with pytest.raises(InputError, match=r"^strategy 'vectorsearch_finetune' cannot run: "):
        runnable(_config(tmp_path), selected)


@pytest.mark.parametrize("options", [{}, {"pairs_from_judgments": 0.5}, {"finetuned_model": "some/model"}])
def test_pairs_a_share_or_a_model_are_enough(tmp_path: Path, options: dict[str, object]) -> None:
    """With one of the three, all eleven run."""
    config = _config(write_files(tmp_path, pairs=not options), **options)
    assert runnable(config, config.selected) == (config.selected, {})


def test_formats_without_pairs_leave_them_out(tmp_path: Path) -> None:
    """A format that has no pairs at all is no error."""
    config = _config(tmp_path, data=f"wands:{tmp_path}")
    assert tuple(runnable(config, config.selected)[1]) == FINETUNED


def test_an_index_that_exists_has_to_know_the_vectors(tmp_path: Path) -> None:
    """They are left out where the field map has no vectors of the model, or no model is given for the queries."""
    write_files(tmp_path / "data")
    file = tmp_path / "relevance.toml"
    text = f'dataset = "files:{tmp_path}/data"\n[elasticsearch]\nurl = "http://a:1"\nindex = "shop"\n'
    mapped = f'{text}vectors = {{"finetuned.whole" = "v"}}\n'
    expected = {text: FINETUNED, mapped: FINETUNED, f'{mapped}[models.finetuned]\npath = "a/b"\n': ()}
    for content, left_out in expected.items():
        file.write_text(content)
        config = read_config(options={}, environ={}, file=file, root=tmp_path)
        assert tuple(runnable(config, config.selected)[1]) == left_out


def test_strategies_of_ones_own_can_use_it(tmp_path: Path) -> None:
    """`model = "finetuned"` needs no definition; such a strategy is left out with the others."""
    write_files(tmp_path / "data", pairs=False)
    file = tmp_path / "relevance.toml"
    file.write_text(
        f'dataset = "files:{tmp_path}/data"\n[strategies.titles]\nvectors = {{title = 1}}\nmodel = "finetuned"\n'
    )
    config = read_config(options={}, environ={}, file=file, root=tmp_path)
    assert tuple(runnable(config, config.selected)[1]) == (*FINETUNED, "titles")


def test_trained_queries_leave_the_benchmark(tmp_path: Path) -> None:
    """With a share the data set that is evaluated lacks the queries that are trained on."""
    queries = tuple(f"query {number}" for number in range(10))
    config = _config(write_files(tmp_path, queries=queries), pairs_from_judgments=0.4, engine="embedded")
    assert len(make_plan(config, [STRATEGIES["textsearch"]]).dataset.queries) == 6

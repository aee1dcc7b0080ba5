"""Which strategies can run without a fine-tuned model, and what is said of the others; no model is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.pairs import write_files

from relevance.config import Config
from relevance.config.reading import read_config
from relevance.errors import InputError
from relevance.report.terminal import plan_lines
from relevance.strategies import READY_MADE, STRATEGIES
from relevance.suite import make_plan, runnable

FINETUNED = ("vectorsearch_finetune", "rrf_finetune")
MADE_OF_IT = ("matryoshka_short", "static", "linear_finetune", "reranked")
NO_PAIRS = (
    "data set 'files' has no pairs to fine-tune a model on; allowed: --finetuned-model PATH, pairs, "
    "--pairs-from-judgments SHARE, or mix = ['titles'] of [finetune]"
)


def _config(data: str | Path, text: str = "", **options: Any) -> Config:
    """Of options, and of what a file says beside the data set."""
    named = str(data) if ":" in str(data) else f"files:{data}"
    root = Path(named.partition(":")[2])
    file = root / "relevance.toml"
    file.write_text(f'dataset = "{named}"\n{text}')
    return read_config(options=options, environ={}, file=file, root=root)


def _left_out(config: Config) -> tuple[str, ...]:
    return tuple(runnable(config, config.selected)[1])


def test_without_pairs_and_model_all_other_strategies_run(tmp_path: Path) -> None:
    config = _config(write_files(tmp_path, pairs=False))
    left, left_out = runnable(config, config.selected)
    assert [strategy.name for strategy in left] == [name for name in STRATEGIES if name not in FINETUNED]
    assert left_out == dict.fromkeys(FINETUNED, NO_PAIRS)


def test_all_strategies_are_those_that_can_run(tmp_path: Path) -> None:
    data = write_files(tmp_path, pairs=False)
    config = _config(data, strategy=["all"])
    assert runnable(config, config.selected)[1] == dict.fromkeys((*FINETUNED, *MADE_OF_IT), NO_PAIRS)
    both = _config(data, strategy=["all", "rrf_finetune"])
    with pytest.raises(InputError, match=r"^strategy 'rrf_finetune' cannot run: "):
        runnable(both, both.selected)


def test_asking_for_one_by_name_or_for_nothing_else_is_an_error(tmp_path: Path) -> None:
    data = write_files(tmp_path, pairs=False)
    config = _config(data, strategy=["rrf_finetune", "rrf"])
    with pytest.raises(InputError, match=r"^strategy 'rrf_finetune' cannot run: data set 'files' has no pairs"):
        runnable(config, config.selected)
    with pytest.raises(InputError, match=r"^strategy 'vectorsearch_finetune' cannot run: "):
        runnable(_config(data), [STRATEGIES[name] for name in FINETUNED])


@pytest.mark.parametrize("options", [{}, {"pairs_from_judgments": 0.5}, {"finetuned_model": "some/model"}])
def test_pairs_a_share_or_a_model_are_enough(tmp_path: Path, options: dict[str, Any]) -> None:
    config = _config(write_files(tmp_path, pairs=not options), **options)
    assert runnable(config, config.selected) == (config.selected, {})


def test_formats_without_pairs_leave_them_out(tmp_path: Path) -> None:
    assert _left_out(_config(f"wands:{tmp_path}")) == FINETUNED


@pytest.mark.parametrize(
    ("text", "left_out"),
    [
        ("", FINETUNED),
        ('vectors = {"finetuned.whole" = "v"}', FINETUNED),
        ('vectors = {"finetuned.whole" = "v"}\n[models.finetuned]\npath = "a/b"', ()),
    ],
    ids=["neither", "vectors", "vectors and a model"],
)
def test_an_existing_index_needs_vectors_of_a_named_model(tmp_path: Path, text: str, left_out: tuple[str, ...]) -> None:
    index = '[elasticsearch]\nurl = "http://a:1"\nindex = "shop"\n'
    assert _left_out(_config(write_files(tmp_path), f"{index}{text}\n")) == left_out


def test_ones_own_strategies_of_the_model_are_left_out_too(tmp_path: Path) -> None:
    titles = '[strategies.titles]\nvectors = {title = 1}\nmodel = "finetuned"\n'
    assert _left_out(_config(write_files(tmp_path, pairs=False), titles)) == (*FINETUNED, "titles")


def test_trained_queries_leave_the_benchmark(tmp_path: Path) -> None:
    data = write_files(tmp_path, queries=tuple(f"query {number}" for number in range(10)))
    config = _config(data, pairs_from_judgments=0.4, engine="embedded")
    assert len(make_plan(config, [STRATEGIES["textsearch"]]).dataset.queries) == 6


@pytest.mark.parametrize(("text", "dimensions"), [("", 128), ("[models.finetuned_short]\ntruncate_dim = 64", 64)])
def test_a_model_that_is_made_of_the_fine_tuned_one_needs_its_training(
    tmp_path: Path, text: str, dimensions: int
) -> None:
    config = _config(write_files(tmp_path), text, engine="embedded", cache_dir=str(tmp_path / "cache"))
    plan = make_plan(config, [READY_MADE["matryoshka_short"]])
    assert plan.finetuned is not None
    assert (plan.finetuned.trained, plan.vector_fields) == (False, (("finetuned_short", "whole"),))
    of_models = {name: (model.dimensions, model.truncate_dim) for name, model in plan.models.items()}
    assert of_models == {"finetuned": (384, None), "finetuned_short": (dimensions, dimensions)}
    assert plan.models["finetuned_short"].whole.fingerprint == plan.models["finetuned"].fingerprint


def test_a_cut_is_as_long_as_the_model_allows(tmp_path: Path) -> None:
    config = _config(write_files(tmp_path), "[models.finetuned_short]\ntruncate_dim = 999", engine="embedded")
    with pytest.raises(InputError, match=r"truncate_dim 999: the model finetuned allows 1 to 384"):
        make_plan(config, [READY_MADE["matryoshka_short"]])


def test_what_changes_nothing_of_a_model_that_is_made_is_refused(tmp_path: Path) -> None:
    text = '[models.finetuned_short]\nquery_prompt = "q: "'
    with pytest.raises(InputError, match=r"query_prompt: changes nothing, as it is made of finetuned; allowed: trunc"):
        _config(write_files(tmp_path), text)
    assert _config(tmp_path, f'{text}\npath = "a/b"').models["finetuned_short"].query_prompt == "q: "


def test_a_static_embedding_is_made_of_what_the_fine_tuned_model_is(tmp_path: Path) -> None:
    config = _config(write_files(tmp_path), engine="embedded", cache_dir=str(tmp_path / "cache"))
    plan = make_plan(config, [READY_MADE["static"], STRATEGIES["vectorsearch"]])
    assert plan.static is not None
    assert plan.finetuned is not None
    assert (plan.static.recipe.teacher, plan.static.trained) == (plan.finetuned.sha256, False)
    assert plan.static.recipe.texts == tuple(sorted(plan.static.recipe.texts))
    assert plan.vector_fields == (("base", "whole"), ("static", "whole"))
    assert (plan.models["static"].max_tokens, plan.models["static"].dimensions) == (None, 384)
    line = "model static: to be distilled first, from finetuned: a minute or two on two idle CPU cores"
    assert line in plan_lines(plan)


def test_a_named_model_leaves_nothing_to_distil_with(tmp_path: Path) -> None:
    config = _config(write_files(tmp_path), finetuned_model="a/b", strategy=["all"])
    assert tuple(runnable(config, config.selected)[1]) == ("static",)
    named = _config(tmp_path, '[models.static]\npath = "c/d"', finetuned_model="a/b", strategy=["static"])
    assert runnable(named, named.selected) == (named.selected, {})

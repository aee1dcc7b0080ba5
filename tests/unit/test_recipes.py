"""What is typed behind `--compare`: recipes, told apart, and what is wrong with one in a line."""

from __future__ import annotations

import pytest

from relevance.errors import InputError
from relevance.finetune import Options
from relevance.suite.recipes import parse_recipes


def test_recipes_are_options_by_their_text_and_keep_what_they_do_not_name() -> None:
    recipes = parse_recipes(["loss=mnrl,loss=hard+batch-size=8", "learning_rate=0.0001"], Options(epochs=2, seed=5))
    assert dict(recipes) == {
        "loss=mnrl": Options(epochs=2, seed=5),
        "loss=hard+batch-size=8": Options(epochs=2, seed=5, loss="hard", batch_size=8),
        "learning_rate=0.0001": Options(epochs=2, seed=5, learning_rate=0.0001),
    }


def test_a_key_that_takes_a_list_stands_once_an_item() -> None:
    texts = ["loss=mnrl+matryoshka=384+matryoshka=64", "mix=own+mix=titles=0.5"]
    nested, mixed = parse_recipes(texts, Options()).values()
    assert (nested.matryoshka, mixed.mix) == ((384, 64), ("own", "titles=0.5"))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("loss=mnrl", "--compare loss=mnrl: one recipe; allowed: two or more, such as loss=mnrl,loss=hard"),
        ("loss=mnrl,loss=hart", "--compare loss=hart: loss = 'hart' (did you mean 'hard'?); allowed: mnrl, "),
        ("loss=mnrl,los=hard", "--compare los=hard: unknown key 'los' (did you mean 'loss'?); allowed: epochs, "),
        ("mnrl,hard", "--compare mnrl: 'mnrl' is no KEY=VALUE; allowed keys: epochs, batch_size, "),
        ("loss=mnrl,", "--compare : '' is no KEY=VALUE; allowed keys: epochs, "),
        ("loss=mnrl,epochs=0", "--compare epochs=0: epochs = 0; allowed: a whole number from 1 to 1,000"),
        ("loss=mnrl,epochs=two", "--compare epochs=two: epochs = 'two'; allowed: a whole number"),
        ("loss=mnrl,epochs=3", "--compare epochs=3: the same recipe as loss=mnrl; allowed: each once"),
        ("loss=mnrl,epochs=1+epochs=2", "--compare epochs=1+epochs=2: epochs stands 2 times; allowed: once"),
        (
            "loss=hard,loss=hard+negatives=1",
            "--compare loss=hard+negatives=1: the same recipe as loss=hard; allowed: ",
        ),
        (
            "loss=cosent,loss=cosent+positive_from=2.5",
            "--compare loss=cosent+positive_from=2.5: positive_from = 2.5 changes nothing with the loss cosent, which",
        ),
        ("seed=1,seed=2", "--compare seed=1: unknown key 'seed'"),
    ],
)
def test_what_is_wrong_with_a_recipe_is_one_line(text: str, line: str) -> None:
    with pytest.raises(InputError) as error:
        parse_recipes([text], Options())
    assert str(error.value).startswith(line)

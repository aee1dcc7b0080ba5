"""Several recipes of a training on one split: read, trained, and judged by the same validation queries."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from relevance.config import keys
from relevance.embeddings import Encoder
from relevance.errors import InputError, unknown
from relevance.finetune import Options
from relevance.finetune.choosing import Choice, Tried
from relevance.finetune.recipe import estimated_seconds
from relevance.finetune.store import find_stored, train
from relevance.suite.finetuning import plan_trainings, seeded
from relevance.suite.plan import trained_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from relevance.config import Config
    from relevance.embeddings import Model
    from relevance.finetune.recipe import Recipe

_FEWEST = 2


def parse_recipes(texts: Sequence[str], options: Options) -> Mapping[str, Options]:
    """Read recipes: `KEY=VALUE[+KEY=VALUE…]`, separated by commas; a key that takes a list may stand repeatedly.

    Args:
        texts: as they were typed.
        options: what holds for keys that a recipe leaves out.

    Returns:
        The options by the recipe's text, in the order in which they were typed.

    Raises:
        InputError: a key or a value is not allowed, two recipes are the same, or there are fewer than two.
    """
    recipes: dict[str, Options] = {}
    for text in (part.strip() for one in texts for part in one.split(",")):
        made = _recipe(text, options)
        if same := next((name for name, other in recipes.items() if _trains(other) == _trains(made)), None):
            raise InputError(f"--compare {text}: the same recipe as {same}; allowed: each once")
        recipes[text] = made
    if len(recipes) < _FEWEST:
        only = ", ".join(recipes)
        raise InputError(f"--compare {only}: one recipe; allowed: two or more, such as loss=mnrl,loss=hard")
    return recipes


def _trains(options: Options) -> Mapping[str, object]:
    """What a training does: negatives left out are as many as the loss has of its own."""
    return asdict(options) | {"negatives": options.mined}


def _recipe(text: str, options: Options) -> Options:
    names = [field.name for field in fields(Options) if field.name != "seed"]  # the seeds are those of --seeds
    known = {key.name: key for key in keys("finetune") if key.name in names}
    values: dict[str, list[str]] = {}
    for part in text.split("+"):
        name, equals, value = part.partition("=")
        name = name.strip().replace("-", "_")
        if not equals:
            raise InputError(f"--compare {text}: {part!r} is no KEY=VALUE; allowed keys: {', '.join(known)}")
        if name not in known:
            raise InputError(f"--compare {text}: {unknown('key', name, known)}")
        values.setdefault(name, []).append(value.strip())
    checked = {}
    for name, given in values.items():
        key, where = known[name], f"--compare {text}: {name}"
        if not key.is_list and len(given) > 1:
            raise InputError(f"{where} stands {len(given)} times; allowed: once")
        flags = {"true": True, "false": False} if key.is_flag else {}
        raw: object = [key.number(one) for one in given] if key.is_list else flags.get(given[0], key.number(given[0]))
        checked[name] = key.checked(raw, where)
    with _errors_of(text):
        return replace(options, **checked)


@dataclass(frozen=True, eq=False)
class Recipes:
    """Recipes to compare, checked: nothing is trained yet.

    Attributes:
        config: what holds beside them.
        options: of each, by its text.
        recipes: of each, one a seed.
    """

    config: Config
    options: Mapping[str, Options]
    recipes: Mapping[str, tuple[Recipe, ...]]

    @property
    def cache_dir(self) -> Path:
        """Where models are stored."""
        return self.config.cache_dir

    @property
    def all(self) -> tuple[Recipe, ...]:
        """Those of all seeds, in the order in which they are trained."""
        return tuple(recipe for each in self.recipes.values() for recipe in each)

    @property
    def missing(self) -> tuple[Recipe, ...]:
        """Those whose model is not there yet."""
        return tuple(recipe for recipe in self.all if find_stored(self.cache_dir, recipe.sha256) is None)

    @property
    def estimated_s(self) -> float:
        """What the missing ones take on two CPU cores, by the number of words."""
        return sum(map(estimated_seconds, self.missing))

    def validate(self, model: Model, *, progress: bool) -> npt.NDArray[np.float64]:
        """nDCG@10 of each validation query under a model; shape (queries,).

        Texts are cut as in the trainings; where recipes differ in that, as by the one that sees most of them.
        """
        validation = self.all[0].validation
        if model.max_tokens is not None:
            longest = max(options.max_tokens for options in self.options.values())
            model = replace(model, max_tokens=min(model.max_tokens, longest))
        encoder = Encoder(model, self.cache_dir, progress=progress)
        queries = encoder.queries(validation.queries).expanded()
        return validation.ndcg(queries, encoder.products(validation.texts, label="validation").expanded())

    def configured(self, name: str) -> Config:
        """The configuration with the options of a recipe."""
        return replace(self.config, finetune=self.options[name])


def plan_recipes(config: Config, recipes: Mapping[str, Options], seeds: int) -> Recipes:
    """Plan the trainings of recipes, so many seeds each; everything is checked, nothing is trained.

    Raises:
        InputError: see `plan_trainings`.
        CouldNotRunError: likewise.
    """
    planned = {}
    for name, options in recipes.items():  # a plan each: pairs, too, go by options
        with _errors_of(name):
            (training,) = plan_trainings(replace(config, finetune=options), 1)
        recipe = training.recipe
        planned[name] = tuple(replace(recipe, options=one) for one in seeded(recipe.options, seeds))
    first, *others = ((name, each[0].validation.sha256) for name, each in planned.items())
    if other := next((name for name, sha256 in others if sha256 != first[1]), None):
        raise InputError(f"--compare {first[0]},{other}: they are not validated by the same queries and products")
    return Recipes(training.plan.config, recipes, planned)


@contextmanager
def _errors_of(name: str) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise InputError(f"--compare {name}: {error}", details=error.details) from None


def try_recipes(recipes: Recipes, *, say: Callable[[str], object], progress: bool) -> Choice:
    """Train what is not stored yet, and judge every model by the validation queries; the benchmark is not looked at.

    Args:
        recipes: what is compared.
        say: is told which training begins.
        progress: whether bars are shown.

    Raises:
        CouldNotRunError: a training or the device fails.
        InputError: a stored model or the cache is damaged.
    """
    missing = {recipe.sha256 for recipe in recipes.missing}
    tried, number = [], 0
    for name, each in recipes.recipes.items():
        curves, values = [], []
        for recipe in each:
            if recipe.sha256 in missing:
                number += 1
                say(f"training {number} of {len(missing)}: {name}, seed {recipe.options.seed}")
            stored = train(recipe, recipes.cache_dir, progress=progress)
            for note in stored.notes:
                say(f"note: {note}")
            curves.append(stored.curve)
            values.append(recipes.validate(trained_model(recipes.config, stored), progress=progress))
        tried.append(Tried(name, tuple(curves), np.array(values)))
    return Choice(recipes.validate(recipes.all[0].base, progress=progress), tuple(tried))

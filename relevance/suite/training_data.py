"""The pairs that a model is trained on, read from where `[finetune] mix` says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from relevance import datasets
from relevance.errors import InputError
from relevance.finetune.mixing import made_pairs, mix, rated_pairs
from relevance.finetune.pairs import SPLIT_SEED, build_pairs, judged_pairs
from relevance.finetune.sources import DESCRIPTIONS, OWN, TITLES, parse_mix
from relevance.text import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from relevance.config import Config
    from relevance.finetune.mixing import Mixture
    from relevance.finetune.pairs import Pair
    from relevance.records import Dataset


def training_pairs(config: Config, evaluated: Dataset, frame: pd.DataFrame | None) -> Mixture:
    """Read and mix the pairs; the data set's own are those of `frame`, or else of its files, if it has some.

    Raises:
        InputError: a source is not known, cannot be read or has no pairs; there are too few, or of one query only.
    """
    sources = parse_mix(config.finetune.mix)
    if frame is None and (OWN in [source.name for source in sources] or datasets.has_pairs(config.source)):
        frame = datasets.load_pairs(config.source)
    drop_unknown, positive_from = config.source.unknown_products == "drop", config.finetune.positive_from
    own = None
    if frame is not None:
        own = build_pairs(frame, evaluated, drop_unknown=drop_unknown, positive_from=positive_from)
    others = (source.name for source in sources if source.name != OWN)
    candidates = {name: _candidates(name, config, evaluated) for name in others}
    return mix(own, sources, candidates, evaluated, positive_from=positive_from, seed=SPLIT_SEED)


def _candidates(name: str, config: Config, evaluated: Dataset) -> Sequence[Pair]:
    if name in (DESCRIPTIONS, TITLES):
        return made_pairs(name, evaluated.catalogue, seed=SPLIT_SEED)
    try:
        source = replace(datasets.parse(name, config.aliases), unknown_products="drop")
        if source.path is not None and config.origins["finetune.mix"] == getattr(config.file, "name", None):
            source = replace(source, path=config.root / source.path.expanduser())
        rated = datasets.load_pairs if datasets.has_pairs(source) else _judged
        return rated_pairs(source.name, rated(source))
    except InputError as error:
        made = f"; or {OWN}, {DESCRIPTIONS}, {TITLES}" if str(error).startswith("unknown data set") else ""
        raise InputError(f"mix: {error}{made}", details=error.details) from None


def _judged(source: datasets.Source) -> pd.DataFrame:
    return judged_pairs(datasets.load(source))


def mix_notes(mixture: Mixture) -> tuple[str, ...]:
    """What came of each source but the data set's own, a line each."""
    notes = []
    for one in mixture.mixed:
        dropped = f"; {one.dropped:,} dropped, as their query or text is evaluated or validated with"
        notes.append(f"mix: {plural(one.pairs, 'pair')} of {one.source.name}{dropped if one.dropped else ''}")
    return tuple(notes)

"""A model whose vectors are made of the text's hash, in place of one that has to be loaded."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from relevance.embeddings import Encoder, Model, Side
from relevance.embeddings.cache import SUFFIX

WIDTH = 8
MODEL = Model("made", Path("made"), "0" * 64, "f" * 64, WIDTH, query_prompt="query: ", max_tokens=6)


def fake_vector(text: str) -> npt.NDArray[np.float32]:
    """A vector that only this text has, not of unit length."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return (np.random.default_rng(seed).normal(size=WIDTH) * 3).astype(np.float32)


class FakeModel:
    """A token is a word, and two are special; it is one for queries and for products, but for the prompt of queries.

    With `interrupted` someone presses Ctrl-C after so many batches.
    """

    device = "made"

    def __init__(self, interrupted: int = -1) -> None:
        self.interrupted = interrupted
        self.encoded: list[str] = []
        self.batches = 0

    @contextmanager
    def at_work(self, _tokens: int, side: Side) -> Iterator[tuple[Callable[[Sequence[str]], Any], int]]:
        yield (lambda texts: self.encode(texts, side)), 32

    def token_counts(self, texts: Sequence[str], side: Side) -> list[int]:
        return [len((MODEL.prompt(side) + text).split()) + 2 for text in texts]

    def encode(self, texts: Sequence[str], side: Side) -> npt.NDArray[np.float32]:
        if self.batches == self.interrupted:
            raise KeyboardInterrupt
        prompted = [MODEL.prompt(side) + text for text in texts]
        self.batches += 1
        self.encoded += prompted
        return np.stack([fake_vector(text) for text in prompted])


def encoder(folder: Path, loaded: FakeModel | None = None, model: Model = MODEL) -> Encoder:
    """One that may load this fake, or nothing at all."""

    def load(_: Model) -> FakeModel:
        assert loaded is not None, "the model was loaded although all texts are cached"
        return loaded

    return Encoder(model, folder, progress=False, load=load)


def parts(folder: Path) -> list[Path]:
    """The indexes of finished parts."""
    return sorted(folder.rglob(f"*{SUFFIX}"))

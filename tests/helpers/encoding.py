"""A model whose vectors are made of the text's hash, in place of one that has to be loaded."""

import hashlib
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from relevance.embeddings import Encoder, Model, Side
from relevance.embeddings.cache import SUFFIX
from relevance.errors import CouldNotRunError, InputError

WIDTH = 8
MODEL = Model("made", Path("made"), "0" * 64, "f" * 64, WIDTH, query_prompt="query: ", max_tokens=6)
_LOCKS: list[object] = []


def fake_vector(text: str) -> npt.NDArray[np.float32]:
    """A vector that only this text has, not of unit length."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return (np.random.default_rng(seed).normal(size=WIDTH) * 3).astype(np.float32)


class FakeModel:
    """A token is a word, and two are special; it is one for queries and for products, but for the prompt of queries.

    A `fault` is what it does instead of encoding: `encode` raises, `die` ends its process, `sleep` takes long, a number
    is Ctrl-C after so many batches; `load` is one of its copies.
    """

    device = "made"

    def __init__(self, fault: str | int = "", processes: int = 0) -> None:
        self.fault, self.processes = fault, processes
        self.encoded: list[str] = []
        self.batches = 0

    def copies(self, _tokens: int) -> list[Callable[[], "FakeModel"]]:
        return [partial(_load_copy, self.fault)] * self.processes

    def token_counts(self, texts: Sequence[str], side: Side) -> list[int]:
        return [len((MODEL.prompt(side) + text).split()) + 2 for text in texts]

    def encode(self, texts: Sequence[str], side: Side) -> npt.NDArray[np.float32]:
        if self.batches == self.fault:
            raise KeyboardInterrupt
        if self.fault == "encode":
            raise CouldNotRunError("made to fail")
        if self.fault == "die":
            os._exit(7)
        if self.fault == "sleep":
            time.sleep(0.1)
        prompted = [MODEL.prompt(side) + text for text in texts]
        self.batches += 1
        self.encoded += prompted
        return np.stack([fake_vector(text) for text in prompted])


def _load_copy(fault: str | int) -> FakeModel:
    if fault == "load":
        raise InputError("cannot be loaded")
    _LOCKS.append(multiprocessing.get_context("spawn").RLock())  # as a model's libraries make some
    return FakeModel(fault)


def encoder(folder: Path, loaded: FakeModel | None = None, model: Model = MODEL) -> Encoder:
    """One that may load this fake, or nothing at all."""

    def load(_: Model) -> FakeModel:
        assert loaded is not None, "the model was loaded although all texts are cached"
        return loaded

    return Encoder(model, folder, progress=False, load=load)


def shards(folder: Path) -> list[Path]:
    return sorted(folder.rglob(f"*{SUFFIX}"))

"""The cache of vectors and the encoder in front of it, with a fake model in place of a real one."""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import os
import tempfile
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pytest

from relevance.embeddings import Encoder, Model, check_cache_dir, default_cache_dir
from relevance.embeddings.cache import SUFFIX, Store, open_store, text_digest
from relevance.errors import CouldNotRunError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

WIDTH = 8
PROMPTS = {"query": "query: ", "document": ""}
MODEL = Model(
    name="made", path=Path("made"), sha256="0" * 64, fingerprint="f" * 64,
    dimensions=WIDTH, query_prompt="query: ", max_tokens=6,
)  # fmt: skip

NUMBERED = [f"text {number}" for number in range(20)]


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else this machine does."""
    monkeypatch.setattr("relevance.embeddings.encoder._cpu_seconds", lambda: (0.0, 0.0))


class FakeModel:
    """A model whose vectors are made of the text's hash and are no unit vectors; a token is a word."""

    device = "made"

    def __init__(self, stop_after: int | None = None) -> None:
        self.batches: list[list[str]] = []
        self.stop_after = stop_after

    def token_counts(self, texts: Sequence[str], side: str) -> list[int]:
        """Words, and two special tokens."""
        return [len((PROMPTS[side] + text).split()) + 2 for text in texts]

    def encode(self, texts: Sequence[str], side: str) -> npt.NDArray[np.float32]:
        """Vectors of any length, or what Ctrl-C does after some batches."""
        if self.stop_after is not None and len(self.batches) >= self.stop_after:
            raise KeyboardInterrupt
        self.batches.append([PROMPTS[side] + text for text in texts])
        return np.stack([fake_vector(PROMPTS[side] + text) for text in texts])

    def copies(self, tokens: int) -> list[Callable[[], FakeModel]]:
        """None: this process does all."""
        del tokens
        return []

    @property
    def encoded(self) -> list[str]:
        """All texts that were encoded, in order."""
        return [text for batch in self.batches for text in batch]


def fake_vector(text: str) -> npt.NDArray[np.float32]:
    """A vector of some length that only this text has."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return (np.random.default_rng(seed).normal(size=WIDTH) * 3).astype(np.float32)


def unit_vector(text: str) -> npt.NDArray[np.float32]:
    """The same at length 1."""
    vector = fake_vector(text).astype(np.float64)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def encoder(folder: Path, loaded: FakeModel | None = None, *, model: Model = MODEL) -> Encoder:
    """An encoder that may load `loaded`, or nothing at all."""

    def load(_: Model) -> FakeModel:
        if loaded is None:
            pytest.fail("the model was loaded although all texts are cached")
        return loaded

    return Encoder(model, folder, progress=False, load=load)


def shards(folder: Path) -> list[Path]:
    """The shards somewhere under a folder."""
    return sorted(folder.rglob(f"*{SUFFIX}"))


def filled(folder: Path, texts: Sequence[str] = ("red hammer", "blue saw", "green drill")) -> Path:
    """A cache with one shard; the shard's path."""
    encoder(folder, FakeModel()).products(texts, label="x")
    (path,) = shards(folder)
    return path


def add(store: Store, *texts: str, scale: float = 1.0) -> None:
    """Add a shard of made vectors to a store."""
    vectors = np.stack([fake_vector(text) for text in texts]) * np.float32(scale)
    store.add([text_digest(text) for text in texts], [3] * len(texts), vectors)


def filled_store(folder: Path, *files: Sequence[str]) -> Store:
    """A store with a shard for each of these lists of texts."""
    store = Store(folder, width=WIDTH)
    for texts in files:
        add(store, *texts)
    return store


def vectors_of(store: Store, texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """The vectors of texts, one a row."""
    found = store.read([text_digest(text) for text in texts])
    assert found is not None, "damaged"
    return found[0].expanded()


def missing(store: Store, texts: Sequence[str]) -> int:
    """How many texts have no vector."""
    return len(store.missing([text_digest(text) for text in texts]))


def test_each_distinct_text_is_encoded_once_and_longest_first(tmp_path: Path) -> None:
    """A text of several products or fields goes to the model once; a batch is padded little, memory needed early."""
    loaded = FakeModel()
    both = encoder(tmp_path, loaded)
    both.products(["saw", "hammer of steel", "saw", "hammer saw"], label="title")
    both.products(["saw", "saw of steel"], label="whole")
    assert loaded.encoded == ["hammer of steel", "hammer saw", "saw", "saw of steel"]


def test_rows_follow_the_products(tmp_path: Path) -> None:
    """The row of a product points at its text's unit vector; white space alone has none, nor does it load a model."""
    empty = encoder(tmp_path)
    none, queries = empty.products(["", " \n"], label="x"), empty.queries([])
    assert none.matrix.shape == queries.matrix.shape == (0, WIDTH)
    assert (none.rows.tolist(), empty.query_ms) == ([-1, -1], None)
    texts = ["saw", "", "größe \U0001f528\x00", " \n", "saw"]
    vectors = encoder(tmp_path, FakeModel()).products(texts, label="x")
    assert [row >= 0 for row in vectors.rows] == [True, False, True, False, True]
    assert vectors.matrix.dtype == np.float32
    expected = np.stack([unit_vector(text) for text in texts[::2]])
    np.testing.assert_allclose(vectors.matrix[vectors.rows[[0, 2, 4]]], expected, atol=1e-7)


def test_a_warm_run_loads_no_model_and_gives_the_same_bytes(tmp_path: Path) -> None:
    """Vectors, counts of cut texts (6 tokens, two of them special) and the time of a query come from the cache."""
    texts, queries = ["a b c d e", "a b c d"], ["saw", "steel saw", "saw"]
    cold, warm = encoder(tmp_path, FakeModel()), encoder(tmp_path)
    before, after = ((each.products(texts, label="x"), each.queries(queries)) for each in (cold, warm))
    assert [each.matrix.tobytes() for each in before] == [each.matrix.tobytes() for each in after]
    assert warm.query_ms == cold.query_ms is not None
    assert warm.cut_of(texts) == cold.cut_of(texts) == (2, 1)


def test_queries_get_the_prompt_and_products_do_not(tmp_path: Path) -> None:
    """One text has two vectors, in a folder each."""
    both = encoder(tmp_path, FakeModel())
    product, query = both.products(["saw"], label="x"), both.queries(["saw"])
    np.testing.assert_allclose(product.matrix[0], unit_vector("saw"), atol=1e-7)
    np.testing.assert_allclose(query.expanded()[0], unit_vector("query: saw"), atol=1e-7)
    folders = {path.parent for path in shards(tmp_path)}
    assert {path.parent for path in folders} == {tmp_path / "embeddings"}
    assert len(folders) == 2


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ({"fingerprint": "e" * 64}, True),
        ({"max_tokens": 5}, True),
        ({"query_prompt": "q: "}, True),
        ({"name": "b", "path": Path("b"), "device": "cuda"}, False),
    ],
)
def test_the_key_holds_what_makes_a_vector(tmp_path: Path, change: dict[str, Any], *, again: bool) -> None:
    """Another model, truncation or prompt finds nothing in the cache; another name, folder or device does."""
    encoder(tmp_path, FakeModel()).queries(["saw"])
    other = FakeModel()
    encoder(tmp_path, other, model=replace(MODEL, **change)).queries(["saw"])
    assert bool(other.encoded) == again


@pytest.mark.parametrize(("every_s", "files"), [(0.0, 40), (1e9, 1)])
def test_an_interrupted_run_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every_s: float, files: int
) -> None:
    """Ctrl-C loses no text that was encoded, leaves no temporary file, and the next run does the rest."""
    monkeypatch.setattr("relevance.embeddings.encoder._SAVED_EVERY_S", every_s)
    texts = [f"text {number}" for number in range(1500)]
    with pytest.raises(KeyboardInterrupt):
        encoder(tmp_path, FakeModel(stop_after=40)).products(texts, label="x")
    assert not list(tmp_path.rglob(".*"))
    assert len(shards(tmp_path)) == files
    rest = FakeModel()
    vectors = encoder(tmp_path, rest).products(texts, label="x")
    assert len(rest.encoded) == 1500 - 40 * 32
    np.testing.assert_allclose(vectors.matrix[vectors.rows[700]], unit_vector(texts[700]), atol=1e-7)


def test_a_kill_loses_the_last_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces are on disk while a shard grows; when it is whole it is the same file that a fast machine writes."""
    texts = [f"text {number}" for number in range(100)]
    encoder(tmp_path / "fast", FakeModel()).products(texts, label="x")
    held: list[int] = []

    class Watching(FakeModel):
        def encode(self, texts: Sequence[str], side: str) -> npt.NDArray[np.float32]:
            held.append(len(shards(tmp_path / "slow")))
            return super().encode(texts, side)

    monkeypatch.setattr("relevance.embeddings.encoder._SAVED_EVERY_S", 0.0)
    encoder(tmp_path / "slow", Watching()).products(texts, label="x")
    assert held == [0, 1, 2, 3]
    ((fast,), (slow,)) = shards(tmp_path / "fast"), shards(tmp_path / "slow")
    assert (fast.name, fast.read_bytes()) == (slow.name, slow.read_bytes())


def _flip(at: int) -> Callable[[bytes], bytes]:
    return lambda raw: raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :] if at >= 0 else _flip(len(raw) + at)(raw)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "vector": _flip(-1),
    "digest": _flip(64),
    "checksum of a vector": _flip(64 + 20),
    "magic": _flip(0),
    "rows": _flip(16),
    "dimensions": _flip(20),
    "header checksum": _flip(24),
    "cut short": lambda raw: raw[:-1],
    "half": lambda raw: raw[: len(raw) // 2],
    "longer": lambda raw: raw + b"\0",
    "empty": lambda _: b"",
    "zeros": lambda raw: bytes(len(raw)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_shard_is_set_aside(tmp_path: Path, damage: str) -> None:
    """What it held is encoded again, one line names the file, and nothing damaged is ever used."""
    texts = ["red hammer", "blue saw", "green drill"]
    path = filled(tmp_path, texts)
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    healed = encoder(tmp_path, FakeModel())
    vectors = healed.products(texts, label="x")
    np.testing.assert_allclose(vectors.expanded(), [unit_vector(text) for text in texts], atol=1e-7)
    assert [str(path) in note and "\n" not in note for note in healed.notes] == [True]
    assert path.with_name(f"{path.name}.damaged").exists()
    warm = encoder(tmp_path)
    assert warm.products(texts, label="x").expanded().tobytes() == vectors.expanded().tobytes()
    assert warm.notes == ()


def test_a_damaged_vector_costs_itself_alone(tmp_path: Path) -> None:
    """A run that does not need it is not disturbed; one that does encodes it again and keeps the rest of its file."""
    texts = ["red hammer", "blue saw", "green drill"]
    path = filled(tmp_path, texts)
    last = max(texts, key=text_digest)
    path.write_bytes(_flip(-1)(path.read_bytes()))
    encoder(tmp_path).products([text for text in texts if text != last], label="x")
    again = FakeModel()
    encoder(tmp_path, again).products(texts, label="x")
    assert again.encoded == [last]


def test_a_damaged_vector_does_not_stop_a_merge(tmp_path: Path) -> None:
    """What nobody asks for is set aside when files are merged, and what was just encoded stays."""
    store = filled_store(tmp_path, *([text] for text in NUMBERED))
    path = shards(tmp_path)[0]
    path.write_bytes(_flip(-1)(path.read_bytes()))
    store.compact()
    assert missing(store, NUMBERED) == 1
    assert len(store.notes) == 1


class _ReadOnly:
    """The file system of a cache that may only be read: what is made or written there is refused."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        for name in ("open", "mkdir", "replace", "rename", "unlink"):
            patch.setattr(os, name, self._refusing(getattr(os, name), folder, reads=name == "open"))
        patch.setattr(tempfile, "_get_candidate_names", lambda: iter(["a", "b"]))

    @staticmethod
    def _refusing(real: Callable[..., Any], folder: Path, *, reads: bool) -> Callable[..., Any]:
        def call(path: Any, *args: Any, **options: Any) -> Any:
            writes = not reads or args[0] & (os.O_WRONLY | os.O_RDWR)
            if writes and str(path).startswith(str(folder)):
                raise OSError(errno.EROFS, "Read-only file system")
            return real(path, *args, **options)

        return call


def test_a_cache_that_can_only_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is enough where it has everything; where something is missing or damaged, one line says how much."""
    texts, queries = ["red hammer", "blue saw"], ["saw"]
    filled(tmp_path, texts)
    encoder(tmp_path, FakeModel()).queries(queries)
    damaged = filled(tmp_path / "other", ["green drill"])
    damaged.rename(filled(tmp_path / "third").with_name(damaged.name)).write_bytes(b"damaged")
    _ReadOnly(tmp_path, monkeypatch)
    check_cache_dir(tmp_path)
    warm = encoder(tmp_path)
    warm.products(texts, label="x")
    warm.queries(queries)
    assert warm.query_ms is not None
    with pytest.raises(InputError) as caught:
        encoder(tmp_path, FakeModel()).products([*texts, "new"], label="title")
    assert "Read-only file system, and embeddings of 1 of 3 texts (title) are not there" in str(caught.value)
    with pytest.raises(InputError, match="not there; allowed"):
        encoder(tmp_path, FakeModel(), model=replace(MODEL, fingerprint="other")).queries(queries)
    third = encoder(tmp_path / "third")
    third.products(["red hammer", "blue saw"], label="x")
    assert "passed over" in third.notes[0]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"p50_ms": null}', b'{"p50_ms": NaN, "device": "cpu"}', b"\xff"]
)
def test_a_damaged_query_time_is_measured_again(tmp_path: Path, content: bytes) -> None:
    """The small file beside the vectors is no reason to stop."""
    encoder(tmp_path, FakeModel()).queries(["saw"])
    (path,) = tmp_path.rglob("query_time.json")
    path.write_bytes(content)
    again = encoder(tmp_path, FakeModel())
    again.queries(["saw"])
    assert again.query_ms is not None
    assert json.loads(path.read_bytes())["device"] == "made"


def test_a_time_of_a_busy_machine_does_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the median of single queries; of several the least is kept, on each device its own."""
    used, model = np.zeros(2), FakeModel()

    def query_ms(*texts: str, ms: Sequence[float], busy: bool, loads: bool = True) -> float:
        def cpu_seconds() -> tuple[float, float]:
            used.__iadd__((1.0, 0.5 if busy else 0.1))
            return float(used[0]), float(used[1])

        monkeypatch.setattr("relevance.embeddings.encoder._cpu_seconds", cpu_seconds)
        ticks = itertools.chain.from_iterable((0.0, each / 1000) for each in ms)
        timed = Encoder(
            MODEL, tmp_path, progress=False, load=lambda _: model if loads else pytest.fail("loaded"),
            clock=lambda: next(ticks),
        )  # fmt: skip
        timed.queries(texts)
        assert timed.query_ms is not None
        return timed.query_ms

    monkeypatch.setattr("relevance.embeddings.encoder._LOOK_S", 0.0)
    assert query_ms("saw", "axe", "vice", ms=[9, 20, 3], busy=True) == pytest.approx(9)
    assert query_ms("saw", ms=[1], busy=True, loads=False) == pytest.approx(9)
    assert query_ms("saw", ms=[2], busy=False) == pytest.approx(2)
    assert query_ms("saw", ms=[1], busy=False, loads=False) == pytest.approx(2)
    assert query_ms("saw", "new", ms=[8, 8], busy=True) == pytest.approx(2)
    assert query_ms("saw", "drill", ms=[1, 1], busy=False) == pytest.approx(1)
    (path,) = tmp_path.rglob("query_time.json")
    path.write_text('{"p50_ms": 7.0, "device": "made"}')  # as it was written before anybody looked
    assert query_ms("saw", ms=[3], busy=False) == pytest.approx(3)
    model.device = "other"
    assert query_ms("plane", ms=[5], busy=False) == pytest.approx(5)


@pytest.mark.parametrize(
    ("value", "width", "message"),
    [(0.0, WIDTH, "'bad text'"), (np.nan, WIDTH, "'bad text'"), (np.inf, WIDTH, "'bad text'"), (1.0, 4, "shape")],
)
def test_a_vector_that_is_none_is_an_error(tmp_path: Path, value: float, width: int, message: str) -> None:
    """Without direction, or of other dimensions than the model's files say: nothing is cached."""

    class Broken(FakeModel):
        def encode(self, texts: Sequence[str], side: str) -> npt.NDArray[np.float32]:
            vectors = super().encode(texts, side)
            vectors[[text == "bad text" for text in texts]] = value
            return vectors

    with pytest.raises(CouldNotRunError, match=message):
        encoder(tmp_path, Broken(), model=replace(MODEL, dimensions=width)).products(["good", "bad text"], label="x")
    assert not shards(tmp_path)


def test_half_a_surrogate_pair_is_an_error(tmp_path: Path) -> None:
    """JSON can hold what is no text; the message shows where."""
    with pytest.raises(InputError, match="position 4"):
        encoder(tmp_path, FakeModel()).products(["saw \ud800"], label="x")


@pytest.mark.parametrize("seed", range(2))
def test_a_merge_keeps_bytes_and_the_choice_between_two_vectors(tmp_path: Path, seed: int) -> None:
    """Runs that encoded one text at once leave several vectors; before and after a merge the same one is read."""
    store = Store(tmp_path, width=WIDTH)
    for number in range(20):
        add(store, "shared", f"own {seed} {number}", scale=1 + number + seed)
    add(store, "shared", *(f"large {row}" for row in range(50)), scale=1000 + seed)
    texts = ["shared", f"own {seed} 7", "large 3"]
    before = vectors_of(store, texts).tobytes()
    store.compact()
    assert len(shards(tmp_path)) == 2
    assert vectors_of(store, texts).tobytes() == before


def test_a_merge_whose_result_exists_deletes_no_vector(tmp_path: Path) -> None:
    """Where the merged content equals one of its sources, that file stays."""
    large = ([f"large {number} {row}" for row in range(50)] for number in range(4))
    store = filled_store(tmp_path, *([text] for text in NUMBERED), NUMBERED, *large)
    store.compact()
    vectors_of(store, NUMBERED)


def test_a_file_is_merged_once_the_smaller_ones_together_are_as_large(tmp_path: Path) -> None:
    """So one long run ends up in one file, and a few new texts do not have all the others written again."""
    folder = open_store(tmp_path, MODEL, "document").folder
    texts = [f"text {number}" for number in range(18 * 20)]
    filled_store(folder, *(texts[start : start + 20] for start in range(0, len(texts), 20))).compact()
    (large,) = shards(tmp_path)
    for number in range(20):
        encoder(tmp_path, FakeModel()).products([f"new {number}"], label="x")
        assert len(shards(tmp_path)) <= 17
    assert large in shards(tmp_path)
    expected = np.stack([fake_vector(text) for text in texts]).tobytes()
    assert vectors_of(Store(folder, width=WIDTH), texts).tobytes() == expected


def test_vectors_that_fill_a_file_are_used_as_they_lie_on_disk(tmp_path: Path) -> None:
    """Nine of ten wanted: the matrix is the file's memory map; fewer, or more files: it is gathered."""
    texts = [f"text {number}" for number in range(10)]
    filled(tmp_path, texts)
    most, few = encoder(tmp_path).products(texts[1:], label="x"), encoder(tmp_path).products(texts[2:], label="x")
    assert isinstance(most.matrix, np.memmap)
    assert not most.matrix.flags.writeable
    assert len(most.matrix) == 10
    assert not isinstance(few.matrix, np.memmap)
    assert len(few.matrix) == 8
    assert most.expanded()[1:].tobytes() == few.expanded().tobytes()
    encoder(tmp_path, FakeModel()).products(["new"], label="x")
    both = encoder(tmp_path).products([*texts, "new"], label="x")
    assert not isinstance(both.matrix, np.memmap)
    assert both.expanded()[1:10].tobytes() == most.expanded().tobytes()


def test_vectors_never_lie_in_memory_twice(tmp_path: Path) -> None:
    """Half of a large file costs little beside the matrix, all of it hardly anything: its pages are the system's."""
    store = Store(tmp_path, width=512)
    digests = [text_digest(f"text {number}") for number in range(10_000)]
    store.add(digests, [3] * len(digests), np.ones((len(digests), 512), dtype=np.float32))
    store.missing(digests)
    whole = len(digests) * 512 * 4
    for wanted, allowed in ((digests[:5_000], 0.5 + 0.45), (digests, 0.45)):
        tracemalloc.start()
        try:
            store.read(wanted)
            highest = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert highest < allowed * whole


def test_a_merge_does_not_disturb_a_reader(tmp_path: Path) -> None:
    """A reader that opened shards before the merge goes on reading, and one that lists anew finds all."""
    writer, reader = filled_store(tmp_path, *([text] for text in NUMBERED)), Store(tmp_path, width=WIDTH)
    assert missing(reader, NUMBERED) == 0
    writer.compact()
    assert len(shards(tmp_path)) == 1
    expected = np.stack([fake_vector(text) for text in NUMBERED]).tobytes()
    for _ in range(2):
        assert vectors_of(reader, NUMBERED).tobytes() == expected
        assert missing(reader, NUMBERED) == 0


def test_a_reader_that_loses_a_file_lists_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard that goes between listing and opening is looked for under the name it was merged to."""
    store, real, listed = filled_store(tmp_path, *([text] for text in NUMBERED)), Path.glob, []

    def glob_then_merge(self: Path, pattern: str) -> list[Path]:
        paths = list(real(self, pattern))
        if pattern.endswith(SUFFIX) and not listed:
            listed.append(1)
            Store(tmp_path, width=WIDTH).compact()
        return paths

    monkeypatch.setattr(Path, "glob", glob_then_merge)
    assert missing(store, NUMBERED) == 0
    assert listed


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system says is passed on, and no temporary file stays."""

    def full(_: int) -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CouldNotRunError, match="No space left on device"):
        encoder(tmp_path, FakeModel()).products(["saw"], label="x")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_cache_folder_is_made_or_refused(tmp_path: Path) -> None:
    """A path that cannot be a folder is refused before anything long starts; the default carries the package's name."""
    check_cache_dir(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    assert "relevance" in default_cache_dir().parts
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "cache"):
        with pytest.raises(InputError, match="allowed: a folder that can be written to"):
            check_cache_dir(path)


def test_files_deleted_during_a_run_are_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that is emptied between writing and reading is one line."""
    monkeypatch.setattr(Store, "_write", lambda self, *_: self.folder / "none")
    with pytest.raises(CouldNotRunError, match="deleted during the run"):
        encoder(tmp_path, FakeModel()).products(["saw"], label="x")

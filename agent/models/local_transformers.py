"""Safetensors weights in this process. The only module that imports torch and transformers.

A prompt is read in chunks that end at multiples of `CHUNK` tokens and at the prefix's end, and a
cache that is used again is cut back to such a place. So the same prompt is always computed in the
same pieces, whatever was there before, and on one machine's CPU with one number of threads its
logits are the same to the bit, from a fresh cache, one in memory, or one from the disk.

All layers keep all tokens, also those that attend to a sliding window only: a cache is so cut back
at will, and the mask still hides what is out of the window. Layers with a recurrent state cannot
be cut back; such weights read every prompt from its start.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.errors import ModelError
from agent.models import local_lora
from agent.models.local_engine import (
    Answered,
    Stop,
    Stopped,
    TemplateRefuses,
    missing_extra,
    no_template,
    out_of_memory,
)
from agent.models.local_text import Detokenizer
from agent.models.prefix_store import common

if TYPE_CHECKING:
    from agent.models.local_files import Weights

CHUNK = 512
"""Tokens that are read at once: enough to fill a processor, few enough to show progress."""

_DATE = "26 Jul 2024"
"""What Llama's templates print as today: a day's own date would spoil every cache at midnight.
It is the one that they print themselves where they know none."""
_CUTTABLE = {"full_attention", "sliding_attention"}
_importing = threading.Lock()


class Transformers:
    """See `Engine` for the contract."""

    suffix = ".safetensors"

    def __init__(self, weights: Weights) -> None:
        """Load tokenizer and weights; takes seconds.

        Raises:
            ModelError: They cannot be loaded.
        """
        self._path = weights.path
        self._held: list[int] = []
        # Texts are counted on any thread, and the tokenizer refuses two that set it up at a time.
        self._tokenizing = threading.Lock()
        with _in_words(self._path, lambda: 0):
            self._torch, transformers = _libraries()
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(
                self._path, local_files_only=True, trust_remote_code=False
            )
            if not self._tokenizer.chat_template:
                raise no_template(self._path)
            self._device = "cuda" if self._torch.cuda.is_available() else "cpu"
            self._model = transformers.AutoModelForCausalLM.from_pretrained(
                self._path,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=self._torch.float32 if self._device == "cpu" else "auto",
            )
            if weights.adapter is not None:
                self._model = local_lora.adapted(self._model, weights.adapter, weights.scale)
            self._model.to(self._device).eval()
        self._empty = transformers.DynamicCache
        self._layer = _roomy_layer()
        self._config = self._model.config.get_text_config()
        kinds = set(getattr(self._config, "layer_types", None) or ())
        self.can_keep = (
            kinds <= _CUTTABLE
            and not getattr(self._model, "_is_stateful", False)
            and not getattr(self._config, "num_kv_shared_layers", 0)
        )
        self.window = weights.window
        self.specials = tuple(self._tokenizer.get_added_vocab())
        number = str(self._model.dtype).removeprefix("torch.")
        libraries = f"torch {version('torch')} transformers {version('transformers')}"
        self.key = f"{weights.digest} {self._device} {number} {libraries} {CHUNK}"
        self._cache = self._fresh()
        self._stop: Stop = lambda: False
        self._watch()
        self._ends = self._turn_ends()

    def render(self, messages: Sequence[Mapping[str, str]]) -> str:
        """By the tokenizer's template; reasoning is asked to be left out."""
        import jinja2

        try:
            text = self._tokenizer.apply_chat_template(
                list(messages),
                tokenize=False,
                add_generation_prompt=True,
                enable_thinking=False,
                date_string=_DATE,
            )
        except jinja2.TemplateError as error:
            raise TemplateRefuses(str(error)) from error
        return str(text)

    def tokens(self, text: str) -> list[int]:
        """See `Engine.tokens`."""
        # Longer than the window is what this is asked to find out: no warning.
        with self._tokenizing:
            ids = self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return [int(token) for token in ids]

    def kept(self, tokens: Sequence[int]) -> int:
        """See `Engine.kept`."""
        shared = common(self._held, tokens)
        if shared == len(self._held) == len(tokens):
            return shared
        # A chunk that was read beside other tokens may differ in the last bit.
        return shared - shared % CHUNK

    def restore(self, file: Path, tokens: Sequence[int]) -> bool:
        """Map the file into memory: pages are read when they are used."""
        from safetensors import SafetensorError, safe_open

        cache = self._fresh()
        try:
            with safe_open(file, framework="pt", device=self._device) as saved:
                count = len(list(saved.keys())) // 2
                if count != self._config.num_hidden_layers:
                    return False
                for n in range(count):
                    keys, values = saved.get_tensor(f"keys.{n}"), saved.get_tensor(f"values.{n}")
                    if keys.shape[-2] != len(tokens) or values.shape[-2] != len(tokens):
                        return False
                    cache.layers[n].hold(keys, values)
        except (OSError, SafetensorError):
            return False
        self._cache, self._held = cache, list(tokens)
        return True

    def read(self, tokens: Sequence[int], stop: Stop) -> Generator[int, None, None]:
        """See `Engine.read`."""
        done = self.kept(tokens)
        self._cut(done)
        while done < len(tokens):
            chunk = list(tokens[done : done - done % CHUNK + CHUNK])
            try:
                self._forward(chunk, stop)
            except BaseException:
                self._cut(done)
                raise
            self._held += chunk
            done += len(chunk)
            yield done

    def save(self, file: Path) -> None:
        """See `Engine.save`."""
        from safetensors.torch import save_file

        tensors = {}
        for n, layer in enumerate(self._cache.layers):
            tensors[f"keys.{n}"] = layer.keys.contiguous()
            tensors[f"values.{n}"] = layer.values.contiguous()
        try:
            save_file(tensors, file)
        except OSError:
            raise
        except Exception as error:  # its own type, for a full disk too
            raise OSError(str(error)) from error

    @property
    def bytes_held(self) -> int:
        """See `Engine.bytes_held`."""
        return sum(
            tensor.numel() * tensor.element_size()
            for layer in self._cache.layers
            for tensor in (layer.keys, layer.values)
            if tensor is not None
        )

    def answer(
        self, rest: Sequence[int], most: int, temperature: float, stop: Stop
    ) -> Generator[str | Answered, None, None]:
        """See `Engine.answer`."""
        head = len(self._held)
        text = Detokenizer(self._decode)
        try:
            # Chunks end at the multiples that a longer prefix would end at.
            at, logits = 0, None
            while at < len(rest):
                chunk = list(rest[at : at + CHUNK])
                logits = self._forward(chunk, stop)
                at += len(chunk)
            for count in range(1, most + 1):
                token = self._choose(logits, temperature)
                if token in self._ends:
                    if left := text.flush():
                        yield left
                    yield Answered(count, "stop")
                    return
                if piece := text.feed(token):
                    yield piece
                if count < most:
                    logits = self._forward([token], stop)
            if left := text.flush():
                yield left
            yield Answered(most, "length")
        finally:
            self._cut(head)

    def close(self) -> None:
        """See `Engine.close`."""
        self._cache, self._held, self._model = None, [], None
        if self._device == "cuda":
            self._torch.cuda.empty_cache()

    def _fresh(self) -> Any:
        """A cache whose layers keep all, where they can be cut back; else as the weights want."""
        cache = self._empty(config=self._config)
        if self.can_keep:
            cache.layers = [self._layer() for _ in range(self._config.num_hidden_layers)]
        return cache

    def _forward(self, tokens: list[int], stop: Stop) -> Any:
        """Read tokens after those in the cache -> the logits of the next, shape (vocabulary,)."""
        torch = self._torch
        self._stop = stop
        with torch.inference_mode(), _in_words(self._path, self._cache.get_seq_length):
            ids = torch.tensor([tokens], device=self._device)
            said = self._model(
                input_ids=ids, past_key_values=self._cache, use_cache=True, logits_to_keep=1
            )
            return said.logits[0, -1]

    def _cut(self, length: int) -> None:
        """Let the cache end after so many tokens; also where a chunk was left half read."""
        del self._held[length:]
        if not self.can_keep or length == 0:
            self._cache = self._fresh()
            return
        for layer in self._cache.layers:
            if (over := layer.get_seq_length() - length) > 0:
                layer.crop(-over)

    def _choose(self, logits: Any, temperature: float) -> int:
        if temperature <= 0:
            return int(logits.argmax())
        chances = self._torch.softmax(logits.float() / temperature, dim=-1)
        return int(self._torch.multinomial(chances, 1))

    def _decode(self, tokens: Sequence[int]) -> str:
        text = self._tokenizer.decode(
            tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return str(text)

    def _watch(self) -> None:
        """Ask before every layer whether to go on: a chunk of a large model takes seconds."""
        from transformers.modeling_layers import GradientCheckpointingLayer

        def ask(*_: Any) -> None:
            if self._stop():
                raise Stopped

        for module in self._model.modules():
            if isinstance(module, GradientCheckpointingLayer):
                module.register_forward_pre_hook(ask)

    def _turn_ends(self) -> frozenset[int]:
        """The tokens that end an answer: those the weights name, and the template's own."""
        named = self._model.generation_config.eos_token_id
        ends = {self._tokenizer.eos_token_id, *(named if isinstance(named, list) else [named])}
        special = set(self._tokenizer.get_added_vocab().values())
        probe = "\ue000"
        said = [{"role": "user", "content": "?"}, {"role": "assistant", "content": probe}]
        try:
            shown = self._tokenizer.apply_chat_template(said, tokenize=False, date_string=_DATE)
            after = self.tokens(str(shown).rpartition(probe)[2].lstrip())
            ends |= set(after[:1]) & special
        except Exception:
            # A template is a program, and may fail at what it does not expect: then the weights'
            # own word has to do.
            pass
        return frozenset(end for end in ends if end is not None)


def _roomy_layer() -> Any:
    """A cache layer that grows in place. The library's own copies all of it at every token."""
    from transformers.cache_utils import DynamicLayer

    class Layer(DynamicLayer):  # type: ignore[no-untyped-call]  # a hook of the library
        room: tuple[Any, Any] | None = None

        def hold(self, keys: Any, values: Any) -> None:
            """Take tensors of shape (1, heads, tokens, width) as they are; they stay unchanged."""
            self.lazy_initialization(keys, values)
            self.keys, self.values, self.room = keys, values, None

        def update(self, key_states: Any, value_states: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
            if not self.is_initialized:
                self.lazy_initialization(key_states, value_states)
            start = self.get_seq_length()
            end = start + key_states.shape[-2]
            if self.room is None or self.room[0].shape[-2] < end:
                more = max(CHUNK, end // 8)
                shape = (*key_states.shape[:-2], end + more, key_states.shape[-1])
                room = (key_states.new_empty(shape), value_states.new_empty(shape))
                if start:
                    room[0][..., :start, :] = self.keys
                    room[1][..., :start, :] = self.values
                self.room = room
            self.room[0][..., start:end, :] = key_states
            self.room[1][..., start:end, :] = value_states
            self.keys, self.values = self.room[0][..., :end, :], self.room[1][..., :end, :]
            return self.keys, self.values

    return Layer


def _libraries() -> tuple[Any, Any]:
    """The libraries torch and transformers, silent and offline. The first call takes seconds.

    Raises:
        ModelError: One is not installed.
    """
    with _importing, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import torch
            import transformers
        except ImportError as error:
            raise missing_extra(error.name or "torch") from error
        log: Any = transformers.utils.logging
        log.set_verbosity_error()
        log.disable_progress_bar()
    return torch, transformers


@contextmanager
def _in_words(path: Path, length: Callable[[], int]) -> Iterator[None]:
    """Failures of torch and transformers as the house's.

    Raises:
        ModelError: What went wrong, in words.
    """
    try:
        yield
    except (ModelError, Stopped):
        raise
    except MemoryError as error:
        raise out_of_memory(path.name, length()) from error
    except Exception as error:
        text = str(error).strip()
        if type(error).__name__ == "OutOfMemoryError" or "allocate memory" in text:
            raise out_of_memory(path.name, length()) from error
        reason = text.splitlines()[0] if text else type(error).__name__
        raise ModelError(
            f"{path} cannot be run: {reason}",
            hint="Fetch the weights again, or take others: --model local:PATH",
        ) from error

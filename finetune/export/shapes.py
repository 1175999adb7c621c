"""Llama, Qwen2 and Qwen3 as llama.cpp sees them: the facts of a head, and where each tensor goes.

The names are those of llama.cpp's `gguf-py/gguf/constants.py` and `tensor_mapping.py`; the order of
a Llama's q and k rows, and its rope factors, those of `LlamaModel` in its converter.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from finetune.export.source import ExportError

if TYPE_CHECKING:
    from finetune.export.blocks import Floats

_KNOWN = {
    "LlamaForCausalLM": "llama",
    "Qwen2ForCausalLM": "qwen2",
    "Qwen3ForCausalLM": "qwen3",
}
_WHOLE = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
}
_OF_LAYER = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_LAYER = re.compile(r"model\.layers\.(\d+)\.(.+)")
OTHERWISE = "Name llama.cpp's own converter: --converter PATH/convert_hf_to_gguf.py"
"""What to do where this writer does not know a model."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A model's sizes, and what of them a GGUF file says."""

    name: str
    """As llama.cpp calls the architecture."""
    heads: int
    """Of the queries."""
    key_heads: int
    """Of the keys and values."""
    head: int
    """The width of one."""
    rows: int
    """Of the embedding: tokens, and rows that only fill it up."""
    tied: bool
    """Whether the output uses the embedding's weights."""
    facts: Mapping[str, int | float | str]
    """For the head of the file."""
    rope_factors: tuple[float, ...]
    """What each of Llama 3's frequencies is divided by; empty for none."""

    def place(self, name: str) -> str:
        """Where llama.cpp has a tensor of transformers'.

        Raises:
            ExportError: It knows none like it.
        """
        stem, _, last = name.rpartition(".")
        found = _WHOLE.get(stem)
        if (layer := _LAYER.fullmatch(stem)) and (inner := _OF_LAYER.get(layer[2])):
            found = f"blk.{layer[1]}.{inner}"
        if found is None or last not in ("weight", "bias"):
            raise ExportError(f"No place is known for the tensor {name}.", hint=OTHERWISE)
        return f"{found}.{last}"

    def turn(self, name: str, weights: Floats) -> Floats:
        """A tensor's rows in llama.cpp's order: a Llama's q and k pair neighbours, not halves.

        Args:
            name: Where llama.cpp has it.
            weights: Its rows are those of the layer's output.
        """
        part = name.split(".")[-2]
        if self.name != "llama" or part not in ("attn_q", "attn_k"):
            return weights
        heads = self.heads if part == "attn_q" else self.key_heads
        rest = weights.shape[1:]
        halves = weights.reshape(heads, 2, self.head // 2, *rest)
        return halves.swapaxes(1, 2).reshape(-1, *rest)


def read(config: Mapping[str, Any]) -> Shape:
    """The shape of a model by its `config.json`.

    Raises:
        ExportError: It is none of the three, or a kind of them that is not known.
    """
    named = next(iter(config.get("architectures") or ()), "no architecture")
    name = _KNOWN.get(str(named))
    if name is None:
        raise ExportError(
            f"This writer knows {', '.join(_KNOWN)}, and the model is {named}.", hint=OTHERWISE
        )
    if config.get("use_sliding_window") or config.get("mlp_bias"):
        odd = "mlp_bias" if config.get("mlp_bias") else "use_sliding_window"
        raise ExportError(f"This writer knows no {named} with {odd}.", hint=OTHERWISE)
    try:
        return _read(config, name)
    except (KeyError, TypeError, ValueError) as error:
        raise ExportError(
            f"config.json does not say the model's shape: {error}.", hint="Put back the whole base."
        ) from error


def _read(config: Mapping[str, Any], name: str) -> Shape:
    hidden, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
    keys = int(config.get("num_key_value_heads") or heads)
    head = int(config.get("head_dim") or hidden // heads)
    rope = {**(config.get("rope_scaling") or {}), **(config.get("rope_parameters") or {})}
    theta = float(rope.get("rope_theta") or config.get("rope_theta") or 10000.0)
    kind = str(rope.get("rope_type") or rope.get("type") or "default")
    facts: dict[str, int | float | str] = {
        "block_count": int(config["num_hidden_layers"]),
        "context_length": int(config["max_position_embeddings"]),
        "embedding_length": hidden,
        "feed_forward_length": int(config["intermediate_size"]),
        "attention.head_count": heads,
        "attention.head_count_kv": keys,
        "attention.layer_norm_rms_epsilon": float(config["rms_norm_eps"]),
        "attention.key_length": head,
        "attention.value_length": head,
        "rope.freq_base": theta,
        "rope.dimension_count": head,
        "vocab_size": int(config["vocab_size"]),
    }
    factors: tuple[float, ...] = ()
    if kind == "linear":
        facts |= {"rope.scaling.type": "linear", "rope.scaling.factor": float(rope["factor"])}
    elif kind == "llama3":
        factors = _llama3(rope, theta, head)
    elif kind != "default":
        raise ExportError(f"This writer knows no rope of the type {kind}.", hint=OTHERWISE)
    return Shape(
        name=name,
        heads=heads,
        key_heads=keys,
        head=head,
        rows=int(config["vocab_size"]),
        tied=bool(config.get("tie_word_embeddings", False)),
        facts={f"{name}.{key}": value for key, value in facts.items()},
        rope_factors=factors,
    )


def _llama3(rope: Mapping[str, Any], theta: float, head: int) -> tuple[float, ...]:
    """Llama 3.1's slowing of long waves, by frequency."""
    factor, window = float(rope["factor"]), float(rope["original_max_position_embeddings"])
    low, high = float(rope["low_freq_factor"]), float(rope["high_freq_factor"])
    found = []
    for n in range(0, head, 2):
        turns = window / (2 * math.pi * theta ** (n / head))
        share = min(max((turns - low) / (high - low), 0.0), 1.0)
        found.append(1 / ((1 - share) / factor + share))
    return tuple(found)

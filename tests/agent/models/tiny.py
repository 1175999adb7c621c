"""A chat model of a few thousand random weights, made when a test needs one.

Not a model that says anything sensible: it is there for its tokenizer, its template and its cache.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|turn|>{{ m['role'] }}\n{{ m['content'] }}<|end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|turn|>assistant\n{% endif %}"
)
SPECIAL = ("<|begin|>", "<|turn|>", "<|end|>")
WINDOW = 2048
VOCABULARY, HIDDEN, LAYERS, HEADS, KV_HEADS, INNER = 300, 32, 2, 4, 2, 64

_WORDS = "the lamp was lit in Norwich by Ada, and the keeper of Mill Road wrote it down. "


def folder(where: Path, *, seed: int = 0, template: str = TEMPLATE, **config: Any) -> Path:
    """A folder as `save_pretrained` leaves it: a Llama, or what `config` makes of it.

    Args:
        where: Made, with what is above it.
        seed: Of the weights.
        template: Its chat template; empty for none.
        config: Settings of `LlamaConfig`; `kind="mistral"` takes `MistralConfig` instead.
    """
    import torch
    from transformers import (
        LlamaConfig,
        LlamaForCausalLM,
        MistralConfig,
        MistralForCausalLM,
        PreTrainedTokenizerFast,
    )

    made = {
        "vocab_size": VOCABULARY,
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "intermediate_size": INNER,
        "max_position_embeddings": WINDOW,
        "bos_token_id": 0,
        "eos_token_id": None,
        "tie_word_embeddings": True,
    }
    kind = config.pop("kind", "llama")
    torch.manual_seed(seed)
    if kind == "mistral":
        model = MistralForCausalLM(MistralConfig(**{**made, **config}))
    else:
        model = LlamaForCausalLM(LlamaConfig(**{**made, **config}))
    for weight in model.parameters():
        # Wider than the usual start, so that one context gives another answer than the next.
        torch.nn.init.normal_(weight, std=0.3)
    model.save_pretrained(where)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_bpe(), bos_token="<|begin|>", eos_token="<|end|>"
    )
    tokenizer.chat_template = template or None
    tokenizer.save_pretrained(where)
    return where


def gguf(where: Path, *, seed: int = 0, template: str = TEMPLATE) -> Path:
    """A GGUF file (version 3) of a Llama of the same shape.

    The form: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
    """
    import numpy as np

    draw = np.random.default_rng(seed)
    head = HIDDEN // HEADS
    shapes = {"token_embd.weight": (VOCABULARY, HIDDEN), "output_norm.weight": (HIDDEN,)}
    for n in range(LAYERS):
        shapes |= {
            f"blk.{n}.attn_norm.weight": (HIDDEN,),
            f"blk.{n}.attn_q.weight": (HIDDEN, HIDDEN),
            f"blk.{n}.attn_k.weight": (KV_HEADS * head, HIDDEN),
            f"blk.{n}.attn_v.weight": (KV_HEADS * head, HIDDEN),
            f"blk.{n}.attn_output.weight": (HIDDEN, HIDDEN),
            f"blk.{n}.ffn_norm.weight": (HIDDEN,),
            f"blk.{n}.ffn_gate.weight": (INNER, HIDDEN),
            f"blk.{n}.ffn_up.weight": (INNER, HIDDEN),
            f"blk.{n}.ffn_down.weight": (HIDDEN, INNER),
        }
    spec = json.loads(_bpe().to_str())
    tokens = sorted(spec["model"]["vocab"], key=spec["model"]["vocab"].__getitem__)
    tokens += [f"[unused{n}]" for n in range(len(tokens), VOCABULARY)]
    facts: dict[str, Any] = {
        "general.architecture": "llama",
        "general.alignment": 32,
        "llama.context_length": WINDOW,
        "llama.embedding_length": HIDDEN,
        "llama.block_count": LAYERS,
        "llama.feed_forward_length": INNER,
        "llama.attention.head_count": HEADS,
        "llama.attention.head_count_kv": KV_HEADS,
        "llama.attention.layer_norm_rms_epsilon": 1e-6,
        "llama.rope.dimension_count": head,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3 if token in SPECIAL else 1 for token in tokens],
        "tokenizer.ggml.merges": [" ".join(pair) for pair in spec["model"]["merges"]],
        "tokenizer.ggml.bos_token_id": 0,
        "tokenizer.ggml.eos_token_id": 2,
    }
    if template:
        facts["tokenizer.chat_template"] = template
    out = bytearray(struct.pack("<4sIQQ", b"GGUF", 3, len(shapes), len(facts)))
    for key, value in facts.items():
        out += _text(key) + _value(value)
    data = bytearray()
    for name, shape in shapes.items():
        weight = draw.normal(0, 0.3, shape).astype("<f4")
        out += _text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
        out += struct.pack("<IQ", 0, len(data))
        data += weight.tobytes()
        data += bytes(-len(data) % 32)
    out += bytes(-len(out) % 32)
    where.parent.mkdir(parents=True, exist_ok=True)
    where.write_bytes(bytes(out + data))
    return where


def _bpe() -> Any:
    """A byte-level tokenizer with a few merges, trained on one sentence."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([_WORDS], trainer)
    return tokenizer


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: Any) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value[0], str):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(_text, value))
    return struct.pack(f"<IIQ{len(value)}i", 9, 5, len(value), *value)

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finetune.export import shapes, vocabulary
from finetune.export.source import ExportError
from tests.finetune.export import models
from tests.finetune.tiny_model import END_OF_TURN

LLAMA: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5,
    "vocab_size": 100,
}


def test_both_ways_in_which_a_config_says_its_rope_are_read() -> None:
    new = shapes.read(LLAMA | {"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}})
    old = shapes.read(LLAMA | {"rope_theta": 5e5, "rope_scaling": None})
    assert new == old
    assert new.facts["llama.rope.freq_base"] == 5e5


def test_llama_3_slows_its_long_waves_and_leaves_its_short_ones() -> None:
    factors = shapes.read(LLAMA | {"rope_parameters": models.ROPE}).rope_factors
    assert len(factors) == 8
    assert (factors[0], factors[-1]) == (1.0, 32.0)
    assert list(factors) == sorted(factors)


def test_a_llamas_queries_pair_neighbours_in_the_file() -> None:
    shape = shapes.read(LLAMA)
    rows = np.arange(64, dtype=np.float32)[:, None]
    turned = shape.turn("blk.0.attn_q.weight", rows)[:, 0]
    assert list(turned[:6]) == [0, 8, 1, 9, 2, 10]
    assert list(shape.turn("blk.0.attn_v.weight", rows)[:, 0]) == list(range(64))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"architectures": ["MambaForCausalLM"]}, "MambaForCausalLM"),
        ({"architectures": []}, "no architecture"),
        ({"use_sliding_window": True}, "use_sliding_window"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "yarn"),
    ],
)
def test_a_model_of_another_kind_is_refused_with_what_to_do(
    change: dict[str, Any], word: str
) -> None:
    with pytest.raises(ExportError, match=word) as caught:
        shapes.read(LLAMA | change)
    assert "--converter" in caught.value.hint


def test_a_config_without_its_sizes_is_named() -> None:
    with pytest.raises(ExportError, match="hidden_size"):
        shapes.read({"architectures": ["LlamaForCausalLM"]})


def test_a_tensor_without_a_place_is_refused() -> None:
    shape = shapes.read(LLAMA)
    assert shape.place("model.layers.1.mlp.up_proj.weight") == "blk.1.ffn_up.weight"
    with pytest.raises(ExportError, match="rotary"):
        shape.place("model.layers.1.rotary.weight")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    models.tokenizer("smollm").save_pretrained(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("kind", "cut"),
    [("smollm", "smollm"), ("llama3", "llama-bpe"), ("qwen2", "qwen2")],
)
def test_a_tokenizers_cut_is_told_by_its_rule(tmp_path: Path, kind: str, cut: str) -> None:
    models.tokenizer(kind).save_pretrained(tmp_path)
    facts = vocabulary.read(tmp_path, 400, END_OF_TURN)
    assert facts["tokenizer.ggml.pre"] == cut
    assert facts["tokenizer.ggml.eos_token_id"] == facts["tokenizer.ggml.eot_token_id"] == 2
    assert ("tokenizer.ggml.bos_token_id" in facts) == (kind == "llama3")


def test_missing_tokens_are_filled_up_and_special_ones_marked(folder: Path) -> None:
    facts = vocabulary.read(folder, 410, "")
    tokens, kinds = facts["tokenizer.ggml.tokens"], facts["tokenizer.ggml.token_type"]
    assert isinstance(tokens, list)
    assert isinstance(kinds, list)
    assert (tokens[2], kinds[2]) == (END_OF_TURN, 3)
    assert (tokens[409], kinds[409]) == ("[PAD409]", 5)


def test_marks_of_training_in_a_template_become_what_any_jinja_reads(folder: Path) -> None:
    import jinja2

    text = vocabulary.read(folder, 400, "")["tokenizer.chat_template"]
    assert isinstance(text, str)
    assert "generation" not in text.replace("add_generation_prompt", "")
    turns = [{"role": "user", "content": "Hm?"}, {"role": "assistant", "content": "Ho."}]
    plain = jinja2.Template(text).render(messages=turns)
    assert plain == models.tokenizer("smollm").apply_chat_template(turns, tokenize=False)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"model": {"type": "BPE", "byte_fallback": True}}, "SentencePiece"),
        ({"model": {"type": "Unigram"}}, "Unigram"),
        ({"pre_tokenizer": {"type": "Whitespace"}}, "how it cuts a text into words"),
        ({"pre_tokenizer": None}, "how it cuts a text into words"),
        ({"normalizer": {"type": "Lowercase"}}, "before it cuts"),
    ],
)
def test_a_tokenizer_that_llama_cpp_would_read_otherwise_is_refused(
    folder: Path, change: dict[str, Any], word: str
) -> None:
    import json

    path = folder / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ExportError, match=word) as caught:
        vocabulary.read(folder, 400, "")
    assert "--converter" in caught.value.hint


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused(folder: Path) -> None:
    with pytest.raises(ExportError, match="and the model 300"):
        vocabulary.read(folder, 300, "")


def test_llama_3s_factors_are_those_of_transformers() -> None:
    from transformers import LlamaConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    config = LlamaConfig(
        hidden_size=64,
        num_attention_heads=4,
        max_position_embeddings=256,
        rope_parameters=dict(models.ROPE),
    )
    slowed, _ = ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")
    factors = shapes.read(LLAMA | {"rope_parameters": models.ROPE}).rope_factors
    for n, factor in enumerate(factors):
        plain = 500000.0 ** (-2 * n / 16)
        assert math.isclose(plain / factor, float(slowed[n]), rel_tol=1e-5)

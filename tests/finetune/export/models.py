"""Models of a few thousand random weights, one of each kind that our GGUF writer knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.finetune.tiny_model import CHAT_TEMPLATE, END_OF_TURN, PAD

LLAMA3_CUT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2_CUT = LLAMA3_CUT.replace("{1,3}", "")
ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 32.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
TEXTS = [
    f"The {animal} lives at number {n}, isn't it?  Two spaces,\n\nnaïve café 日本."
    for n, animal in enumerate(("fox", "owl", "hen", "bee") * 30)
]


def make(folder: Path, kind: str) -> Path:
    """A folder as `save_pretrained` leaves it.

    Args:
        folder: Where.
        kind: `llama3`, with its tokenizer's cut, its first token and its rope; `smollm`, with tied
            weights; `qwen2`, with biases; `qwen3`, with norms on q and k and heads of a width of
            their own.
    """
    import torch
    import transformers

    its_tokenizer = tokenizer(kind)
    sizes: dict[str, Any] = {
        "vocab_size": -(-len(its_tokenizer) // 64) * 64,
        "hidden_size": 64,
        "intermediate_size": 160,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
        "tie_word_embeddings": kind == "smollm",
        "bos_token_id": its_tokenizer.bos_token_id,
        "eos_token_id": its_tokenizer.eos_token_id,
    }
    name = {"qwen2": "Qwen2", "qwen3": "Qwen3"}.get(kind, "Llama")
    if kind == "llama3":
        sizes["rope_parameters"] = ROPE
    if kind == "qwen3":
        sizes["head_dim"] = 32
    config = getattr(transformers, f"{name}Config")(**sizes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = getattr(transformers, f"{name}ForCausalLM")(config)
        for key, weight in model.named_parameters():
            # Large enough for each part to matter to the answer: biases are zero when made.
            torch.nn.init.normal_(weight, mean=float("norm" in key), std=0.15)
    model.save_pretrained(folder)
    its_tokenizer.save_pretrained(folder)
    return folder


def tokenizer(kind: str) -> Any:
    """A byte-level BPE that cuts words as this kind of model does."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    cut = {"llama3": LLAMA3_CUT, "qwen2": QWEN2_CUT, "qwen3": QWEN2_CUT}.get(kind)
    bpe = Tokenizer(models.BPE(ignore_merges=kind == "llama3"))
    by_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=cut is None)
    first = pre_tokenizers.Split(Regex(cut), "isolated") if cut else pre_tokenizers.Digits(True)
    bpe.pre_tokenizer = pre_tokenizers.Sequence([first, by_bytes])
    bpe.decoder = decoders.ByteLevel()
    special = [PAD, "<|im_start|>", END_OF_TURN]
    bpe.train_from_iterator(
        TEXTS,
        trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=special,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    found = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=bpe,
        bos_token=PAD if kind == "llama3" else None,
        eos_token=END_OF_TURN,
        pad_token=PAD,
        additional_special_tokens=["<|im_start|>"],
        clean_up_tokenization_spaces=False,
    )
    bos = "{{ bos_token }}" if kind == "llama3" else ""
    found.chat_template = bos + CHAT_TEMPLATE
    return found


def adapt(base: Path, folder: Path) -> Path:
    """A LoRA of random weights on all linear layers, as PEFT saves it, with the tokenizer."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from finetune.training.quiet import quiet

    config = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear")
    with quiet():  # PEFT asks for what transformers is about to drop
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        for key, weight in model.named_parameters():
            if "lora_" in key:
                torch.nn.init.normal_(weight, std=0.2)
    model.save_pretrained(str(folder))
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


def run(folder: Path, base: Path, *, adapter: bool = True) -> Path:
    """A finished run's folder on such a base, without its training.

    Args:
        folder: Where.
        base: As `make` leaves it.
        adapter: Whether the run made an adapter, or whole weights.
    """
    import shutil

    from finetune import recipe as recipes
    from finetune.training import runs

    folder.mkdir(parents=True)
    if adapter:
        adapt(base, folder / "adapter")
    else:
        shutil.copytree(base, folder / "model")
    values = {"base": str(base), "method": "lora" if adapter else "full", "rank": 4}
    runs.write_text(folder / "recipe.toml", recipes.dumps(recipes.build(values)))
    record = runs.Record(
        state="done",
        command=(),
        data=str(folder / "no-data"),
        data_digest="",
        base=str(base),
        base_hash=runs.hash_folder(base),
        versions={},
        engine="trl",
        device="CPU",
        seed=0,
    )
    runs.write(folder, record)
    return folder


def change_json(path: Path, **values: Any) -> None:
    """Change keys of a JSON file; None takes one out."""
    found = json.loads(path.read_text(encoding="utf-8")) | values
    kept = {key: value for key, value in found.items() if value is not None}
    path.write_text(json.dumps(kept), encoding="utf-8")

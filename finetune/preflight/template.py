"""The chat template: whether the end of an answer is trained, and what serving makes of a chat.

Served is as `local:` models are: the template that is stored with the weights renders the chat,
reasoning left out and Llama's date fixed, and the tokenizer adds nothing of its own. llama.cpp and
Ollama take the same template out of the GGUF file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from finetune.preflight.findings import Finding, Place
from finetune.preflight.pieces import Encoding, Reader
from finetune.serving import SERVED

_TEMPLATE = (Place("chat_template"),)
_QUESTION, _ANSWER, _NEXT = "questionprobe", "answerprobe", "nextprobe"
_AROUND = 24


def check(reader: Reader, ends: Iterable[int]) -> Iterator[Finding]:
    """Findings of the template itself, by a made-up chat.

    Args:
        reader: Of chats.
        ends: Tokens at which the base's generation settings say that an answer ends.
    """
    chat = [
        {"role": "user", "content": _QUESTION},
        {"role": "assistant", "content": _ANSWER},
        {"role": "user", "content": _NEXT},
        {"role": "assistant", "content": _ANSWER},
    ]
    try:
        found = reader.read({"messages": chat})[0]
    except Exception as error:  # a template is a program, and raises what it likes
        yield Finding(
            "error",
            "template-fails",
            f"The chat template fails at two questions with their answers: {error}.",
            _TEMPLATE,
            fix="Mend a copy of it, and name it: --set chat_template=FILE",
        )
        return
    tokenizer = reader.training
    trained = [token for token, loss in zip(found.tokens, found.loss, strict=True) if loss]
    if not trained:
        yield Finding(
            "error",
            "all-masked",
            "No token of any answer carries loss: the generation markers of the chat template "
            "hold nothing, and nothing would be trained.",
            _TEMPLATE,
            fix="Put {% generation %} and {% endgeneration %} around the answer and its end of "
            "turn in a copy of the template, and name it: --set chat_template=FILE",
        )
        return
    said = tokenizer.decode(trained)
    if _QUESTION in said or _NEXT in said:
        yield Finding(
            "error",
            "loss-on-questions",
            "The chat template marks the user's turns as the assistant's: the model would learn "
            "to ask.",
            _TEMPLATE,
            fix="Move {% generation %} and {% endgeneration %} around the answer alone.",
        )
    yield from _end_of_turn(tokenizer, found, set(ends))
    yield from _begin(reader, found, chat)


def differences(
    reader: Reader, rows: Iterable[tuple[Place, Mapping[str, Any]]]
) -> tuple[list[Place], list[Place], str]:
    """Compare, for every answer that is trained, what was trained before it with what is served.

    Returns:
        Rows whose prompt is served as other tokens; rows where the first token of an answer
        carries no loss; and, in words, the first difference.
    """
    unlike, late, words = [], [], ""
    for place, row in rows:
        messages = reader.harmless(row["messages"])
        try:
            found = reader.read(row)[0]
        except Exception:  # told as `template-refuses`
            continue
        for number, turn in enumerate(row["messages"]):
            if turn["role"] != "assistant" or turn.get("weight") == 0:
                continue
            try:
                prompt = served(reader.serving, messages[:number])
            except Exception:  # a template may refuse a chat that ends here, as in training
                break
            if found.tokens[: len(prompt)] != prompt:
                unlike.append(place)
                words = words or _difference(reader.serving, found.tokens, prompt)
                break
            if found.loss[len(prompt) : len(prompt) + 1] != [True]:
                late.append(place)
                break
    return unlike, late, words


def served(tokenizer: Any, messages: Sequence[Mapping[str, str]]) -> list[int]:
    """The tokens of a prompt as a model is asked."""
    text = tokenizer.apply_chat_template(
        list(messages), tokenize=False, add_generation_prompt=True, **SERVED
    )
    ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return [int(token) for token in ids]


def against_own(tokenizer: Any, own: Any) -> Iterator[Finding]:
    """Whether the recipe's template and the base's own render a chat alike."""
    chat = [{"role": "user", "content": _QUESTION}]
    try:
        ours, theirs = served(tokenizer, chat), served(own, chat)
    except Exception:  # the base may have no template
        return
    if ours != theirs:
        yield Finding(
            "warning",
            "template-of-your-own",
            "The recipe's chat template renders a question otherwise than the base's own: "
            f"{_difference(tokenizer, ours, theirs)}. A server that keeps to the base's template "
            "serves what was never trained.",
            (Place("recipe"),),
            fix="Serve what `agent finetune export` writes: it carries the recipe's template.",
        )


def _end_of_turn(tokenizer: Any, found: Encoding, ends: set[int]) -> Iterator[Finding]:
    """Whether the token that ends an answer is trained, and known to end it."""
    added = set(tokenizer.get_added_vocab().values()) | {tokenizer.eos_token_id}
    last = _last_trained(tokenizer, found)
    if found.tokens[last] not in added:
        after = next((token for token in found.tokens[last + 1 :] if token in added), None)
        name = "none" if after is None else repr(tokenizer.decode([after]))
        yield Finding(
            "error",
            "end-not-trained",
            "The token that ends an answer is outside the template's generation markers: the "
            f"model never learns to stop. After the answer comes: {name}.",
            _TEMPLATE,
            fix="Move {% endgeneration %} behind the end of turn in a copy of the template, and "
            "name it: --set chat_template=FILE; --fix writes that copy where it can.",
            mendable=True,
        )
        end = after
    else:
        end = found.tokens[last]
    if end is None or end == tokenizer.eos_token_id:
        return
    known = end in ends
    yield Finding(
        "warning" if known else "error",
        "end-is-not-eos",
        f"An answer ends with {tokenizer.decode([end])!r}, and the tokenizer's EOS is "
        f"{tokenizer.eos_token!r}: "
        + (
            "the base's generation settings know both, but a server that takes the EOS alone "
            "never stops."
            if known
            else "a server that waits for the EOS never stops."
        ),
        (Place("tokenizer_config.json"),),
        fix=f'In a copy of the base, write "eos_token": {json.dumps(tokenizer.decode([end]))} in '
        f'tokenizer_config.json, and "eos_token_id": {end} in generation_config.json.',
    )


def _last_trained(tokenizer: Any, found: Encoding) -> int:
    """Where the last trained token is that is no white space."""
    places = [at for at, loss in enumerate(found.loss) if loss]
    for at in reversed(places):
        if tokenizer.decode([found.tokens[at]]).strip():
            return at
    return places[-1]


def _begin(reader: Reader, found: Encoding, chat: list[dict[str, str]]) -> Iterator[Finding]:
    """Whether BOS stands at the beginning once, however the chat is tokenized."""
    tokenizer = reader.serving
    begin = tokenizer.bos_token_id
    if begin is None:
        return
    adds = tokenizer("a")["input_ids"][:1] == [begin]
    written = found.tokens[:1] == [begin]
    if adds and written:
        yield Finding(
            "hint",
            "bos-by-both",
            "The chat template writes BOS, and the tokenizer adds one to plain text. Training and "
            "chats are right; a rendered chat that is tokenized again gets two.",
            _TEMPLATE,
            fix="Send messages to a server's chat endpoint, not rendered text.",
        )
    elif adds and not written:
        yield Finding(
            "warning",
            "bos-missing",
            "The tokenizer begins every text with BOS, and the chat template writes none: rows "
            "are trained without it, and llama.cpp serves with it.",
            _TEMPLATE,
            fix="Begin a copy of the template with {{ bos_token }}, and name it: "
            "--set chat_template=FILE",
        )


def _difference(tokenizer: Any, trained: Sequence[int], prompt: Sequence[int]) -> str:
    """Where two lists of tokens part, in words."""
    pairs = enumerate(zip(trained, prompt, strict=False))
    at = next((n for n, (one, other) in pairs if one != other), min(len(trained), len(prompt)))
    one, other = (
        tokenizer.decode(tokens[max(0, at - 2) : at + _AROUND])[:80] for tokens in (trained, prompt)
    )
    return f"at token {at + 1}, {one!r} against {other!r}"

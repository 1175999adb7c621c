from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import pytest

from finetune.export import dialogue, serving
from finetune.export.answers import Agreement
from finetune.export.source import ExportError, Messages
from finetune.export.wanted import Item
from tests.finetune.tiny_model import CHAT_TEMPLATE

CHATML = CHAT_TEMPLATE.replace("generation -%}", "if true -%}").replace("endif true", "endif")
DEFAULT = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nBe kind.<|im_end|>\n{% endif %}"
)
FOLDED = (
    "{% for m in messages %}{% if m['role'] == 'user' %}[INST] {% if loop.index0 == 1 %}"
    "<<SYS>>{{ messages[0]['content'] }}<</SYS>>{% endif %}{{ m['content'] }} [/INST]"
    "{% elif m['role'] == 'assistant' %}{{ m['content'] }}</s>{% endif %}{% endfor %}"
)
"""As Llama 2 has it: the system's words stand within the first turn."""


def renders(template: str) -> dialogue.Render:
    compiled = jinja2.Template(template.replace("endgeneration", "endif"))

    def render(messages: Messages, answering: bool) -> str:
        return str(compiled.render(messages=messages, add_generation_prompt=answering, bos="<s>"))

    return render


def test_chatml_is_taken_to_pieces_and_written_in_gos_language() -> None:
    found = dialogue.find(renders(CHATML), "")
    assert found is not None
    assert found.user == ("<|im_start|>user\n", "<|im_end|>\n")
    assert (found.begin, found.default) == ("", "")
    assert found.go_template() == (
        '{{ range .Messages }}{{ if eq .Role "system" }}{{ "<|im_start|>system\\n" }}{{ .Content }}'
        '{{ "<|im_end|>\\n" }}{{ else if eq .Role "user" }}{{ "<|im_start|>user\\n" }}'
        '{{ .Content }}{{ "<|im_end|>\\n" }}{{ else if eq .Role "assistant" }}'
        '{{ "<|im_start|>assistant\\n" }}{{ .Content }}{{ "<|im_end|>\\n" }}{{ end }}{{ end }}'
        '{{ "<|im_start|>assistant\\n" }}'
    )


def test_the_token_that_begins_a_text_is_left_to_the_server() -> None:
    found = dialogue.find(renders("{{ bos }}" + CHATML), "<s>")
    assert found is not None
    assert found.begin == "<s>"
    assert "<s>" not in found.go_template()


def test_a_templates_own_system_text_is_found() -> None:
    found = dialogue.find(renders(DEFAULT + CHATML), "")
    assert found is not None
    assert found.default == "Be kind."


@pytest.mark.parametrize(
    "template",
    [
        FOLDED,
        CHATML.replace("message['content']", "message['content'] | trim | upper"),
        "{% for m in messages %}{{ loop.index }}{{ m['content'] }}{% endfor %}",
    ],
)
def test_a_template_that_does_more_has_no_pieces(template: str) -> None:
    assert dialogue.find(renders(template), "") is None


@pytest.mark.parametrize(
    ("tokens", "end"),
    [(["<|im_end|>", "<|im_start|>"], "<|im_end|>"), (["</s>"], ""), ([], "")],
)
def test_the_token_after_an_answer_is_found(tokens: Sequence[str], end: str) -> None:
    assert dialogue.turn_end(renders(CHATML), tokens) == end


def item(**values: Any) -> Item:
    made = {
        "kind": "gguf",
        "path": Path("v-f16.gguf"),
        "size": 1,
        "agreement": Agreement(4, 4, 0),
        "required": 1.0,
        "form": "f16",
    }
    return Item(**{**made, **values})


def test_a_modelfile_names_weights_template_stops_and_system() -> None:
    found = dialogue.find(renders(DEFAULT + CHATML), "")
    text = serving.modelfile(item(), found, ["<|im_end|>"], "")
    first, template, stop, system = text.splitlines()
    assert first == "FROM ./v-f16.gguf"
    assert template.startswith('TEMPLATE """{{ range')
    assert (stop, system) == ('PARAMETER stop "<|im_end|>"', 'SYSTEM """Be kind."""')
    lora = item(kind="gguf-adapter", path=Path("v-adapter.gguf"), base=Path("v-base-f16.gguf"))
    text = serving.modelfile(lora, None, [], "Be\nshort.")
    assert text == ('FROM ./v-base-f16.gguf\nADAPTER ./v-adapter.gguf\nSYSTEM """Be\nshort."""\n')


@pytest.mark.parametrize(("text", "name"), [("Old Salt", "old-salt"), ("v_1.0/", "v-1-0")])
def test_a_name_is_one_that_everybody_takes(text: str, name: str) -> None:
    assert serving.card_name(text) == name


def test_a_name_of_nothing_is_refused() -> None:
    with pytest.raises(ExportError):
        serving.card_name("…")

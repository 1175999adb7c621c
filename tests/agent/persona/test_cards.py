from __future__ import annotations

from pathlib import Path

import pytest

from agent.budget import Budget
from agent.card import Card, CardError, Example, parse, read, render
from agent.config import Config
from agent.errors import ConfigError
from agent.messages import Message
from agent.models.local import Local
from agent.models.scripted import Scripted
from agent.paths import Paths
from agent.persona.cards import available, find, folder, load
from agent.persona.voices import Asked, Prompted, Tables
from agent.persona.wearing import put_on
from agent.prompts import prompt
from agent.wiring import Parts

FULL = Card(
    name="bard",
    description='Says "so", and \\ and \x7f.',
    rules=("Rhyme.", "Be brief."),
    examples=(Example("A.", "Ah, A."),),
    keep="facts",
    asides=("Ah",),
    words={"you": "thou", "do not": "don't"},
    model="local:weights",
    api_base="http://localhost:8000/v1",
    adapter="voice",
    scale=0.5,
    trained=True,
    instruction="Say it aloud:\n{text}",
    system="You are a bard.",
)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths.from_env({"AGENT_HOME": str(tmp_path)})


def test_a_card_is_read_as_it_was_written() -> None:
    assert parse(render(FULL)) == FULL
    assert render(Card("x")) == 'name = "x"\n'


def test_an_adapter_is_found_beside_its_card(tmp_path: Path) -> None:
    file = tmp_path / "bard.toml"
    file.write_text('adapter = "voice"\n')
    assert read(file).adapter == str(tmp_path / "voice")
    assert read(file).name == "bard"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x", "not valid TOML"),
        ('nmae = "x"', "there is no key 'nmae'"),
        ('name = "../x"', "is no name"),
        ("name = 3", "'name' must be a text"),
        ('keep = "all"', "'keep' must be one of words, facts"),
        ("scale = -1", "'scale' must be a number"),
        ("scale = true", "'scale' must be a number"),
        ("trained = 1", "'trained' must be true or false"),
        ("instruction = 1", "'instruction' must be a text"),
        ('instruction = "Say it."', "'instruction' does not say where the text goes: {text}"),
        ('rules = "one"', "'rules' must be a list"),
        ("words = [1]", "'words' must be a table"),
        ("examples = 1", "write examples as"),
        ('[[examples]]\nplain = "x"', "an example has the texts"),
        ("#" * 200_000, "too long"),
    ],
)
def test_a_wrong_card_is_refused_with_its_reason(text: str, said: str) -> None:
    with pytest.raises(CardError, match=r"bad\.toml") as caught:
        parse(text, where="bad.toml", name="bad")
    assert said in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"gone\.toml cannot be read: No such"):
        read(tmp_path / "gone.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(CardError, match="not UTF-8"):
        read(tmp_path / "bytes.toml")


def test_every_built_in_card_can_be_worn(paths: Paths) -> None:
    found = list(available(paths))
    assert {"butler", "casual", "sailor"} == {card.name for card in found}
    for card in found:
        assert card.built_in
        loaded = load(card.file)
        assert loaded.name == card.name
        assert loaded.description


def test_a_card_of_ones_own_hides_a_built_in_one_of_that_name(paths: Paths) -> None:
    folder(paths).mkdir(parents=True)
    (folder(paths) / "sailor.toml").write_text('description = "mine"\n')
    assert find("sailor", paths).description == "mine"
    assert [card.built_in for card in available(paths)] == [True, True, False]


def test_an_unknown_or_unsafe_card_is_a_wrong_setting(paths: Paths) -> None:
    with pytest.raises(ConfigError, match="no persona 'x'") as caught:
        find("x", paths)
    assert "butler, casual, sailor" in caught.value.hint
    file = paths.config_file.parent / "bad.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('[words]\n"not" = "never"\n')
    with pytest.raises(ConfigError, match="turns what is said"):
        find(str(file), paths)


def worn(paths: Paths, text: str, model: str = "openai/x") -> tuple[object, list[Config]]:
    """The voice of a card, and the settings that a model was made of for it."""
    file = paths.config_file.parent / "card.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    config = Config(
        model=model, persona=str(file), api_base="http://localhost:1/v1", api_key_env="MINE"
    )
    made: list[Config] = []

    def make(wanted: Config) -> Scripted:
        made.append(wanted)
        return Scripted([])

    return put_on(config, paths, make)._voice, made


def test_without_a_model_of_its_own_a_persona_speaks_by_the_one_that_answers(
    paths: Paths,
) -> None:
    voice, (made,) = worn(paths, "")
    assert isinstance(voice, Prompted)
    assert (made.model, made.api_base) == ("openai/x", "http://localhost:1/v1")


def test_trained_weights_are_asked_as_they_were_trained_with_and_without_an_adapter(
    paths: Paths,
) -> None:
    for text in ("trained = true", 'model = "ollama_chat/bard"\ntrained = true'):
        voice, _ = worn(paths, text)
        assert isinstance(voice, Prompted)
        assert voice.single
        assert voice._told == ()
    voice, _ = worn(paths, 'model = "ollama_chat/bard"')
    assert isinstance(voice, Prompted)
    assert not voice.single


async def test_a_trained_voice_is_asked_in_the_words_of_its_own_set(paths: Paths) -> None:
    sentence = Asked(0, "The lamp of {1} was lit.")
    for text, expected in (
        ("", (Message("user", prompt("persona_trained", text=sentence.text)),)),
        (
            'instruction = "Sing: {text}"\nsystem = "You are a bard."',
            (Message("system", "You are a bard."), Message("user", f"Sing: {sentence.text}")),
        ),
    ):
        model = Scripted(["Sung."])
        voice = Prompted(parse(f"trained = true\n{text}", name="bard"), model, trained=True)
        assert await voice.say([sentence], Budget(), []) == {0: "Sung."}
        assert model.calls == [expected]


def test_a_model_of_its_own_gets_neither_address_nor_key_of_the_other(paths: Paths) -> None:
    _, (made,) = worn(paths, 'model = "ollama_chat/bard"')
    assert (made.model, made.api_base, made.api_key_env) == ("ollama_chat/bard", "", "")
    _, (made,) = worn(paths, 'model = "hosted_vllm/bard"\napi_base = "http://localhost:2/v1"')
    assert (made.model, made.api_base) == ("hosted_vllm/bard", "http://localhost:2/v1")


def test_tables_speak_where_no_model_can(paths: Paths) -> None:
    assert isinstance(worn(paths, 'model = "rules"')[0], Tables)
    assert isinstance(worn(paths, "", model="embedded")[0], Tables)


def test_an_adapter_is_put_on_local_weights_and_on_no_others(paths: Paths) -> None:
    voice, made = worn(paths, 'model = "local:w"\nadapter = "voice"\nscale = 0.5')
    assert isinstance(voice, Prompted)
    assert isinstance(voice._model, Local)
    assert voice.single
    assert made == []
    with pytest.raises(ConfigError, match="cannot wear one here"):
        worn(paths, 'adapter = "voice"')


def test_no_persona_is_worn_unless_one_is_named(paths: Paths) -> None:
    for name in ("none", ""):
        assert Parts(paths, Config(persona=name)).persona is None

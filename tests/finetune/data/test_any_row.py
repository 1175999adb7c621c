"""Whatever a file holds, a set is made or a reason is given; nothing else is raised."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.data import Options, load, prepare
from finetune.data.formats import FORMATS
from finetune.errors import FinetuneError

_TEXT = st.text(max_size=8) | st.sampled_from(["Why?", "So.", "user", "assistant", "ann@x.org"])
_SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | _TEXT
_TURN = st.dictionaries(
    st.sampled_from(["role", "content", "from", "value", "tool_calls"]),
    _SCALAR | st.sampled_from(["user", "human", "gpt", "assistant", "system", "tool"]),
    max_size=4,
)
_VALUE = st.recursive(
    _SCALAR | _TURN | st.lists(_TURN, max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_TEXT, inner, max_size=2),
    max_leaves=4,
)
_COLUMNS = (
    "messages conversations instruction input output response context question query schema prompt "
    "completion chosen rejected text label system history tools"
)
_ROW = st.dictionaries(st.sampled_from(_COLUMNS.split(" ")), _VALUE, max_size=5) | _VALUE


@settings(max_examples=150)
@given(
    st.lists(_ROW, min_size=1, max_size=4),
    st.sampled_from(["auto", *FORMATS]),
    st.sampled_from(["auto", "chat", "preference", "classify"]),
)
def test_any_rows_make_a_set_or_a_reason(rows: list[Any], form: str, kind: Any) -> None:
    if form == "columns":
        options = Options(kind=kind, prompt="{prompt}", answer="{response}", valid=0, test=0)
    else:
        options = Options(kind=kind, format=form, valid=0, test=0)
    _made_or_refused(lambda path: path.write_text(json.dumps(rows)), ".json", options)


@settings(max_examples=150)
@given(st.binary(max_size=200), st.sampled_from([".json", ".jsonl", ".csv", ".txt", ".eml", ""]))
def test_any_bytes_make_a_set_or_a_reason(data: bytes, suffix: str) -> None:
    _made_or_refused(lambda path: path.write_bytes(data), suffix, Options(valid=0, test=0))


@pytest.mark.parametrize("form", ["dictionary", "prose", "chat", "email"])
@given(text=st.text(alphabet="AB, n.:\n>[]1/@_-", max_size=120))
def test_any_text_of_any_form_makes_a_set_or_a_reason(form: str, text: str) -> None:
    options = Options(format=form, valid=0, test=0)
    _made_or_refused(lambda path: path.write_text(text), ".txt", options)


def _made_or_refused(write: Callable[[Path], object], suffix: str, options: Options) -> None:
    with tempfile.TemporaryDirectory() as place:
        source = Path(place) / f"rows{suffix}"
        write(source)
        try:
            done = prepare([source], Path(place) / "set", options)
        except FinetuneError:
            assert [path.name for path in Path(place).iterdir()] == [source.name]
        else:
            assert len(load(done.folder).train) == done.counts["train"] > 0

"""Files are read as streams, and what is broken in them is named by its line."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.data.json_stream import values
from finetune.data.records import container_of, records
from finetune.data.rows import BadRow
from finetune.errors import SourceError

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def found(path: Path) -> list[tuple[int, Any]]:
    return [
        (line, str(row) if isinstance(row, BadRow) else row)
        for line, row in records(path, container_of(path))
    ]


@given(st.lists(_JSON, max_size=6), st.sampled_from([None, 0, 2]), st.integers(1, 7))
def test_a_streamed_array_is_what_the_json_module_reads(
    rows: list[Any], indent: int | None, step: int
) -> None:
    class Slow(io.StringIO):
        def read(self, size: int | None = -1) -> str:
            return super().read(step)

    text = json.dumps(rows, indent=indent)
    assert [value for _, value in values(Slow(text))] == rows


def test_an_element_of_an_array_has_the_line_on_which_it_begins(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[\n  {"a": 1},\n  {\n    "a": 2\n  },\n\n  {"a": 3}]')
    assert found(path) == [(2, {"a": 1}), (3, {"a": 2}), (7, {"a": 3})]


@pytest.mark.parametrize("text", ['[{"a": 1},\n{"b" 2}]', '[{"a": 1},\n{"b": "2', '[{"a": 1}\n{}]'])
def test_a_broken_array_gives_what_stands_before_and_the_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    (first, last) = found(path)
    assert first == (1, {"a": 1})
    assert last[0] == 2
    assert "nothing after this line was read" in last[1]


def test_broken_lines_are_named_and_the_others_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\n\n{"a": \n{"a": "\xff"}\n[1]\r\n{"a": 2}')
    assert found(path) == [
        (1, {"a": 1}),
        (3, "not JSON: expecting value"),
        (4, "not UTF-8 text"),
        (5, [1]),
        (6, {"a": 2}),
    ]


def test_rows_of_a_table_have_their_first_line_whatever_their_cells_hold(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('a,b\n"1\n2",x\nonly\n3,y\n')
    assert found(path) == [
        (2, {"a": "1\n2", "b": "x"}),
        (4, "1 cells under 2 columns"),
        (5, {"a": "3", "b": "y"}),
    ]


def test_a_file_that_is_no_text_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("a,b\n".encode("utf-16"))
    with pytest.raises(SourceError, match="no UTF-8 text"):
        container_of(path)
    with pytest.raises(SourceError, match="No such file"):
        container_of(tmp_path / "nope.csv")


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,a\n1,2\n")
    with pytest.raises(SourceError, match="two columns have one name"):
        found(path)

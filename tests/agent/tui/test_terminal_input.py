"""What a terminal sends, as text that the chat's keys are read from."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agent.tui.terminal import Typed

BEGIN, END = b"\x1b[200~", b"\x1b[201~"


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    assert Typed().read(b"caf\xe9 au lait") == "caf\ufffd au lait"


def test_keys_are_read_as_they_come() -> None:
    typed = Typed()
    assert [typed.read(b"\x1b"), typed.read(b"[A"), typed.read(b"\x1b\x1b[B\r")] == [
        "\x1b", "[A", "\x1b\x1b[B\r",
    ]  # fmt: skip


@given(
    st.lists(st.sampled_from([BEGIN, END, b"\x1b[31m", b"\x1b", b"a\r", "ü🎉".encode(), b"[20"])),
    st.lists(st.integers(0, 60)),
)
def test_an_escape_within_a_paste_is_text_however_it_is_read(
    sent: list[bytes], cuts: list[int]
) -> None:
    data = b"".join(sent) + END
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    typed = Typed()
    read = "".join(typed.read(data[a:b]) for a, b in pairwise(edges))
    expected = re.sub(
        "(\x1b\\[200~)(.*?)(\x1b\\[201~)",
        lambda paste: paste[1] + paste[2].replace("\x1b", "\u241b") + paste[3],
        data.decode(),
        flags=re.DOTALL,
    )
    assert read == expected

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jackfield_plugins.open_inference.texts import shown, without_paths


def test_ordinary_text_stays_as_it_is() -> None:
    assert shown("input_0") == "input_0"


def test_control_characters_are_escaped() -> None:
    assert shown("a\r\nSet-Cookie: b\x00\x1b[31m") == r"a\r\nSet-Cookie: b\x00\x1b[31m"


@given(st.text(alphabet=st.characters(), max_size=300), st.integers(10, 100))
def test_whatever_is_shown_is_short_printable_ascii(text: str, most: int) -> None:
    result = shown(text, most)
    assert len(result) <= most
    assert result.isascii()
    assert result.isprintable()


def test_paths_of_the_host_are_left_out() -> None:
    assert without_paths("cannot read\n'/srv/models/a.bin': no") == "cannot read '<path>': no"

"""What is asked for of a file's codes is had, or refused by name; what is held in their place is said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jackfield.errors import LoadError
from jackfield_plugins.generation.native import NativeDecoder, NativeOptions
from jackfield_plugins.generation.native.options import Storage
from jackfield_plugins.generation.spec import DecoderSpec, Linear
from tests.plugins.generation.native.reference import Kind, decoder_of

POSSIBLE = "Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K"
CODES = decoder_of(Kind(stored="Q8_0", feed_forward=96))


def mixed(**kinds: str) -> DecoderSpec:
    """`CODES`, with parts of its second layer (or the embedding) stored as another kind."""
    others = {kind: decoder_of(Kind(stored=kind, feed_forward=96)) for kind in kinds.values()}
    layer, found = CODES.layers[1], CODES
    for part, kind in kinds.items():
        if part == "embedding":
            found = replace(found, embedding=replace(others[kind].embedding, name=f"its {part}"))
            continue
        linear: Linear = getattr(others[kind].layers[1], part)
        layer = replace(layer, **{part: replace(linear, weight=replace(linear.weight, name=f"its {part}"))})
    return replace(found, layers=(CODES.layers[0], layer))


def told(spec: DecoderSpec, options: NativeOptions) -> tuple[str, str, list[str]]:
    decoder = NativeDecoder(spec, 4, options=options)
    found = decoder.describe()
    decoder.close()
    return found["storage"], found["arithmetic"], decoder.widened


@pytest.mark.parametrize(
    ("spec", "storage"),
    [
        (CODES, "auto (Q8_0)"),
        (mixed(value="Q4_1"), "auto (Q4_1, Q8_0)"),
        (mixed(value="F16", down="IQ4_NL"), "auto (F16, IQ4_NL held as fp32, Q8_0)"),
        (mixed(embedding="IQ4_NL"), "auto (IQ4_NL held as fp32, Q8_0)"),
    ],
)
def test_auto_says_what_it_holds(spec: DecoderSpec, storage: str) -> None:
    """Of every matrix, not of some."""
    assert told(spec, NativeOptions()) == (storage, "float", ["IQ4_NL"] if "IQ4_NL" in storage else [])


@pytest.mark.parametrize("part", ["query", "value", "up", "down", "embedding"])
def test_blocks_with_codes_that_it_does_not_know(part: str) -> None:
    with pytest.raises(LoadError) as caught:
        NativeDecoder(mixed(**{part: "IQ4_NL"}), 4, options=NativeOptions(storage="blocks"))
    assert str(caught.value) == (
        f"storage blocks cannot be had: weight 'its {part}' is stored in IQ4_NL, and codes that the native kernels "
        f"compute with are {POSSIBLE}; storage auto holds such weights as fp32"
    )


@pytest.mark.parametrize("storage", ["auto", "blocks"])
def test_integers_with_codes_that_it_does_not_know(storage: Storage) -> None:
    with pytest.raises(LoadError, match=r"^.* cannot be had: weight 'its output' is stored in IQ4_NL, and codes that"):
        NativeDecoder(mixed(output="IQ4_NL"), 4, options=NativeOptions(storage, "integer"))


def test_integers_of_such_an_embedding() -> None:
    """No product is made with it."""
    assert told(mixed(embedding="IQ4_NL"), NativeOptions(arithmetic="integer"))[1] == "integer"


def test_a_whole_file_of_codes_that_it_does_not_know() -> None:
    spec = decoder_of(Kind(stored="IQ4_NL", feed_forward=96))
    for options in (NativeOptions(storage="blocks"), NativeOptions(arithmetic="integer")):
        with pytest.raises(LoadError, match=r"cannot be had: weight 'IQ4_NL' is stored in IQ4_NL, "):
            NativeDecoder(spec, 4, options=options)
    assert told(spec, NativeOptions("int8", "integer")) == ("int8", "integer", [])
    assert told(spec, NativeOptions("half")) == ("half", "float", [])


@pytest.mark.parametrize("kind", ["F32", "F16"])
def test_floats_beside_codes_are_the_files_own(kind: str) -> None:
    """And that integers are not all that is computed with is said."""
    options = NativeOptions("blocks", "integer")
    assert told(mixed(down=kind), options) == (f"blocks ({kind}, Q8_0)", f"integer ({kind} in floats)", [])

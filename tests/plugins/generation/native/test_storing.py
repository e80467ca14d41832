"""What is asked for of a file's codes is had, or refused by name; what is held in their place is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from jackfield.errors import LoadError
from jackfield_plugins.generation.native import NativeDecoder, NativeOptions
from jackfield_plugins.generation.native.library import library
from jackfield_plugins.generation.native.options import Storage
from jackfield_plugins.generation.native.weights import AS_FULL, AS_HALF, AS_INT8, AS_STORED, joined
from jackfield_plugins.generation.serving.native import NativeBackendOptions
from jackfield_plugins.generation.spec import DecoderSpec, Linear, Weight
from tests.plugins.generation.native.kernels import stored_at_random
from tests.plugins.generation.native.reference import Kind, decoder_of, run

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
        changed: Any = {part: replace(linear, weight=replace(linear.weight, name=f"its {part}"))}
        layer = replace(layer, **changed)
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


def with_down(weight: Weight) -> DecoderSpec:
    """The decoder of plain fp32 numbers, with `weight` at the end of its first layer."""
    spec = decoder_of(Kind())
    first = replace(spec.layers[0], down=Linear(weight))
    return replace(spec, layers=(first, spec.layers[1]))


def weight_of(number: float, stored: str = "F32") -> Weight:
    """Down projection of zeros and, near its end, this number."""
    values = np.zeros((96, 160), np.float32)
    values[93, 157] = number
    if stored == "BF16":
        data = np.ascontiguousarray(values.view(np.uint16)[:, 1::2])
        return Weight("down", values.shape, stored, data.view(np.uint8))
    if stored == "Q8_0":
        blocks = np.zeros((96, 5, 34), np.uint8)
        blocks[93, 4, :2] = np.array([60000], np.float16).view(np.uint8)
        blocks[93, 4, 2 + 29] = int(number / 60000)
        return Weight("down", values.shape, stored, blocks.reshape(96, -1))
    kind = np.float16 if stored == "F16" else np.float32
    return Weight("down", values.shape, stored, values.astype(kind).view(np.uint8))


@pytest.mark.parametrize(("number", "stored"), [(65520.0, "F32"), (-1e6, "F32"), (np.inf, "F32"), (120000.0, "Q8_0")])
def test_weights_beyond_float16_are_refused_in_half(number: float, stored: str) -> None:
    """And what had been laid out before is given back."""
    native, made, freed = library(), list[int](), list[int]()
    make, free = native.linear_new, native.linear_free

    def making(*given: Any) -> int:
        made.append(make(*given))
        return made[-1]

    def freeing(one: int) -> None:
        freed.append(one)
        free(one)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "linear_new", making)
        patch.setattr(native, "linear_free", freeing)
        with pytest.raises(LoadError, match=r"^tensor 'down' holds numbers beyond the range of float16: store it as f"):
            NativeDecoder(with_down(weight_of(number, stored)), 4, options=NativeOptions(storage="half"))
    assert freed == made
    assert len(made) == 3
    NativeDecoder(with_down(weight_of(number, stored)), 4).close()


@pytest.mark.parametrize(("number", "stored"), [(65519.0, "F32"), (np.nan, "F32"), (1e6, "BF16"), (60000.0, "Q8_0")])
def test_what_half_can_hold_is_kept(number: float, stored: str) -> None:
    """Also a bf16 number of any size, which stays one."""
    NativeDecoder(with_down(weight_of(number, stored)), 4, options=NativeOptions(storage="half")).close()


@pytest.mark.parametrize(
    ("number", "stored"), [(8.4e6, "F32"), (8.4e6, "BF16"), (np.inf, "F16"), (np.nan, "F32"), (np.nan, "BF16")]
)
def test_weights_beyond_the_scales_of_int8_are_refused(number: float, stored: str) -> None:
    """A scale is an f16 number, and a code at most 127."""
    with pytest.raises(LoadError, match=r"^tensor 'down' holds numbers beyond the range of int8, whose scales are f"):
        NativeDecoder(with_down(weight_of(number, stored)), 4, options=NativeOptions(storage="int8"))


@pytest.mark.parametrize(("number", "stored"), [(8.25e6, "F32"), (8.25e6, "BF16"), (65504.0, "F16")])
def test_what_int8_can_hold_is_kept(number: float, stored: str) -> None:
    """And gives finite logits."""
    decoder = NativeDecoder(with_down(weight_of(number, stored)), 4, options=NativeOptions(storage="int8"))
    (logits,) = run(decoder, np.arange(4, dtype=np.int32)[None], (0, 0, [1, 2, 3]))
    assert np.isfinite(logits).all()
    decoder.close()


@pytest.mark.parametrize(
    ("stored", "storage", "says"),
    [
        ("Q4_1", AS_FULL, "32 in fp32"),
        ("F32", AS_HALF, "16 in f16 and bf16"),
        ("F16", AS_STORED, "16 in f16 and bf16"),
        ("BF16", AS_STORED, "16 in f16 and bf16"),
        ("F32", AS_INT8, "8.5 in int8"),
        *(
            (kind, AS_STORED, f" {bits} in {kind}")
            for kind, bits in {
                "Q4_0": "4.5",
                "Q4_1": "5",
                "Q5_0": "8.5",
                "Q5_1": "9",
                "Q8_0": "8.5",
                "Q2_K": "8",
                "Q3_K": "6",
                "Q4_K": "6",
                "Q5_K": "10",
                "Q6_K": "10",
            }.items()
        ),
    ],
)
def test_bits_of_a_weight_are_those_that_the_option_tells(stored: str, storage: int, says: str) -> None:
    """Of a matrix whose sizes need no filling up."""
    weight = stored_at_random(stored, 64, 768, np.random.default_rng(0))
    linear = joined(library(), [Linear(weight)], storage, False)
    bits = library().linear_bytes(linear) * 8 / (64 * 768)
    library().linear_free(linear)
    assert bits == float(says.split(maxsplit=1)[0])
    assert says in " ".join(str(NativeBackendOptions.model_fields["storage"].description).split())

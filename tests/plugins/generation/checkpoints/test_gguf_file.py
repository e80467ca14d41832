"""Reading GGUF files: the same as the library reads, and one sentence for each way to be broken."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jackfield.errors import LoadError
from jackfield_plugins.generation.checkpoints.gguf_file import read_gguf
from tests.plugins.generation import smollm2
from tests.plugins.generation.checkpoints import files


def header(tensors: int = 0, keys: int = 0, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, keys)


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def info(name: str, *dimensions: int, kind: int = 0, offset: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(dimensions)}QIQ", len(dimensions), *dimensions, kind, offset)


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(LoadError) as caught:
        read_gguf(path, "m.gguf")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("which", ["made", "smollm2"])
def test_metadata_and_tensors_are_those_that_the_library_reads(tmp_path: Path, which: str) -> None:
    path = smollm2.path() if which == "smollm2" else files.write(tmp_path / "m.gguf")
    got, wanted = read_gguf(path, "m.gguf"), gguf.GGUFReader(path)
    known = {key: field.contents() for key, field in wanted.fields.items() if not key.startswith("GGUF.")}
    assert got.metadata == known
    mine = {weight.name: weight for weight in got.weights}
    assert len(mine) == len(wanted.tensors)
    for tensor in wanted.tensors:
        weight = mine[tensor.name]
        assert weight.shape == tuple(reversed(tensor.shape.tolist()))
        assert weight.stored == tensor.tensor_type.name
        assert weight.data.tobytes() == tensor.data.tobytes()
        assert not weight.data.flags.writeable
        assert len(weight.shape) == 1 or weight.data.shape[0] == weight.shape[0]


def test_values_of_every_type(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "llama")
    values: dict[str, Any] = {"uint8": 200, "int8": -3, "uint16": 60000, "int16": -300, "uint32": 2**31, "int32": -5}
    values |= {"uint64": 2**40, "int64": -(2**40), "float32": 0.5, "float64": 0.1, "bool": True, "string": "größe"}
    for kind, value in values.items():
        getattr(writer, f"add_{kind}")(kind, value)
    lists: dict[str, Any] = {"texts": ["a", "", "ü"], "numbers": [1, -2, 3], "reals": [0.5, 2.0]}
    for key, value in lists.items():
        writer.add_array(key, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    assert read_gguf(tmp_path / "m.gguf", "m").metadata == {"general.architecture": "llama", **values, **lists}


def test_parts_are_joined(tmp_path: Path) -> None:
    names = list(files.tensors())

    def part(number: int) -> files.Change:
        def change(about: dict[str, Any], arrays: dict[str, Any]) -> None:
            about["split.count"] = 2
            for name in names[:5] if number == 2 else names[5:]:
                del arrays[name]

        return change

    first = files.write(tmp_path / "m-00001-of-00002.gguf", part(1))
    with pytest.raises(LoadError, match=r"^'m' is the first of 2 parts, and 'm-00002-of-00002.gguf' is not beside it$"):
        read_gguf(first, "m")
    second = files.write(tmp_path / "m-00002-of-00002.gguf", part(2))
    assert {weight.name for weight in read_gguf(first, "m").weights} == set(names)
    with pytest.raises(
        LoadError, match=r"^'m' is one of 2 parts of a model: give the first, named '…-00001-of-00002.gguf'"
    ):
        read_gguf(second, "m")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "'m.gguf' is empty"),
        (b"PK\3\4", "'m.gguf' is not a GGUF file: it does not begin with 'GGUF'"),
        (header(version=1), "'m.gguf' is a GGUF file of version 1"),
        (header(version=3 << 24), "'m.gguf' is a GGUF file of big-endian numbers"),
        (header()[:10], "'m.gguf' is corrupt or truncated in the header: it ends at byte 10, and 8 bytes are needed"),
        (header(keys=2**61), "'m.gguf' is corrupt or truncated in the header: it ends at byte 24, and"),
        (header(tensors=2**63), "'m.gguf' is corrupt or truncated in the header: it ends at byte 24, and"),
        (header(keys=1) + text("k" * 20) + struct.pack("<I", 99), "in the metadata: a value has the unknown type 99"),
        (header(keys=1) + text("k") + struct.pack("<IIQ", 9, 0, 2**62), "in the metadata: it ends at byte 49, and"),
        (header(keys=1) + text("k") + struct.pack("<IIQ", 9, 8, 2**40), "in the metadata: it ends at byte 49, and"),
        (header(keys=1) + struct.pack("<Q", 3) + b"\xff\xfe\xfd" * 9, "the metadata holds a text that is not UTF-8"),
        (header(keys=1) + text("k") + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 9, "nested too deeply"),
        (header(keys=2) + (text("k") + struct.pack("<IB", 7, 1)) * 2, "in the metadata after 'k': key 'k'"),
        (header(1) + info("t", 1, 1, 1, 1, 1), "tensors: tensor 't' has 5 dimensions, and may"),
        (header(2) + info("t", 0) * 2, "in the list of tensors: tensor 't' stands there twice"),
        (header(1) + info("t", 4, kind=77), "tensor 't' of 'm.gguf' is stored as type 77, which is unknown"),
        (header(1) + info("t", 33, 2, kind=8), "tensor 't' of 'm.gguf' has rows of 33 elements, and Q8_0 needs"),
        (header(1) + info("t", 2**62, 2**62), "tensor 't' of 'm.gguf' reaches to byte"),
        (header(1) + info("t", 2**32, 2**32), "tensor 't' of 'm.gguf' reaches to byte"),
        (header(1) + info("t", 4, offset=2**63), "tensor 't' of 'm.gguf' reaches to byte"),
        (header(1) + info("t", 1, offset=1) + b"\0" * 64, "tensor 't' of 'm.gguf' lies at byte 1, which is not"),
        (
            header(keys=1) + text("general.alignment") + struct.pack("<II", 4, 0),
            "'m.gguf' has the alignment 0, which must be a power of two",
        ),
    ],
)  # fmt: skip
def test_what_is_broken_is_named(tmp_path: Path, content: bytes, sentence: str) -> None:
    assert sentence in refused(tmp_path / "m.gguf", content)


def test_a_file_that_was_cut_names_what_is_missing(tmp_path: Path) -> None:
    whole = files.write(tmp_path / "whole.gguf").read_bytes()
    for length in (5, 20, 100, 3000, len(whole) - 40):
        refused(tmp_path / "m.gguf", whole[:length])
    assert "tensor 'blk.1.ffn_down.weight' of 'm.gguf' reaches to byte" in refused(tmp_path / "m.gguf", whole[:-4096])


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    folder = tmp_path_factory.mktemp("small")
    return folder / "m.gguf", files.write(folder / "whole.gguf").read_bytes()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(at=st.integers(0, 9000), value=st.integers(0, 255))
def test_any_byte_may_be_wrong(small: tuple[Path, bytes], at: int, value: int) -> None:
    """Whatever it says then, it is read or refused: nothing else is raised, nothing is read beyond the end."""
    path, whole = small
    path.write_bytes(whole[:at] + bytes([value]) + whole[at + 1 :])
    try:
        total = sum(int(weight.data.sum(dtype=np.int64)) for weight in read_gguf(path, "m").weights)
    except LoadError:
        return
    assert total >= 0

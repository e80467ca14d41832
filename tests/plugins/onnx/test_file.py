"""Reading an ONNX file's fields without a runtime."""

from __future__ import annotations

from pathlib import Path

import pytest

from jackfield_plugins.onnx.file import read
from tests.plugins.onnx import graphs


def test_weights_in_other_files_are_found_wherever_they_are(tmp_path: Path) -> None:
    assert read(graphs.save(graphs.external("w.bin"), tmp_path / "a.onnx")).external == ["w.bin"]
    assert read(graphs.save(graphs.conditional("sub/w.bin"), tmp_path / "b.onnx")).external == ["sub/w.bin"]
    assert read(graphs.save(graphs.mlp(), tmp_path / "c.onnx")).external == []


def test_a_scalar_differs_from_a_tensor_of_unknown_rank(tmp_path: Path) -> None:
    scalar = graphs.save(graphs.identity(graphs.FLOAT, []), tmp_path / "a.onnx")
    unknown = graphs.save(graphs.identity(graphs.FLOAT, None), tmp_path / "b.onnx")
    assert read(scalar).unranked == set()
    assert read(unknown).unranked == {"a", "b"}


def test_every_truncation_is_noticed_or_harmless(tmp_path: Path) -> None:
    whole = graphs.mlp().SerializeToString()
    path = tmp_path / "m.onnx"
    noticed = 0
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            read(path)
        except ValueError:
            noticed += 1
    assert noticed > len(whole) * 0.9  # the rest ends between two fields


@pytest.mark.parametrize(
    "content", [b"\xff" * 40, b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x0b\x0b", b"\x09abc"]
)
def test_what_is_no_message_is_a_value_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"end|protobuf"):
        read(path)


def test_graphs_nested_without_end_are_refused(tmp_path: Path) -> None:
    def field(number: int, inner: bytes) -> bytes:
        length, encoded = len(inner), b""
        while length >= 0x80:
            encoded += bytes([length & 0x7F | 0x80])
            length >>= 7
        return bytes([number << 3 | 2]) + encoded + bytes([length]) + inner

    graph = b""
    for _ in range(40):
        graph = field(1, field(5, field(6, graph)))  # node > attribute > graph
    path = tmp_path / "m.onnx"
    path.write_bytes(field(7, graph))
    with pytest.raises(ValueError, match=r"nested too deeply"):
        read(path)

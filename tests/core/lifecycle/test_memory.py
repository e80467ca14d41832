"""Whether a model's weights fit onto a device."""

from __future__ import annotations

from pathlib import Path

import pytest

from jackfield import Device
from jackfield.errors import LoadError
from jackfield.lifecycle.memory import check_room


def test_weights_that_do_not_fit_say_what_they_need_and_what_there_is(tmp_path: Path) -> None:
    source = tmp_path / "m.onnx"
    source.write_bytes(bytes(3 << 20))
    full = Device("cuda:0", "cuda", "", 80 << 30, 2 << 20)
    with pytest.raises(LoadError, match=r"needs 3\.0 MiB .* alone, and 'cuda:0' has 2\.0 MiB free of 80\.0 GiB"):
        check_room(str(source), full)
    check_room(str(source), Device("cuda:0", "cuda", "", 80 << 30, 3 << 20))


def test_where_nobody_knows_it_is_tried(tmp_path: Path) -> None:
    source = tmp_path / "m.onnx"
    source.write_bytes(bytes(3 << 20))
    check_room(str(source), Device("cuda:0", "cuda"))
    check_room(str(source), Device("cpu", "cpu", "", 1, 1))  # whose weights may be mapped
    check_room("module:Class", Device("cuda:0", "cuda", "", 1, 1))

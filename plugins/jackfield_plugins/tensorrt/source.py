"""The ONNX file that a network is parsed from: the artifact's own, or one that is made of it."""

from __future__ import annotations

import hashlib
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jackfield import Artifact
from jackfield.errors import LoadError
from jackfield_plugins.tensorrt.options import TensorRTOptions

_PIECE = 1 << 20


def digest(artifact: Artifact) -> str:
    """Of all files that the model is made of: its own, and those beside it that hold its weights."""
    found = hashlib.sha256()
    path = artifact.content if isinstance(artifact.content, Path) else Path(artifact.source)
    for file in [path, *sorted(path.parent / name for name in artifact.metadata.get("external", ()))]:
        found.update(file.name.encode() + b"\0")
        with file.open("rb") as opened:
            while piece := opened.read(_PIECE):
                found.update(piece)
    return found.hexdigest()


@contextmanager
def onnx_file(artifact: Artifact, options: TensorRTOptions) -> Iterator[Path]:
    """The file, for as long as it is parsed. Raises LoadError if it cannot be made."""
    with tempfile.TemporaryDirectory(prefix="jackfield-") as folder:
        path: Path = artifact.content
        if artifact.kind == "torch-export":
            path = Path(folder) / "exported.onnx"
            _export(artifact, path)
        if options.precision == "fp16":
            half = Path(folder) / "half.onnx"
            _to_half(path, half, artifact.source)
            path = half
        yield path


def _export(artifact: Artifact, target: Path) -> None:
    signature = artifact.signature
    assert signature is not None  # torch.export programs have one
    try:
        import torch

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter warns of what it folds
            program = torch.onnx.export(
                artifact.content,
                dynamo=True,
                input_names=[spec.name for spec in signature.inputs],
                output_names=list(signature.output_names),
                verbose=False,
            )
            assert program is not None
            program.save(str(target))
    except ImportError as error:
        raise LoadError(
            f"'{artifact.source}' goes to TensorRT by way of ONNX, and '{error.name}' is not installed: the extras "
            "'tensorrt' and 'tensorrt-rtx' bring it"
        ) from error
    except Exception as error:
        text = (str(error).splitlines() or [""])[0]
        raise LoadError(f"PyTorch cannot export '{artifact.source}' to ONNX: {type(error).__name__}: {text}") from error


def _to_half(path: Path, target: Path, source: str) -> None:
    """With inputs and outputs as they were, and in fp32 what ONNX Runtime's tool knows to need it."""
    try:
        import onnx
        from onnxruntime.transformers import float16
    except ImportError as error:
        raise LoadError(
            f"precision 'fp16' converts '{source}' first, and '{error.name}' is not installed: the extras 'tensorrt' "
            "and 'tensorrt-rtx' bring it"
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of each number that halves cannot hold
            model: Any = float16.convert_float_to_float16(onnx.load(str(path)), keep_io_types=True)
        onnx.save(model, str(target), save_as_external_data=True, location="half.data")
    except Exception as error:
        text = (str(error).splitlines() or [""])[0]
        raise LoadError(f"'{source}' cannot be converted to fp16: {type(error).__name__}: {text}") from error

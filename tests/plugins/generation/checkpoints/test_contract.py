"""Both loaders keep to the contract of loaders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jackfield.testing.contracts import LoaderContract
from jackfield_plugins.generation.checkpoints.gguf import GgufLoader, GgufOptions
from jackfield_plugins.generation.checkpoints.huggingface import HuggingFaceLoader, HuggingFaceOptions
from tests.plugins.generation import tiny
from tests.plugins.generation.checkpoints import files


class TestGguf(LoaderContract):
    def loader(self) -> GgufLoader:
        return GgufLoader(GgufOptions())

    def write(self, folder: Path) -> str:
        return str(files.write(folder / "m.gguf"))

    def others(self) -> Sequence[str]:
        return ("m.onnx", "hf:owner/name", "model.safetensors")


class TestHuggingFace(LoaderContract):
    def loader(self) -> HuggingFaceLoader:
        return HuggingFaceLoader(HuggingFaceOptions())

    def write(self, folder: Path) -> str:
        tiny.save("llama", folder / "model")
        (folder / "model" / "generation_config.json").unlink()  # may be missing
        return str(folder / "model")

    def others(self) -> Sequence[str]:
        return ("m.gguf", "hf:owner/name/m.gguf", "somewhere/model.safetensors")

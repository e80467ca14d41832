"""Checkpoints: loaders `huggingface` (a folder) and `gguf` (a file), both also from a hub.

`weights` holds tensors by name, `mapped` maps files, `dequantise` makes numbers of what is stored.
`folder`, `safetensors_files`, `documents`, `generation_config` and `huggingface_settings` read a folder;
`gguf_reading`, `gguf_file`, `gguf_settings`, `gguf_vocabulary` and `gguf_splitting` a GGUF file. `hub` fetches,
`hashes` checks what is pinned. Both give a `checkpoint.Checkpoint` of a decoder; `huggingface` also opens folders for
architectures of other kinds, and gives a `checkpoint.FolderCheckpoint` of one that only transformers knows.
"""

from __future__ import annotations

from collections.abc import Mapping

from jackfield import Loader, hookimpl
from jackfield_plugins.generation.checkpoints.gguf import GgufLoader
from jackfield_plugins.generation.checkpoints.huggingface import HuggingFaceLoader

jackfield_api = "1.0"


@hookimpl
def jackfield_loaders() -> Mapping[str, type[Loader]]:
    """The loaders of folders of safetensors and of GGUF files."""
    return {"gguf": GgufLoader, "huggingface": HuggingFaceLoader}

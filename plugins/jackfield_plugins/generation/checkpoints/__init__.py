"""Checkpoints of decoders: loaders `huggingface` (a folder) and `gguf` (a file), both also from a hub.

`weights` holds tensors by name, `mapped` maps files, `dequantise` makes numbers of what is stored.
`safetensors_files`, `documents`, `generation_config` and `huggingface_settings` read a folder; `gguf_reading`,
`gguf_file`, `gguf_settings`, `gguf_vocabulary` and `gguf_splitting` a GGUF file. `hub` fetches, `hashes` checks what is
pinned. Both loaders give a `checkpoint.Checkpoint`; of an architecture that
only transformers knows, `huggingface` gives a `checkpoint.FolderCheckpoint`.
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

"""A tiny checkpoint in a GGUF file, opened by backends, and what they leave running."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from jackfield import Artifact, Request, Response
from jackfield_plugins.generation.checkpoints.gguf import GgufLoader, GgufOptions
from tests.plugins.generation.checkpoints import files

BLOCK_BYTES = 2 * 2 * 2 * 16 * 16 * 4
"""Of its KV cache in fp32: layers, keys and values, KV heads, head size, positions, bytes."""
CONTEXT = 256


def artifact(folder: Path, *, quantised: bool = False, template: str | None = None) -> Artifact:
    """Llama of two layers with a chat template; `quantised`: its matrices in Q8_0; `template`: another one."""
    path = folder / "tiny.gguf"
    if not path.exists():
        names = [name for name, array in files.tensors().items() if array.ndim == 2]

        def change(about: files.Metadata, arrays: files.Arrays) -> None:
            if template is not None:
                about["tokenizer.chat_template"] = template

        files.write(path, change, dict.fromkeys(names, "Q8_0") if quantised else None)
    return GgufLoader(GgufOptions()).load(str(path))


def templates_running() -> int:
    """Processes of chat templates that this process has started and not ended."""
    count = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            command = (entry / "cmdline").read_bytes()
        except (OSError, IndexError):  # it ended meanwhile
            continue
        count += parent == os.getpid() and b"template_worker" in command
    return count


def request(prompt: list[int], **parameters: object) -> Request:
    """To the model `m`."""
    return Request("m", {"tokens": np.array(prompt, np.int32)}, parameters=dict(parameters))


def tokens(response: Response) -> list[int]:
    """Of the first choice."""
    found: list[int] = response.parameters["pieces"][0].tokens
    return found

"""Checkpoints from a hub: `hf:owner/name`, `hf:owner/name@revision`, and with `/file.gguf` behind.

Fetched by `huggingface_hub` into its own cache, which is used when the hub cannot be reached. The environment variables
of that library hold here too: HF_ENDPOINT, HF_HOME, HF_TOKEN, HF_HUB_OFFLINE.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jackfield import Options
from jackfield.errors import LoadError
from jackfield_plugins.generation.checkpoints.hub_errors import sentence

SCHEME = "hf:"
SNAPSHOT = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "additional_chat_templates/*.jinja",
    "modules.json",
    "sentence_bert_config.json",
    "*_Pooling/config.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "model-*-of-*.safetensors",
)
"""What is fetched of a repository: nothing that can hold code, and no weights in a second format."""

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_SOURCE = re.compile(
    rf"hf:(?P<repository>{_NAME}/{_NAME})"
    rf"(?:@(?P<revision>{_NAME}(?:/{_NAME})*?))?"
    rf"(?:/(?P<file>{_NAME}(?:/{_NAME})*\.gguf))?"
)
_PART = re.compile(r"(.*)-\d{5}-of-(\d{5})\.gguf")


class HubOptions(Options):
    """Options of every loader that reads from a hub."""

    endpoint: str | None = None
    """Address of the hub; null: HF_ENDPOINT, or the public one."""
    cache: str | None = None
    """Folder that holds what was fetched; null: the one of huggingface_hub."""
    offline: bool = False
    """Whether only what was fetched before is used, without asking the hub."""


@dataclass(frozen=True, slots=True)
class _Place:
    repository: str
    revision: str | None
    file: str | None


def is_hub(source: str) -> bool:
    """Whether `source` names something on a hub."""
    return source.startswith(SCHEME)


def file_of(source: str) -> str:
    """The file that `source` names within its repository; raises LoadError if it names none."""
    file = _place(source).file
    if file is None:
        raise LoadError(f"source '{source}' names no .gguf file: write hf:owner/name/file.gguf")
    return file


def fetch(source: str, patterns: Sequence[str], options: HubOptions) -> Path:
    """The folder with those files of the repository that fit one of `patterns`, fetched unless they are there already.

    Raises LoadError naming the source, and why it cannot be had.
    """
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise LoadError(
            f"source '{source}' is on a hub, and huggingface_hub is not installed; install it with the extra 'text'"
        ) from None
    place = _place(source)
    wanted = [_pattern(pattern) if pattern == place.file else pattern for pattern in patterns]
    try:
        folder = snapshot_download(
            place.repository,
            revision=place.revision,
            allow_patterns=wanted,
            cache_dir=options.cache,
            endpoint=options.endpoint,
            local_files_only=options.offline,
        )
    except Exception as error:
        raise LoadError(sentence(error, source, options.offline)) from error
    needed = place.file or "config.json"
    if not (Path(folder) / needed).is_file():
        hint = "" if place.file else ": for a GGUF file, name it as hf:owner/name/file.gguf"
        raise LoadError(f"the repository of '{source}' holds no {needed}{hint}")
    return Path(folder)


def _place(source: str) -> _Place:
    match = _SOURCE.fullmatch(source)
    if match is None or ".." in source:
        raise LoadError(
            f"source '{source}' is not of the form hf:owner/name, hf:owner/name@revision or "
            "hf:owner/name@revision/file.gguf"
        )
    return _Place(match["repository"], match["revision"], match["file"])


def _pattern(file: str) -> str:
    part = _PART.fullmatch(file)
    return glob.escape(file) if part is None else f"{glob.escape(part[1])}-*-of-{part[2]}.gguf"

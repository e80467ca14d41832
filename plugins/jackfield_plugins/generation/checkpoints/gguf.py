"""Loader `gguf`: one file that holds everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jackfield import Artifact, Loader
from jackfield.errors import LoadError
from jackfield_plugins.generation.architectures.build import build
from jackfield_plugins.generation.architectures.known import of_gguf
from jackfield_plugins.generation.checkpoints.checkpoint import KIND, Checkpoint, Defaults, Templates
from jackfield_plugins.generation.checkpoints.gguf_file import GgufFile, read_gguf
from jackfield_plugins.generation.checkpoints.gguf_settings import settings_of
from jackfield_plugins.generation.checkpoints.gguf_vocabulary import Vocabulary, tokenizer_of
from jackfield_plugins.generation.checkpoints.hashes import Hash, check_hash
from jackfield_plugins.generation.checkpoints.hub import HubOptions, fetch, file_of, is_hub
from jackfield_plugins.generation.checkpoints.phases import Phases
from jackfield_plugins.generation.text.tokenizer import TextTokenizer

_TEMPLATE = "tokenizer.chat_template"
_ENDS = ("eos", "eot", "eom")
_ENDS_OF_LLAMA3 = ("<|eot_id|>", "<|eom_id|>")  # its files name one end only


class GgufOptions(HubOptions):
    """Options of the loader `gguf`."""

    sha256: Hash | None = None
    """Hash that the file must have, in lowercase hex."""


class GgufLoader(Loader):
    """Opens a `.gguf` file, or `hf:owner/name/file.gguf` and `hf:owner/name@revision/file.gguf`.

    Gives artifacts of the kind `decoder`, whose content is a Checkpoint. Weights are mapped, not read. Tokenizer, chat
    template and ends of texts come from the metadata alone.
    """

    options = GgufOptions
    settings: GgufOptions
    requires = ("gguf", "tokenizers", "jinja2")
    extra = "text"

    @classmethod
    def detects(cls, source: str) -> bool:
        """By name."""
        return source.endswith(".gguf")

    def load(self, source: str) -> Artifact:
        """Read the checkpoint at `source`; raises LoadError naming the file, and the tensor or key that is wrong."""
        phases = Phases(source)
        with phases.phase("fetch"):
            path = fetch(source, [file_of(source)], self.settings) / file_of(source) if is_hub(source) else Path(source)
        if not path.is_file():
            raise LoadError(f"source '{source}' " + ("is not a file" if path.exists() else "does not exist"))
        check_hash(path, source, self.settings.sha256)
        with phases.phase("weights"):
            file = read_gguf(path, source)
            name = file.metadata.get("general.architecture")
            if not isinstance(name, str):
                raise LoadError(f"'{source}' does not say 'general.architecture', the name of one")
            architecture = of_gguf(name, source)
            settings = settings_of(file, architecture)
            spec = build(architecture, settings, file.weights, architecture.gguf)
        with phases.phase("tokenizer"):
            tokenizer = TextTokenizer(tokenizer_of(file), settings.vocabulary, settings.context)
            vocabulary = Vocabulary(file)
        templates = Templates(_templates(file), _tokens(vocabulary))
        defaults = Defaults(stop=_stop(vocabulary, tokenizer))
        content = Checkpoint(spec, tokenizer=tokenizer, templates=templates, defaults=defaults, seconds=phases.seconds)
        return Artifact(KIND, source, content, None)


def _templates(file: GgufFile) -> dict[str, str]:
    found = {}
    for key, value in file.metadata.items():
        if key == _TEMPLATE or key.startswith(f"{_TEMPLATE}."):
            found[key[len(_TEMPLATE) + 1 :] or "default"] = _text(key, value, file)
    return found


def _text(key: str, value: Any, file: GgufFile) -> str:
    if not isinstance(value, str):
        raise LoadError(f"'{key}' of '{file.source}' is a value of type {type(value).__name__}, and must be a text")
    return value


def _tokens(vocabulary: Vocabulary) -> dict[str, str]:
    named = {f"{name}_token": vocabulary.token(key) for name, key in _NAMES.items()}
    return {name: vocabulary.tokens[token] for name, token in named.items() if token is not None}


_NAMES = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}


def _stop(vocabulary: Vocabulary, tokenizer: TextTokenizer) -> tuple[int, ...]:
    named = [vocabulary.token(key) for key in _ENDS]
    named += [tokenizer.token(spelling) for spelling in _ENDS_OF_LLAMA3]
    return tuple(dict.fromkeys(token for token in named if token is not None))

"""Loader `huggingface`: a folder as the hub has it, with config.json, safetensors and tokenizer.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jackfield import Artifact, Loader
from jackfield.errors import LoadError
from jackfield_plugins.generation.architectures.architecture import Architecture
from jackfield_plugins.generation.architectures.build import build
from jackfield_plugins.generation.architectures.known import model_names, of_models
from jackfield_plugins.generation.checkpoints.checkpoint import FOLDER_KIND, KIND, Checkpoint, FolderCheckpoint
from jackfield_plugins.generation.checkpoints.documents import read_json
from jackfield_plugins.generation.checkpoints.folder import Folder
from jackfield_plugins.generation.checkpoints.generation_config import defaults_of, templates_of
from jackfield_plugins.generation.checkpoints.hashes import Hash
from jackfield_plugins.generation.checkpoints.hub import SNAPSHOT, HubOptions, fetch, is_hub
from jackfield_plugins.generation.checkpoints.huggingface_settings import settings_of
from jackfield_plugins.generation.checkpoints.phases import Phases
from jackfield_plugins.generation.transformers_decoder.suitable import installed, suitable


class HuggingFaceOptions(HubOptions):
    """Options of the loader `huggingface`."""

    sha256: dict[str, Hash] | None = None
    """Hash of each file of weights, by the file's name, in lowercase hex."""


class HuggingFaceLoader(Loader):
    """Opens a folder, or `hf:owner/name` and `hf:owner/name@revision`.

    Gives artifacts of the kind `decoder`, whose content is a Checkpoint, or what an architecture of another kind makes
    of the folder, such as `encoder`; weights are mapped, not read. Of an architecture that only transformers knows, if
    that is installed, the kind is `transformers-decoder` and the content a FolderCheckpoint. No pickle is opened or
    fetched, and no code.
    """

    options = HuggingFaceOptions
    settings: HuggingFaceOptions
    requires = ("safetensors", "tokenizers", "jinja2")
    extra = "text"

    @classmethod
    def detects(cls, source: str) -> bool:
        """By the scheme, or by config.json and safetensors in a folder."""
        if is_hub(source):
            return not source.endswith(".gguf")
        try:
            folder = Path(source)
            return (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))
        except (OSError, ValueError):
            return False

    def load(self, source: str) -> Artifact:
        """Read the checkpoint at `source`; raises LoadError naming the file, and the tensor or key that is wrong."""
        phases = Phases(source)
        with phases.phase("fetch"):
            folder = fetch(source, SNAPSHOT, self.settings) if is_hub(source) else Path(source)
        if not folder.is_dir():
            raise LoadError(f"source '{source}' " + ("is not a folder" if folder.exists() else "does not exist"))
        with phases.phase("configuration"):
            config = read_json(folder / "config.json", f"{source}/config.json")
            models = config.get("architectures")
            if not isinstance(models, list) or not models or not all(isinstance(model, str) for model in models):
                raise LoadError(f"'{source}/config.json' does not say 'architectures', a list of names")
            architecture = of_models(models)
        opened = Folder(folder, source, config, self.settings.sha256, phases)
        if architecture is None:
            return _of_transformers(opened, models)
        return _decoder(opened, architecture) if isinstance(architecture, Architecture) else architecture.open(opened)


def _decoder(folder: Folder, architecture: Architecture) -> Artifact:
    settings = settings_of(folder.config, architecture, folder.place("config.json"))
    with folder.phases.phase("weights"):
        spec = build(architecture, settings, folder.weights(), architecture.hugging_face)
    text = _text(folder, settings.vocabulary, settings.context)
    return Artifact(KIND, folder.source, Checkpoint(spec, **text), None)


def _of_transformers(folder: Folder, models: list[str]) -> Artifact:
    if not installed():
        raise LoadError(
            f"'{folder.source}' is of the architecture '{', '.join(models)}', and only these are known: "
            f"{model_names()}; the extra `transformers` brings more: pip install 'jackfield[text,transformers]'"
        )
    with folder.phases.phase("transformers"):
        known = suitable(folder.path, folder.config, folder.source)
        folder.check_hashes()
    text = _text(folder, known.vocabulary, known.context)
    content = FolderCheckpoint(folder.path, known.vocabulary, known.context, **text)
    return Artifact(FOLDER_KIND, folder.source, content, None)


def _text(folder: Folder, vocabulary: int, context: int) -> dict[str, Any]:
    with folder.phases.phase("tokenizer"):
        tokenizer = folder.tokenizer(vocabulary, context)
        templates = templates_of(folder.path, folder.source)
        defaults = defaults_of(folder.path, folder.config, templates, tokenizer, folder.source)
    return {"tokenizer": tokenizer, "templates": templates, "defaults": defaults, "seconds": folder.phases.seconds}

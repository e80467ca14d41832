"""Loader `huggingface`: a folder as the hub has it, with config.json, safetensors and tokenizer.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jackfield import Artifact, Loader
from jackfield.errors import LoadError
from jackfield_plugins.generation.architectures.build import build
from jackfield_plugins.generation.architectures.known import model_names, of_models
from jackfield_plugins.generation.checkpoints.checkpoint import FOLDER_KIND, KIND, Checkpoint, FolderCheckpoint
from jackfield_plugins.generation.checkpoints.documents import read_json
from jackfield_plugins.generation.checkpoints.generation_config import defaults_of, templates_of
from jackfield_plugins.generation.checkpoints.hashes import Hash, check_hash
from jackfield_plugins.generation.checkpoints.hub import SNAPSHOT, HubOptions, fetch, is_hub
from jackfield_plugins.generation.checkpoints.huggingface_settings import settings_of
from jackfield_plugins.generation.checkpoints.phases import Phases
from jackfield_plugins.generation.checkpoints.safetensors_files import files, read_folder
from jackfield_plugins.generation.text.tokenizer import TextTokenizer
from jackfield_plugins.generation.transformers_decoder.suitable import installed, suitable


class HuggingFaceOptions(HubOptions):
    """Options of the loader `huggingface`."""

    sha256: dict[str, Hash] | None = None
    """Hash of each file of weights, by the file's name, in lowercase hex."""


class HuggingFaceLoader(Loader):
    """Opens a folder, or `hf:owner/name` and `hf:owner/name@revision`.

    Gives artifacts of the kind `decoder`, whose content is a Checkpoint; weights are mapped, not read. Of an
    architecture that only transformers knows, if that is installed, the kind is `transformers-decoder` and the content
    a FolderCheckpoint. No pickle is opened or fetched, and no code.
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
        if architecture is None:
            return self._of_transformers(folder, config, models, source, phases)
        with phases.phase("weights"):
            settings = settings_of(config, architecture, f"{source}/config.json")
            self._check_hashes(folder, source)
            spec = build(architecture, settings, read_folder(folder, source), architecture.hugging_face)
        text = _text(folder, config, settings.vocabulary, settings.context, source, phases)
        return Artifact(KIND, source, Checkpoint(spec, **text), None)

    def _of_transformers(
        self, folder: Path, config: dict[str, Any], models: list[str], source: str, phases: Phases
    ) -> Artifact:
        if not installed():
            raise LoadError(
                f"'{source}' is of the architecture '{', '.join(models)}', and only these are known: {model_names()}; "
                "the extra `transformers` brings more: pip install 'jackfield[text,transformers]'"
            )
        with phases.phase("transformers"):
            known = suitable(folder, config, source)
            self._check_hashes(folder, source)
        text = _text(folder, config, known.vocabulary, known.context, source, phases)
        return Artifact(FOLDER_KIND, source, FolderCheckpoint(folder, known.vocabulary, known.context, **text), None)

    def _check_hashes(self, folder: Path, source: str) -> None:
        pinned = self.settings.sha256
        if pinned is None:
            return
        for name in files(folder, source):
            if name not in pinned:
                raise LoadError(f"sha256 pins nothing for '{name}', which holds weights of '{source}'")
            check_hash(folder / name, f"{source}/{name}", pinned[name])


def _text(
    folder: Path, config: dict[str, Any], vocabulary: int, context: int, source: str, phases: Phases
) -> dict[str, Any]:
    with phases.phase("tokenizer"):
        tokenizer = _tokenizer(folder, source, vocabulary, context)
        templates = templates_of(folder, source)
        defaults = defaults_of(folder, config, templates, tokenizer, source)
    return {"tokenizer": tokenizer, "templates": templates, "defaults": defaults, "seconds": phases.seconds}


def _tokenizer(folder: Path, source: str, vocabulary: int, context: int) -> TextTokenizer:
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if not path.is_file():
        raise LoadError(
            f"'{source}' holds no tokenizer.json, without which no text can be read: save it with the model"
        )
    try:
        return TextTokenizer(Tokenizer.from_file(str(path)), vocabulary, context)
    except Exception as error:  # the library raises nothing more particular
        text = (str(error).splitlines() or [""])[0]
        raise LoadError(f"'{source}/tokenizer.json' is not a tokenizer: {text}") from error

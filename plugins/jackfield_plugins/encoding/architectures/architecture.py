"""What a file about an encoder fills in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from jackfield import Artifact
from jackfield_plugins.encoding.architectures.build import build
from jackfield_plugins.encoding.architectures.names import KEYS, NAMES
from jackfield_plugins.encoding.architectures.settings import settings_of
from jackfield_plugins.encoding.checkpoint import KIND, EncoderCheckpoint
from jackfield_plugins.encoding.sentences import sentences_of
from jackfield_plugins.generation.architectures.folder_architecture import FolderArchitecture
from jackfield_plugins.generation.checkpoints.folder import Folder

_SLACK = 8  # spaces and unknown words give few tokens: so many times what tokens could spell is looked at


@dataclass(frozen=True, slots=True)
class EncoderArchitecture(FolderArchitecture):
    """An encoder of the BERT family.

    `name`: of ours. `models`: what config.json calls it (`architectures`). `names`: of each weight, without `.weight`
    and `.bias`, `{layer}` for the number of its layer; the keys are those of `names.NAMES`. All of them may stand
    behind `prefix`, as in a checkpoint with a head. `heads`: how names of tensors begin that embed nothing. `keys`: the
    settings in config.json, by the keys of `names.KEYS`. `epsilon`: of norms, where config.json does not say it.
    `kinds`: whether there are embeddings of token types. `positions`: a text's first token has position 0 (`from
    zero`), or the one behind that of padding.
    """

    name: str
    models: tuple[str, ...]
    prefix: str
    names: Mapping[str, str] = field(default_factory=lambda: NAMES)
    keys: Mapping[str, str] = field(default_factory=lambda: KEYS)
    heads: tuple[str, ...] = ()
    epsilon: float | None = None
    kinds: bool = True
    positions: Literal["from zero", "behind padding"] = "from zero"

    def open(self, folder: Folder) -> Artifact:
        """An artifact of the kind `encoder`, whose content is an EncoderCheckpoint. Weights are mapped, not read."""
        with folder.phases.phase("settings"):
            settings = settings_of(self, folder)
            sentences = sentences_of(folder)
        with folder.phases.phase("weights"):
            spec = build(self, settings, folder.weights())
        with folder.phases.phase("tokenizer"):
            tokenizer = folder.tokenizer(settings.vocabulary, settings.context, _SLACK)
        content = EncoderCheckpoint(spec, tokenizer, sentences, folder.phases.seconds)
        return Artifact(KIND, folder.source, content, None, declared_batch=True)

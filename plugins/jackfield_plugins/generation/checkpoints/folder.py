"""A checkpoint's folder, read part by part by the loader `huggingface`, or by an architecture that opens it itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jackfield.errors import LoadError
from jackfield_plugins.generation.checkpoints.documents import optional_json, read_objects
from jackfield_plugins.generation.checkpoints.hashes import check_hash
from jackfield_plugins.generation.checkpoints.phases import Phases
from jackfield_plugins.generation.checkpoints.safetensors_files import files, read_folder
from jackfield_plugins.generation.checkpoints.weights import Weights
from jackfield_plugins.generation.text.tokenizer import TextTokenizer


@dataclass(frozen=True, slots=True)
class Folder:
    """`source`: what errors name. `config`: the contents of config.json. `pinned`: the hash of each file of weights, by
    its name; None: nothing is pinned. `phases` measures what takes long."""

    path: Path
    source: str
    config: dict[str, Any]
    pinned: Mapping[str, str] | None
    phases: Phases

    def weights(self) -> Weights:
        """All tensors, mapped. Raises LoadError naming the file that is wrong, or has another hash than is pinned."""
        self.check_hashes()
        return read_folder(self.path, self.source)

    def check_hashes(self) -> None:
        """Raises LoadError naming a file of weights that has another hash than is pinned, or none."""
        if self.pinned is not None:
            for name in files(self.path, self.source):
                if name not in self.pinned:
                    raise LoadError(f"sha256 pins nothing for '{name}', which holds weights of '{self.source}'")
                check_hash(self.path / name, self.place(name), self.pinned[name])

    def tokenizer(self, vocabulary: int, context: int, slack: int = 1) -> TextTokenizer:
        """The one of tokenizer.json (see `TextTokenizer`); raises LoadError if there is none, or it is none."""
        from tokenizers import Tokenizer

        path = self.path / "tokenizer.json"
        if not path.is_file():
            raise LoadError(
                f"'{self.source}' holds no tokenizer.json, without which no text can be read: save it with the model"
            )
        try:
            return TextTokenizer(Tokenizer.from_file(str(path)), vocabulary, context, slack)
        except Exception as error:  # the library raises nothing more particular
            text = (str(error).splitlines() or [""])[0]
            raise LoadError(f"'{self.place('tokenizer.json')}' is not a tokenizer: {text}") from error

    def document(self, name: str) -> dict[str, Any]:
        """The object in a JSON file; an empty one if there is no such file."""
        return optional_json(self.path / name, self.place(name))

    def objects(self, name: str) -> list[dict[str, Any]] | None:
        """The list of objects in a JSON file; None if there is no such file."""
        path = self.path / name
        return read_objects(path, self.place(name)) if path.is_file() else None

    def place(self, name: str) -> str:
        """How errors name a file of the folder."""
        return f"{self.source}/{name}"

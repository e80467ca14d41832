"""The settings of an encoder from its config.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jackfield.errors import LoadError
from jackfield_plugins.encoding.spec import Activation
from jackfield_plugins.generation.architectures.settings import Reader
from jackfield_plugins.generation.checkpoints.folder import Folder

if TYPE_CHECKING:
    from jackfield_plugins.encoding.architectures.architecture import EncoderArchitecture

_ACTIVATIONS: dict[str, Activation] = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
}


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """Numbers of an encoder. `positions`: rows of the table of positions. `kinds`: token types, 0 for none."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    first_position: int
    kinds: int
    epsilon: float
    activation: Activation

    @property
    def context(self) -> int:
        """Most tokens of a text."""
        return self.positions - self.first_position


def settings_of(architecture: EncoderArchitecture, folder: Folder) -> EncoderSettings:
    """Read config.json; raises LoadError naming it, the key, what it holds and what it must."""
    place = folder.place("config.json")
    read = Reader(folder.config, place)
    for key, right in (("position_embedding_type", "absolute"), ("is_decoder", False), ("add_cross_attention", False)):
        if read.get(key) not in (None, right):
            raise read.wrong(key, read.get(key), f"'{right}'" if isinstance(right, str) else "false")
    keys = architecture.keys
    activation = read.get(keys["activation"])
    if not isinstance(activation, str) or activation not in _ACTIVATIONS:
        known = ", ".join(f"'{name}'" for name in _ACTIVATIONS)
        raise read.wrong(keys["activation"], activation, f"one of {known}")
    settings = EncoderSettings(
        hidden=read.count(keys["hidden"]),
        layers=read.count(keys["layers"]),
        heads=read.count(keys["heads"]),
        feed_forward=read.count(keys["feed_forward"]),
        vocabulary=read.count("vocab_size"),
        positions=read.count("max_position_embeddings"),
        first_position=0 if architecture.positions == "from zero" else _padding(read) + 1,
        kinds=read.count("type_vocab_size") if architecture.kinds else 0,
        epsilon=read.number("layer_norm_eps", architecture.epsilon),
        activation=_ACTIVATIONS[activation],
    )
    if settings.hidden % settings.heads:
        raise read.wrong(keys["heads"], settings.heads, f"a divisor of {settings.hidden}, the size of a row")
    if settings.context < 1:
        raise LoadError(f"'{place}' has {settings.positions} positions, and texts begin at {settings.first_position}")
    return settings


def _padding(read: Reader) -> int:
    token = read.get("pad_token_id")
    if isinstance(token, bool) or not isinstance(token, int) or token < 0:
        raise read.wrong("pad_token_id", token, "a token: positions begin behind it")
    return token

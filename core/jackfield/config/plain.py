"""A checked configuration as plain data, from which another process can make it anew by the same names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic_core import PydanticSerializationError, to_jsonable_python

from jackfield.config.models import Config, ModelConfig, ModelSettings, Section
from jackfield.plugins.sockets import SOCKETS

_SELECTORS = {socket.name: socket.selector for socket in SOCKETS}


def plain(config: Config | ModelConfig) -> dict[str, Any]:
    """`config` as JSON can hold it. `load` and `load_model` make the same of it again.

    It holds secrets as they are: it is for another process, not for people.
    """
    data: dict[str, Any] = simple(config)
    return data


def simple(value: Any, key: str = "") -> Any:
    """Any value of a configuration as plain data; `key` is the one that it stands under."""
    if isinstance(value, Section):
        # what was left open stays so: a model may want another policy than the default, where none was chosen
        options = value.options.model_dump(by_alias=True, round_trip=True, exclude_unset=True)
        return {_SELECTORS.get(key, "name"): value.name, **simple(options)}
    if isinstance(value, ModelConfig):
        data = {name: simple(getattr(value, name)) for name in ModelSettings.model_fields}
        sections = {name: simple(getattr(value, name), name) for name in _SELECTORS if name in ModelConfig.model_fields}
        sections["scheduler"].update(simple(value.queue))
        return data | sections
    if isinstance(value, Config):
        return {name: simple(getattr(value, name)) for name in Config.model_fields}
    if isinstance(value, BaseModel):
        return simple(value.model_dump(by_alias=True, round_trip=True))
    if isinstance(value, Mapping):
        return {str(name): simple(item, str(name)) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [simple(item) for item in value]
    if isinstance(value, SecretStr | SecretBytes):
        return simple(value.get_secret_value())
    # What is no data at all stays what it is, for the check to say so.
    try:
        return to_jsonable_python(value, inf_nan_mode="constants")
    except PydanticSerializationError:
        return value

"""What plugins fill, as types for pydantic: the options classes of all registered plugins, chosen by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from jackfield.config.models import Section
from jackfield.config.suggest import noun, suggestion
from jackfield.config.values import problem
from jackfield.options import Options
from jackfield.plugins.registry import Entry
from jackfield.plugins.sockets import Socket

HIDDEN = "\0"
"""Begins what pydantic puts into the place of an error and the configuration does not have: names of variants."""
PLACEHOLDER = "x-jackfield-socket"
"""Marks, in pydantic's JSON Schema, where that of a socket belongs."""
_NAME, _OWN, _CORE = HIDDEN + "name", HIDDEN + "options", HIDDEN + "core"


class Filled:
    """`Annotated[Section, Filled(...)]`: a section that names one plugin and holds its options, or only the name.

    `core` are keys that stand in the same section and are the core's own; with them the value is a pair of the
    section and an instance of `core`.
    """

    def __init__(self, socket: Socket, entries: Mapping[str, Entry], core: type[Options] | None = None) -> None:
        self._socket, self._entries, self._core = socket, entries, core

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        # A discriminator of its own instead of one field's value, so that errors tell the variant from a key.
        choices = {HIDDEN + name: self._choice(entry, handler) for name, entry in self._entries.items()}
        chosen = core_schema.tagged_union_schema(choices, _variant) if choices else core_schema.any_schema()
        return core_schema.no_info_before_validator_function(self._named, chosen)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {PLACEHOLDER: self._socket.name}

    def _choice(self, entry: Entry, handler: GetCoreSchemaHandler) -> CoreSchema:
        fields = {
            _NAME: core_schema.typed_dict_field(core_schema.str_schema()),
            _OWN: core_schema.typed_dict_field(handler.generate_schema(entry.cls.options)),
        }
        if self._core is not None:
            fields[_CORE] = core_schema.typed_dict_field(handler.generate_schema(self._core))
        return core_schema.no_info_after_validator_function(self._section, core_schema.typed_dict_schema(fields))

    def _section(self, checked: dict[str, Any]) -> Any:
        section = Section(name=checked[_NAME], options=checked[_OWN])
        return section if self._core is None else (section, checked[_CORE])

    def _named(self, value: Any) -> dict[str, Any]:
        """Part a section, however short it was written, into the plugin's name, its options and the core's keys."""
        key, what = self._socket.selector, noun(self._socket.name)
        data = {key: value} if isinstance(value, str) else {} if value is None else value
        if not isinstance(data, Mapping):
            raise problem(f"got {{given}}, expected the name of {what}, or a section with '{key}' and its options")
        name = data.get(key, self._socket.default or None)
        if name is None:
            raise problem(f"is missing: the name of {what} ({', '.join(self._entries)})", key)
        if not isinstance(name, str):
            raise problem(f"got {{given}}, expected the name of {what}", key)
        if name not in self._entries:
            # The default may be unknown too, if its plugin is not installed; then nothing was given.
            given = "{given}" if key in data else f"the default, '{name}',"
            raise problem(f"{given} is not {what}{suggestion(name, self._entries)}", key)
        refuse_unavailable(self._entries[name], key)
        core = self._core.model_fields if self._core is not None else {}
        return {
            _NAME: name,
            _OWN: {k: v for k, v in data.items() if k != key and k not in core},
            _CORE: {k: v for k, v in data.items() if k in core},
        }


class Named:
    """`Annotated[dict[str, Options], Named(...)]`: plugins by name, each with its options, null for none."""

    def __init__(self, socket: Socket, entries: Mapping[str, Entry]) -> None:
        self._socket, self._entries = socket, entries

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        fields = {}
        for name, entry in self._entries.items():
            options = handler.generate_schema(entry.cls.options)
            checked = core_schema.with_info_before_validator_function(_Available(entry), options)
            fields[name] = core_schema.typed_dict_field(checked, required=False)
        return core_schema.typed_dict_schema(fields, extra_behavior="forbid")

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {PLACEHOLDER: self._socket.name}


class _Available:
    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    def __call__(self, value: Any, info: ValidationInfo) -> Any:
        refuse_unavailable(self._entry)
        return {} if value is None else value


def refuse_unavailable(entry: Entry, key: str = "") -> None:
    """An error for a plugin that is installed and cannot be used here."""
    if entry.unavailable is not None:
        raise problem(
            f"{entry.socket} '{entry.name}' of distribution '{entry.plugin.distribution}' is not available here: "
            f"{entry.unavailable}",
            key,
        )


def _variant(value: Any) -> str:
    return HIDDEN + str(value[_NAME])

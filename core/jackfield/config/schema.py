"""The JSON Schema of the whole configuration, as an editor or another program reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jackfield.config.document import Path
from jackfield.config.full import CORE_KEYS, full_model
from jackfield.config.sections import PLACEHOLDER
from jackfield.config.suggest import noun
from jackfield.errors import PluginError
from jackfield.options import Options
from jackfield.plugins.registry import Entry, Registry
from jackfield.plugins.sockets import SOCKETS, Socket

Json = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_BY_NAME = ("endpoint", "observer")


def schema(registry: Registry, *, availability: bool = True) -> Json:
    """The JSON Schema of a configuration for the plugins of `registry`, the unavailable ones included.

    `availability`: descriptions say which plugins cannot be used on this machine. Raises PluginError if a plugin's
    options have no JSON Schema.
    """
    whole = full_model(registry).model_json_schema()
    definitions: Json = whole.pop("$defs", {})
    for socket in SOCKETS:
        members = {}
        for entry in registry.socket(socket.name).values():
            member = _member(entry, definitions)
            if availability and entry.unavailable is not None:
                member["description"] = (
                    f"{member.get('description', '')}\n\nNot available here: {entry.unavailable}.".strip()
                )
            members[entry.name] = member
        definitions[socket.name] = (
            _by_name(members) if socket.name in _BY_NAME else _choice(socket, members, definitions)
        )
    body: Json = _placed({**whole, "$defs": definitions})
    return {"$schema": _DIALECT, **body, "title": "Jackfield configuration"}


def keys_at(root: Json, data: Any, path: Path) -> list[str]:
    """The keys that the section at `path` of `data` may have, by the schema `root`."""
    nodes = list(_variants(root, root, data))
    for part in path:
        data = data.get(part) if isinstance(data, Mapping) else None
        nodes = [deeper for node in nodes for below in _below(node, part) for deeper in _variants(root, below, data)]
    return list(dict.fromkeys(key for node in nodes for key in node.get("properties", {})))


def _variants(root: Json, node: Json, data: Any) -> Iterator[Json]:
    """`node` itself, and the variants of it that `data` does not rule out by the plugin that it names."""
    if "$ref" in node:
        yield from _variants(root, root["$defs"][node["$ref"].removeprefix("#/$defs/")], data)
        return
    if isinstance(data, Mapping):
        for key, value in node.get("properties", {}).items():
            if "const" in value and (data[key] != value["const"] if key in data else key in node.get("required", ())):
                return
    yield node
    for word in ("anyOf", "oneOf", "allOf"):
        for variant in node.get(word, ()):
            yield from _variants(root, variant, data)


def _below(node: Json, part: str | int) -> Iterator[Json]:
    if part in node.get("properties", {}):
        yield node["properties"][part]
        return
    further = "items" if isinstance(part, int) else "additionalProperties"
    for candidate in (node.get(further), *node.get("patternProperties", {}).values()):
        if isinstance(candidate, dict):
            yield candidate


def _choice(socket: Socket, members: dict[str, Json], definitions: Json) -> Json:
    """A plugin's name alone, or a section with the name and its options; without a name it is the default's."""
    core: Json = {}
    if socket.name in CORE_KEYS:
        core = _options_schema(CORE_KEYS[socket.name], socket.name, definitions)["properties"]
    for name, member in members.items():
        selector: Json = {"const": name, "description": f"Names the {noun(socket.name).split(' ', 1)[1]}."}
        if name == socket.default:
            selector["default"] = name
        else:
            member["required"] = [socket.selector, *member.get("required", ())]
        member["properties"] = {socket.selector: selector, **core, **member.get("properties", {})}
        definitions[f"{socket.name}.{name}"] = member
    refs = [{"$ref": f"#/$defs/{socket.name}.{name}"} for name in members]
    return {"title": socket.name, "anyOf": [{"enum": list(members)}, *refs]}


def _by_name(members: dict[str, Json]) -> Json:
    properties = {name: {"anyOf": [member, {"type": "null"}]} for name, member in members.items()}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _member(entry: Entry, definitions: Json) -> Json:
    try:
        member = _options_schema(entry.cls.options, f"{entry.socket}.{entry.name}", definitions)
    except Exception as error:
        raise PluginError(
            f"{entry.plugin.described}: the options of {entry.socket} '{entry.name}' have no JSON Schema: "
            f"{str(error).splitlines()[0]}"
        ) from error
    # A plugin that has no options of its own says what it is in the class that fills the socket.
    about = (
        (entry.cls.__doc__ or "") if entry.cls.options is Options else (member.get("description") or entry.cls.__doc__)
    )
    return {**member, "title": entry.name, "description": _paragraph(about or "")}


def _options_schema(options: type[Options], prefix: str, definitions: Json) -> Json:
    """The schema of one plugin's options; the definitions that it needs get names of their own among the others."""
    result = options.model_json_schema(ref_template=f"#/$defs/{prefix}.{{model}}")
    for name, definition in result.pop("$defs", {}).items():
        definitions[f"{prefix}.{name}"] = definition
    return result


def _placed(node: Any) -> Any:
    """`node` with references where pydantic's schema only marks that a socket is there."""
    if isinstance(node, dict):
        if PLACEHOLDER in node:
            rest = {key: value for key, value in node.items() if key != PLACEHOLDER}
            return {"$ref": f"#/$defs/{node[PLACEHOLDER]}", **rest}
        return {key: _placed(value) for key, value in node.items()}
    return [_placed(item) for item in node] if isinstance(node, list) else node


def _paragraph(text: str) -> str:
    return " ".join(text.strip().split("\n\n")[0].split())

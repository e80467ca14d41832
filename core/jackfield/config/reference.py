"""The reference of the configuration in Markdown, out of its JSON Schema.

python -m jackfield.config.reference > docs/configuration.md
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from jackfield.config.prose import INTRODUCTION
from jackfield.config.schema import Json, schema
from jackfield.config.suggest import noun
from jackfield.plugins.manager import Manager, discover
from jackfield.plugins.registry import Entry, Registry
from jackfield.plugins.sockets import SOCKETS

_SOCKETS = {socket.name: socket for socket in SOCKETS}
_BY_NAME = {"endpoints": "endpoint", "observers": "observer"}


def reference(registry: Registry) -> str:
    """All sections and keys, with those of the plugins of `registry`; the same on every machine."""
    return "\n".join(_Page(registry).lines()).rstrip() + "\n"


class _Page:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._schema = schema(registry, availability=False)

    def lines(self) -> Iterator[str]:
        yield INTRODUCTION
        top = self._schema["properties"]
        yield from self._object("server", top["server"])
        model = self._resolved({"$ref": "#/$defs/ModelConfig"})
        yield from self._object("models.NAME", model)
        for key in model["properties"]:
            if key in _SOCKETS:
                yield from self._socket(f"models.NAME.{key}", key, model["properties"][key])
        for key, socket in _BY_NAME.items():
            yield from self._socket(key, socket, top[key])
        yield from self._object("log", top["log"])

    def _object(self, path: str, node: Json, title: str = "", level: int = 2) -> Iterator[str]:
        """One section with its table, and the sections that stand in it."""
        node = self._resolved(node)
        yield f"{'#' * level} {title or f'`{path}`'}\n"
        if node.get("description"):
            yield f"{node['description']}\n"
        yield from self._table(node)
        for key, value in node.get("properties", {}).items():
            for below, inner in self._sections(f"{path}.{key}", value):
                yield from self._object(below, inner, level=min(level + 1, 5))

    def _table(self, node: Json) -> Iterator[str]:
        required = node.get("required", ())
        rows = [
            f"| `{key}` | {self._type(value)} | {self._default(value, key in required)} | {_cell(self._about(value))} |"
            for key, value in node.get("properties", {}).items()
            if "const" not in value  # the plugin's name, which the title says
        ]
        if rows:
            yield "\n".join(["| key | type | default | |", "|---|---|---|---|", *rows]) + "\n"

    def _socket(self, path: str, name: str, node: Json) -> Iterator[str]:
        socket, entries = _SOCKETS[name], self._registry.socket(name)
        yield f"## `{path}`\n"
        yield f"{_cell(node['description'])}\n"
        if name in _BY_NAME.values():
            yield f"Each key is the name of {noun(name)}, each value its options.\n"
        else:
            default = f" Without it, it is `{socket.default}`." if socket.default in entries else ""
            yield f"`{socket.selector}` names {noun(name)}; the other keys depend on it.{default}\n"
        for entry in sorted(entries.values(), key=lambda one: one.name != socket.default):
            title = f"`{path}`: `{entry.name}`"
            yield from self._object(path, self._plugin(entry), title, level=3)

    def _plugin(self, entry: Entry) -> Json:
        definitions = self._schema["$defs"]
        if entry.socket in _BY_NAME.values():
            member: Json = definitions[entry.socket]["properties"][entry.name]["anyOf"][0]
        else:
            member = definitions[f"{entry.socket}.{entry.name}"]
        description = _cell(member.get("description", ""))
        if entry.cls.requires:
            extra = f"; the extra `{entry.cls.extra}` brings it" if entry.cls.extra else ""
            description += f" Needs {' and '.join(f'`{module}`' for module in entry.cls.requires)}{extra}."
        return {**member, "description": description.strip()}

    def _sections(self, path: str, node: Json) -> Iterator[tuple[str, Json]]:
        """The sections that a value may be or hold, with their paths."""
        if "$ref" in node and node["$ref"].removeprefix("#/$defs/") in _SOCKETS:
            return
        resolved = self._resolved(node)
        if resolved.get("properties"):
            yield path, resolved
        for variant in resolved.get("anyOf", ()):
            yield from self._sections(path, variant)
        further = resolved.get("additionalProperties")
        if isinstance(further, dict):
            yield from self._sections(f"{path}.NAME", further)
        if isinstance(resolved.get("items"), dict):
            yield from self._sections(f"{path}[]", resolved["items"])

    def _type(self, node: Json) -> str:
        if node.get("$ref", "").removeprefix("#/$defs/") in _SOCKETS:
            return "name, or section"
        node = self._resolved(node)
        if "const" in node:
            return f"`{_yaml(node['const'])}`"
        if "enum" in node:
            return ", ".join(f"`{_yaml(value)}`" for value in node["enum"])
        if "anyOf" in node:
            return " or ".join(dict.fromkeys(self._type(variant) for variant in node["anyOf"]))
        kinds = node.get("type", "anything")
        kind = " or ".join(_KINDS.get(one, one) for one in ([kinds] if isinstance(kinds, str) else kinds))
        if kinds == "array":
            return f"list of {self._type(node.get('items', {}))}"
        if kinds == "object" and isinstance(node.get("additionalProperties"), dict) and not node.get("properties"):
            return f"section: name to {self._type(node['additionalProperties'])}"
        return kind + _bounds(node)

    def _about(self, node: Json) -> str:
        return str(node.get("description") or self._resolved(node).get("description", ""))

    def _default(self, node: Json, required: bool) -> str:
        if required:
            return "*required*"
        value = node.get("default")
        # What a section is by default is told where the section is.
        return "" if isinstance(value, dict) or "default" not in node else f"`{_yaml(value)}`"

    def _resolved(self, node: Json) -> Json:
        while "$ref" in node:
            rest = {key: value for key, value in node.items() if key != "$ref"}
            node = {**self._schema["$defs"][node["$ref"].removeprefix("#/$defs/")], **rest}
        return node


_KINDS = {"string": "text", "boolean": "true or false", "object": "section", "array": "list"}


def _bounds(node: Json) -> str:
    least, most = node.get("minimum"), node.get("maximum")
    if "exclusiveMinimum" in node:
        return f" > {node['exclusiveMinimum']}"
    if least is not None and most is not None:
        return f", {least} to {most}"
    return f" ≥ {least}" if least is not None else f" ≤ {most}" if most is not None else ""


def _yaml(value: Any) -> str:
    return value if isinstance(value, str) and value else json.dumps(value)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> None:
    """Print the reference for the plugins that come with Jackfield."""
    own = Manager([plugin for plugin in discover().plugins if plugin.distribution == "jackfield"])
    sys.stdout.write(reference(Registry(own)))


if __name__ == "__main__":
    main()

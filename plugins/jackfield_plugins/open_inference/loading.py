"""Loading and unloading models on request, as Triton's clients ask for it."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

import msgspec

from jackfield import ModelConfig, Server
from jackfield.errors import ConfigError, InvalidRequest, LoadError, NotFound, Overloaded
from jackfield_plugins.open_inference.overridden import OverriddenFiles
from jackfield_plugins.open_inference.texts import shown, without_paths

_FILE = "file:"
_MOST_AT_A_TIME = 64
_CHANGEABLE = frozenset(
    {
        *("backend", "batch_axis", "batching", "device", "idempotent", "load", "load_timeout_s", "max_timeout_s"),
        *("memory", "on_demand", "overlap", "poll_s", "replicas", "restarts", "router", "scheduler"),
        *("step_timeout_s", "timeout_s", "version", "versions"),
    }
)
"""What a request may say of a model: nothing that names other files of the host, or has code run that the
configuration does not name."""


class ParametersMessage(msgspec.Struct):
    """What is asked for."""

    parameters: dict[str, str | bool | int | float | None] = {}


class Loading:
    """Used on the event loop. `folder`: within which sources must lie that a request names; None: it may name none."""

    def __init__(self, server: Server, folder: Path | None) -> None:
        self._server = server
        self._folder = folder
        self._files: list[OverriddenFiles] = []
        self._replaced: dict[str, tuple[ModelConfig | None, ModelConfig]] = {}
        self._at_work: set[asyncio.Task[None]] = set()

    async def load(self, model: str, body: bytes) -> None:
        """Load the model, and return when it is ready. Raises InvalidRequest, NotFound, LoadError, and Overloaded.
        Whoever asked may go: what was begun is done."""
        _ = self._server.section  # which a front lacks, as it does what else is asked of the server here
        parameters = await asyncio.to_thread(_parameters, body)
        config, files = await asyncio.to_thread(_taken_apart, parameters)
        try:
            await self._one_more(self._load(model, config, files))
        except LoadError as error:
            raise LoadError(without_paths(str(error))) from None

    async def unload(self, model: str, body: bytes) -> None:
        """Unload it. No model depends on another here, so that `unload_dependents` adds nothing."""
        for name, value in _parameters(body).items():
            if name != "unload_dependents" or not isinstance(value, bool):
                raise InvalidRequest(f"parameter '{shown(name)}' is not known here: there is 'unload_dependents'")
        await self._one_more(self._server.unload(model))

    async def _load(self, model: str, config: Mapping[str, Any] | None, files: Mapping[str, bytes]) -> None:
        server = self._server
        now = server.config.models.get(model)
        own = self._own_section(model, now)
        before = now if own is None else own
        if before is None and (config is None or not (files or "source" in config)):
            raise NotFound(f"Request for unknown model: '{shown(model)}' is not found")
        section, folder = before, None
        if config is not None:
            changes = dict(config)
            if files or "source" in changes:
                _check_replaceable(model, before)
            if files:
                folder = await asyncio.to_thread(OverriddenFiles, files)
                changes["source"] = str(folder.folder)
            elif "source" in changes:
                changes["source"] = await asyncio.to_thread(self._within, changes["source"])
            try:
                section = await asyncio.to_thread(server.section, model, changes, before)
            except ConfigError as error:
                reason = without_paths(str(error))
                raise InvalidRequest(f"'config' of model '{shown(model)}' is wrong: {reason}") from None
        assert section is not None
        try:
            await server.load(model, section)
        finally:  # of a repository some versions may serve although one has failed
            if folder is not None:
                self._files.append(folder)
            self._settle(model, own, section)

    def _own_section(self, model: str, now: ModelConfig | None) -> ModelConfig | None:
        """What the configuration says of the model, whatever a request said of it since; None if it says nothing.
        `now` is what is in force."""
        own, made = self._replaced.get(model, (None, None))
        if now is None or made is None:
            return now
        return own if now == made or self._is_of_files(now) else now

    def _settle(self, model: str, own: ModelConfig | None, section: ModelConfig) -> None:
        """`section` was loaded, or could not be: note what is in force now, and forget the files that nothing uses."""
        sections = self._server.config.models
        if sections.get(model) == section:
            if section == own:
                self._replaced.pop(model, None)
            else:
                self._replaced[model] = own, section
        sources = {one.source for one in sections.values()}
        self._files = [files for files in self._files if str(files.folder) in sources]

    def _is_of_files(self, section: ModelConfig) -> bool:
        return any(str(files.folder) == section.source for files in self._files)

    def _within(self, source: Any) -> str:
        if self._folder is None:
            raise InvalidRequest(
                "'source' cannot be given in 'config' here: the endpoint's `repository_folder` is not set"
            )
        folder = self._folder.resolve()
        try:
            path = (folder / str(source)).resolve()
            there = path.exists()
        except (ValueError, OSError, RuntimeError):  # the last for links in a circle
            raise InvalidRequest(f"'source' is no path: '{shown(str(source))}'") from None
        if not isinstance(source, str) or path == folder or not path.is_relative_to(folder):
            raise InvalidRequest("'source' must be a path within the repository, relative to it")
        if _is_code(source) or _is_code(str(path)) or not there:
            raise InvalidRequest("'source' must name a file or folder that is within the repository, and no code")
        return str(path)

    async def _one_more(self, work: Coroutine[Any, Any, None]) -> None:
        if len(self._at_work) >= _MOST_AT_A_TIME:
            work.close()
            raise Overloaded(f"{_MOST_AT_A_TIME} models are being loaded or unloaded at this moment")
        task = asyncio.create_task(work)
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)
        await asyncio.shield(task)


def _check_replaceable(model: str, section: ModelConfig | None) -> None:
    """Raises InvalidRequest if other files in place of the model's own would be code that is run."""
    if section is None:
        return
    if section.artifact is not None and _is_code(section.artifact):
        raise InvalidRequest(
            f"model '{shown(model)}' runs code: its `artifact` names a class, so that a request may give neither its "
            "files nor its source"
        )
    options = section.loader.options.model_dump() if section.loader is not None else {}
    allowed = [name for name, value in options.items() if name.startswith("allow_") and value]
    if allowed:
        raise InvalidRequest(
            f"model '{shown(model)}' may run code that comes with it: its loader has `{allowed[0]}`, so that a request "
            "may give neither its files nor its source"
        )


def _is_code(source: str) -> bool:
    """Whether it has the form of what names a class, in a file or a module, or of a file of Python."""
    return ":" in source or source.endswith(".py")


def _parameters(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=ParametersMessage).parameters if body else {}
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the request is not valid: {shown(str(error), 160)}") from None


def _taken_apart(parameters: Mapping[str, Any]) -> tuple[dict[str, Any] | None, dict[str, bytes]]:
    """What of the model's section is asked for, None if nothing is said; and files by their paths."""
    config: dict[str, Any] | None = None
    files: dict[str, bytes] = {}
    for name, value in parameters.items():
        if name == "config":
            config = _config(value)
        elif name.startswith(_FILE):
            files[name.removeprefix(_FILE)] = _content(name, value)
        else:
            raise InvalidRequest(f"parameter '{shown(name)}' is not known here: there are 'config' and 'file:PATH'")
    if files and config is None:
        raise InvalidRequest("'config' must be given where files are: it may be '{}'")
    return config, files


def _config(value: Any) -> dict[str, Any]:
    try:
        config = msgspec.json.decode(value, type=dict[str, Any]) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        config = None
    if config is None:
        raise InvalidRequest("parameter 'config' must be text: a JSON object with keys of the model's section")
    for key, one in config.items():
        if key not in _CHANGEABLE and key != "source":
            raise InvalidRequest(
                f"'{shown(key)}' cannot be given in 'config' here; there are: {', '.join(sorted(_CHANGEABLE))}"
            )
        if key == "backend" and not isinstance(one, str):
            raise InvalidRequest("'backend' in 'config' must be the name of one: its options are the configuration's")
    return config


def _content(name: str, value: Any) -> bytes:
    try:
        if not isinstance(value, str):
            raise ValueError
        return base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        raise InvalidRequest(f"parameter '{shown(name)}' must be the file's content in base64") from None

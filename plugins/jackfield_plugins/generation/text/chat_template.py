"""Chat templates: messages to a prompt, by the template that came with the model.

A template is a program that came with the model, run on what a client sent. So it runs in jinja's sandbox, and that in
processes which have no more than so much time and memory, and which are killed where that does not do: a template that
goes on for ever, or gets out of the sandbox, costs nobody but the request that it was run for.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jackfield.errors import InvalidRequest, LoadError, Unavailable, Unsupported
from jackfield_plugins.generation.text.template_process import Died, TemplateProcess, TookTooLong

_RESERVED = ("messages", "tools", "add_generation_prompt")


@dataclass(frozen=True, slots=True)
class TemplateLimits:
    """`seconds` for a template to render; `start`, in seconds, for a process to start and compile, a tenth of one where
    nothing is amiss; `memory` and `answer`, in bytes; `processes`, how many render at a time."""

    seconds: float = 2.0
    start: float = 20.0
    memory: int = 512 * 1024 * 1024
    answer: int = 16 * 1024 * 1024
    processes: int = 2


class ChatTemplate:
    """The chat templates of one model. Thread-safe; `render` blocks, and so is not for the event loop.

    `templates`: by name, of which `tool_use` is taken for requests with tools where there is one, else `default`.
    `tokens`: variables of every template, such as `eos_token`. A process is started when it is first needed.
    """

    def __init__(
        self, source: str, templates: Mapping[str, str], tokens: Mapping[str, str], limits: TemplateLimits | None = None
    ) -> None:
        self.source = source
        self.sources = dict(templates)
        """The templates by name, as they came with the model; empty if it has none."""
        self.tokens = dict(tokens)
        self._limits = limits or TemplateLimits()
        self._turns = threading.Semaphore(self._limits.processes)
        self._idle: list[TemplateProcess] = []
        self._lock = threading.Lock()
        self._closed = False

    def check(self) -> None:
        """Compile the templates. Raises LoadError if one is not a template, or compiling it takes too much."""
        process = self._started()
        with self._lock:
            self._idle.append(process)

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        variables: Mapping[str, Any] | None = None,
    ) -> str:
        """The prompt for `messages`, all of them plain data. `variables` are further ones that the template may use.

        Raises Unsupported if the model has no chat template; InvalidRequest if the template refuses the messages, fails
        or takes too much; Unavailable if all processes were busy for too long.
        """
        name = "tool_use" if tools and "tool_use" in self.sources else "default"
        if name not in self.sources:
            raise Unsupported(f"'{self.source}' came without a chat template: ask for a completion of a prompt instead")
        for variable in variables or {}:
            if variable in _RESERVED or variable in self.tokens:
                raise InvalidRequest(f"'{variable}' is not for a request to set: the template gets it from elsewhere")
        arguments = {
            **self.tokens,
            **(variables or {}),
            "messages": messages,
            "tools": tools,
            "add_generation_prompt": add_generation_prompt,
        }
        if not self._turns.acquire(timeout=2 * self._limits.seconds):
            raise Unavailable("all that render chat templates are busy")
        try:
            return self._rendered(name, arguments)
        finally:
            self._turns.release()

    def close(self) -> None:
        """End the processes. What renders at this moment may finish."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for process in idle:
            process.kill()

    def _rendered(self, name: str, arguments: Mapping[str, Any]) -> str:
        process = self._free()
        try:
            answer = process.render(name, arguments, self._limits.seconds)
        except TookTooLong:
            raise InvalidRequest(
                f"the chat template takes longer than {self._limits.seconds:g} seconds for these messages"
            ) from None
        except Died:
            raise InvalidRequest(
                "the chat template takes too much memory for these messages, or makes too much"
            ) from None
        with self._lock:
            if not self._closed:
                self._idle.append(process)
                process = None  # type: ignore[assignment]
        if process is not None:
            process.kill()
        if "error" in answer:
            raise InvalidRequest(f"the chat template refuses these messages: {answer['error']}")
        return str(answer["text"])

    def _free(self) -> TemplateProcess:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        try:
            return self._started()
        except LoadError as error:  # it could be compiled before
            raise Unavailable(str(error)) from error

    def _started(self) -> TemplateProcess:
        limits = self._limits
        try:
            process = TemplateProcess(self.sources, limits.memory, limits.answer, limits.start)
        except (TookTooLong, Died) as error:
            why = f"it takes longer than {limits.start:g} seconds" if isinstance(error, TookTooLong) else str(error)
            raise LoadError(f"the chat template of '{self.source}' cannot be compiled: {why}") from error
        if process.error is not None:
            process.kill()
            raise LoadError(f"the chat template of '{self.source}' is none: {process.error}")
        return process

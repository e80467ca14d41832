"""Making of what a front is told of the models what its endpoints read."""

from __future__ import annotations

import asyncio

import structlog

from jackfield.config.models import ModelConfig
from jackfield.errors import JackfieldError
from jackfield.fronts import messages as say
from jackfield.fronts.standin import FrontServer, configs_of
from jackfield.interfaces.engine import Likeness
from jackfield.lifecycle.hosting import likeness_of
from jackfield.plugins.registry import Registry

log = structlog.get_logger("jackfield.fronts")


class Showing:
    """Used on the event loop. What takes time is made on other threads; until it is there, its versions are not known
    here."""

    def __init__(self, server: FrontServer, registry: Registry) -> None:
        self._server = server
        self._registry = registry
        self._portraits: dict[int, say.Portrait] = {}
        self._likenesses: dict[int, Likeness] = {0: Likeness(None)}
        self._configs: dict[int, ModelConfig] = {}
        self._view = say.View([], False, True)
        self._task: asyncio.Task[None] | None = None
        self._again = False

    def portrait(self, message: say.Portrait) -> None:
        """One has come, and a view that has it will."""
        self._portraits[message.number] = message

    def view(self, message: say.View) -> None:
        """The models are so from now on."""
        self._view = message
        named = {version.portrait for model in message.models for version in model.versions}
        for number in self._portraits.keys() - named:  # it came before this view, and so no later one has it
            del self._portraits[number]
        self._server.show(message, self._likenesses, self._configs)
        self._again = True
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._make())

    async def close(self) -> None:
        """Give back what the likenesses hold."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for likeness in self._likenesses.values():
            _close(likeness)

    async def _make(self) -> None:
        while self._again:
            self._again = False
            view = self._view
            versions = [version for model in view.models for version in model.versions]
            try:
                self._configs |= await asyncio.to_thread(configs_of, view, list(self._configs), self._registry)
            except JackfieldError as error:
                log.error("a model's section cannot be read in a front", reason=str(error))
            for number in {version.portrait for version in versions}:
                if number > 0 and number not in self._likenesses:
                    await self._draw(number)
            self._server.show(self._view, self._likenesses, self._configs)
            self._forget()

    async def _draw(self, number: int) -> None:
        portrait = self._portraits.pop(number, None)
        if portrait is None:
            return
        try:
            self._likenesses[number] = await asyncio.to_thread(likeness_of, (portrait.where, portrait.data))
        except JackfieldError as error:
            log.error("a model cannot be shown in a front, which hands on all requests for it", reason=str(error))

    def _forget(self) -> None:
        """Keep only what is shown."""
        versions = [version for model in self._view.models for version in model.versions]
        keys, numbers = {one.key for one in versions}, {0, *(one.portrait for one in versions)}
        self._configs = {key: config for key, config in self._configs.items() if key in keys}
        for number in [one for one in self._likenesses if one not in numbers]:
            _close(self._likenesses.pop(number))


def _close(likeness: Likeness) -> None:
    if likeness.close is not None:
        likeness.close()

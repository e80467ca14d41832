"""The models of the server as this protocol sees them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from jackfield import Server, Version
from jackfield.errors import NotFound
from jackfield_plugins.encoding.text_encoder import TextEncoder
from jackfield_plugins.generation.language import Language
from jackfield_plugins.open_inference.texts import shown
from jackfield_plugins.openai.fault import Fault, UnknownModel
from jackfield_plugins.openai.special import spellings
from jackfield_plugins.openai.spelling import TokenTexts


@dataclass(frozen=True, slots=True, eq=False)
class Speaker:
    """A model that generates, with what is found out about it once. `special`: see `special.spellings`. `tools` and
    `developer`: whether its template knows of these."""

    version: Version
    language: Language
    texts: TokenTexts
    special: re.Pattern[str] | None
    tools: bool
    developer: bool

    @property
    def name(self) -> str:
        """The model's."""
        return self.version.model


class Models:
    """Used on the event loop."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._speakers: dict[str, Speaker] = {}

    def version(self, name: str) -> Version:
        """The default version of the model `name`; raises NotFound."""
        try:
            return self._server.model(name).version("")
        except NotFound:
            raise UnknownModel(f"the model '{shown(name)}' does not exist") from None

    async def speaker(self, name: str) -> Speaker:
        """The model that is to generate, which is there and has room for a request.

        Raises NotFound, Unavailable, Overloaded, and Fault if it is a model of another kind."""
        version = await self._awake(name)
        about = version.about
        version.check_room()
        if not isinstance(about, Language):
            hint = ": it embeds, ask for embeddings" if isinstance(about, TextEncoder) else ""
            raise Fault(f"model '{version.model}' does not generate text{hint}", "model", "unsupported")
        known = self._speakers.get(name)
        if known is None or known.language is not about:
            known = self._speakers[name] = _speaker(version, about)
        return known

    async def encoder(self, name: str) -> tuple[Version, TextEncoder]:
        """The model that is to embed, which is there and has room for a request, and what is known of it. Raises as
        `speaker`."""
        version = await self._awake(name)
        version.check_room()
        about = version.about
        if not isinstance(about, TextEncoder):
            hint = ": it generates, ask for completions" if isinstance(about, Language) else ""
            raise Fault(f"model '{version.model}' does not embed texts{hint}", "model", "unsupported")
        return version, about

    async def _awake(self, name: str) -> Version:
        if name in self._server.sleeping and name in self._server.models:
            await self._server.awake(name)
        return self.version(name)

    def single(self) -> Version | None:
        """That of the one model that there is, None if there are more."""
        mains = self._mains
        return mains[0] if len(mains) == 1 else None

    def listed(self, created: int) -> dict[str, Any]:
        """All of them."""
        rows = [_row(version, created) for version in self._mains]
        rows += [_bare_row(name, created) for name in self._server.models if name in self._server.sleeping]
        return {"object": "list", "data": rows}

    @property
    def _mains(self) -> list[Version]:
        """Of each model that is not unloaded, what takes its requests."""
        return [model.main for model in self._server.models.values() if model.main is not None]

    def one(self, name: str, created: int) -> dict[str, Any]:
        """The model `name`; raises NotFound."""
        if name in self._server.sleeping and name in self._server.models:
            return _bare_row(name, created)
        return _row(self.version(name), created)


def _bare_row(name: str, created: int) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": "jackfield"}


def _row(version: Version, created: int) -> dict[str, Any]:
    row = _bare_row(version.model, created)
    if isinstance(version.about, Language):
        row["max_model_len"] = version.about.context
    elif isinstance(version.about, TextEncoder):
        row["max_model_len"] = version.about.limit
    return row


def _speaker(version: Version, language: Language) -> Speaker:
    templates = "\n".join(language.template.sources.values())
    return Speaker(
        version,
        language,
        TokenTexts(language.tokenizer),
        spellings(language.tokenizer),
        "tools" in templates,
        "developer" in templates,
    )

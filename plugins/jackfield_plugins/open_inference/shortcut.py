"""Inferences of small, ordinary requests without ASGI: the same decoding, exchange and encoding, with fewer stops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from jackfield import Response, Server, Work
from jackfield.errors import Cancelled, InvalidRequest, JackfieldError, Unsupported
from jackfield.web import Answer, Withdraw
from jackfield_plugins.open_inference.headers import Headers
from jackfield_plugins.open_inference.infer import LARGE_REQUEST, Asked, Inference
from jackfield_plugins.open_inference.paths import Target

Refusal = Callable[[Headers, Exception, str], tuple[int, bytes, list[tuple[bytes, bytes]]]]


class QuickInference:
    """Made once for all requests with one head; used on the event loop. `target` is what `path` means; `refusal` gives
    what an error is answered with."""

    def __init__(
        self, server: Server, inference: Inference, refusal: Refusal, target: Target, path: str, headers: Headers
    ) -> None:
        self._server = server
        self._inference = inference
        self._refusal = refusal
        self._target = target
        self._path = path
        self._said = inference.said(headers)
        self._finishing: set[asyncio.Task[None]] = set()

    def begin(self, body: bytes, answer: Answer) -> Withdraw | None:
        """Submit the request in `body`, and answer it when it is settled. A `Shortcut`."""
        inference, said = self._inference, self._said
        _, model, version = self._target
        if len(body) > LARGE_REQUEST or model in self._server.sleeping:
            return None
        try:
            found = self._server.model(model).version(version)
            found.check_room(len(body))
            try:
                request, wanted = inference.decoded_now(body, said.headers, model, version)
            except (InvalidRequest, Unsupported) as error:
                found.refused(error)
                raise
            asked = inference.asked(request, wanted, said, found)
            work = self._server.submit(request, partial(self._told, asked, answer))
        except Exception as error:
            self._refuse(error, answer)
            return _nothing
        return partial(self._server.cancel, work)

    def _told(self, asked: Asked, answer: Answer, work: Work, result: Response | JackfieldError) -> None:
        if isinstance(result, Response):
            try:
                encoded = self._inference.encoded_now(asked, work, result)
            except Exception as error:
                self._refuse(error, answer)
                return
            if encoded is None:
                task = asyncio.ensure_future(self._finish(asked, answer, work, result))
                self._finishing.add(task)
                task.add_done_callback(self._finishing.discard)
            else:
                body, sent = encoded
                answer(200, sent, body)
        elif not isinstance(result, Cancelled):
            self._refuse(result, answer)

    async def _finish(self, asked: Asked, answer: Answer, work: Work, response: Response) -> None:
        try:
            body, sent = await self._inference.encoded(asked, work, response)
        except Exception as error:
            self._refuse(error, answer)
        else:
            answer(200, sent, body)

    def _refuse(self, error: Exception, answer: Answer) -> None:
        status, body, sent = self._refusal(self._said.headers, error, self._path)
        answer(status, sent, body)


def _nothing() -> None:
    """There is nothing to withdraw: it was answered at once."""

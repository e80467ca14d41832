"""Endpoint `metrics`: `GET /metrics` in the exposition format of Prometheus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from prometheus_client.exposition import choose_encoder
from pydantic import Field

from jackfield import Endpoint, Options, Route
from jackfield.errors import ConfigError
from jackfield.web import Receive, Scope, Send, header, send_bytes, send_json
from jackfield_plugins.prometheus.observer import Prometheus


class MetricsOptions(Options):
    """Where the metrics are shown."""

    path: str = Field(default="/metrics", pattern=r"^/[A-Za-z0-9._/-]+$")
    """The path of the endpoint."""


class Metrics(Endpoint):
    """Shows what the observer `prometheus` has seen; that must be configured too. Where there are keys, one needs the
    right `metrics`: they tell of all models and tenants' requests, so they are no model's."""

    options = MetricsOptions

    def routes(self) -> Sequence[Route]:
        """One path."""
        if not isinstance(self.server.observers.all.get("prometheus"), Prometheus):
            raise ConfigError("endpoints.metrics: it shows the observer 'prometheus', which `observers:` does not name")
        return [Route(cast(MetricsOptions, self.settings).path, self._answer, right="metrics")]

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].rstrip("/") != cast(MetricsOptions, self.settings).path.rstrip("/"):
            await send_json(send, 404, {"error": "there is nothing at this path"})
            return
        if scope["method"] not in ("GET", "HEAD"):
            await send_json(send, 405, {"error": f"{scope['method']} is not allowed here"}, [(b"allow", b"GET, HEAD")])
            return
        observer = cast(Prometheus, self.server.observers.all["prometheus"])
        accept = (header(scope, b"accept") or b"").decode("latin-1")
        encode, content_type = choose_encoder(accept)
        await send_bytes(send, 200, encode(observer.registry), [(b"content-type", content_type.encode())])

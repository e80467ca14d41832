"""HTTPS on a real server: its certificate, those of clients, and new ones while it runs."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path

import pytest

from tests.e2e.certificates import certificate, needs_openssl
from tests.e2e.company import until
from tests.e2e.conftest import DOUBLE, LARGE
from tests.e2e.launch import launched
from tests.e2e.sockets import content, doubled, head, post, rows

pytestmark = needs_openssl


def trusting(*authorities: Path, own: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    for one in authorities:
        context.load_verify_locations(one)
    if own is not None:
        context.load_cert_chain(*own)
    return context


@contextmanager
def connected(port: int, context: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    """One connection. Raises what is wrong with either's certificate."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped,
    ):
        yield wrapped


def status(raw: ssl.SSLSocket) -> int:
    """Of the next answer, which is read whole."""
    response = HTTPResponse(raw, method="POST")
    response.begin()
    response.read()
    return response.status


def test_https_with_a_password_on_the_key_and_a_new_certificate_while_it_runs(tmp_path: Path) -> None:
    first, key = certificate(tmp_path, "first", "secret")
    second, other = certificate(tmp_path, "second", "secret")
    files = {"certificate": "first.pem", "key": "first.key", "key_password_env": "KEY_PASSWORD"}
    limits = {"max_body_bytes": 100_000}
    config = {"server": {"tls": files, "limits": limits}, "models": {"double": DOUBLE, "large": LARGE}}
    environ = {**os.environ, "KEY_PASSWORD": "secret"}
    with launched(config, tmp_path, environ=environ, tls=trusting(first)) as live:
        assert '"url":"https://127.0.0.1:' in live.log.read_text()
        assert live.infer("double", content(7)).json["outputs"][0]["data"] == doubled(7)
        assert len(live.infer("large", content(1)).body) > 1 << 20
        with pytest.raises(ssl.SSLCertVerificationError), connected(live.port, trusting(second)):
            pass
        with connected(live.port, trusting(first)) as raw:
            for _ in range(3):  # the second and third on the shortcut
                raw.sendall(post("double", rows(7)))
                assert status(raw) == 200
            raw.sendall(head("POST", "/v2/models/double/infer", ("Content-Length", 10**9)) + b"x" * 1000)
            assert status(raw) == 413
            assert raw.recv(65536) == b""
        shutil.copy(second, first)
        live.process.send_signal(signal.SIGHUP)
        until(lambda: "is not the key of the certificate" in live.log.read_text(), "the mismatch to be told")
        assert live.ask("GET", "/v2").status == 200
        shutil.copy(other, key)
        live.process.send_signal(signal.SIGHUP)
        until(lambda: '"event":"reloaded"' in live.log.read_text(), "the new certificate")
        with pytest.raises(ssl.SSLCertVerificationError):
            live.ask("GET", "/v2")
        with connected(live.port, trusting(second)) as raw:
            raw.sendall(head("GET", "/v2"))
            assert status(raw) == 200
        assert '"level":"critical"' not in live.log.read_text()


def answered(port: int, context: ssl.SSLContext) -> bool:
    """Whether there is any answer to a client with `context`; with TLS 1.3 a refusal comes when it reads."""
    try:
        with connected(port, context) as raw:
            raw.sendall(head("GET", "/v2"))
            return raw.recv(100) != b""
    except (ssl.SSLError, ConnectionError):
        return False


def test_clients_must_show_a_certificate(tmp_path: Path) -> None:
    server, mine, strange = (certificate(tmp_path, name) for name in ("server", "mine", "strange"))
    files = {"certificate": "server.pem", "key": "server.key", "client_ca": "mine.pem"}
    config = {"server": {"tls": files}, "models": {"double": DOUBLE}}
    with launched(config, tmp_path, tls=trusting(server[0], own=mine)) as live:
        assert live.infer("double", content(7)).status == 200
        assert answered(live.port, trusting(server[0], own=mine))
        for own in (None, strange):
            assert not answered(live.port, trusting(server[0], own=own))
        with socket.create_connection(("127.0.0.1", live.port)) as plain:
            plain.settimeout(30)
            plain.sendall(head("GET", "/v2"))
            assert not plain.recv(100).startswith(b"HTTP/1.1 200")
        assert live.infer("double", content(7)).status == 200


def test_wrong_files_are_said_at_the_start(tmp_path: Path) -> None:
    certificate(tmp_path, "one")
    certificate(tmp_path, "two")
    config = {"server": {"tls": {"certificate": "one.pem", "key": "two.key"}}, "models": {"double": DOUBLE}}
    with (
        pytest.raises(AssertionError, match=r"jackfield: server\.tls\.key: '.*two\.key' is not the key"),
        launched(config, tmp_path),
    ):
        pass

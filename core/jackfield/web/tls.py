"""TLS: the server's certificate, and those of clients."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from pathlib import Path

from jackfield.config.models import TlsConfig
from jackfield.errors import ConfigError

_WHERE = "server.tls"


class Tls:
    """`context` is for the listening sockets. Raises ConfigError with one sentence about the first thing that is
    wrong. Blocks while files are read."""

    def __init__(self, config: TlsConfig, environ: Mapping[str, str] | None = None) -> None:
        self._config = config
        self._environ = os.environ if environ is None else environ
        self.context = self._made()

    def renew(self) -> None:
        """Read certificate and key again, for connections from now on. Raises as at first, and then nothing changes:
        what is wrong must not reach the context that is in use. Thread-safe."""
        self._made()
        self._load(self.context)

    def _made(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        self._load(context)
        authority = self._config.client_ca
        if authority is not None:
            _check(authority, "client_ca", "CERTIFICATE-----")
            context.verify_mode = ssl.CERT_REQUIRED
            try:
                context.load_verify_locations(authority)
            except ssl.SSLError:
                raise ConfigError(f"{_WHERE}.client_ca: '{authority}' has no certificate that can be read") from None
        return context

    def _load(self, context: ssl.SSLContext) -> None:
        certificate, key = self._config.certificate, self._config.key or self._config.certificate
        _check(certificate, "certificate", "CERTIFICATE-----")
        _check(key, "key", "PRIVATE KEY-----")
        asked = False

        def password() -> str:
            nonlocal asked
            asked = True
            return self._password() or ""  # OpenSSL would ask at the terminal

        try:
            context.load_cert_chain(certificate, key, password)
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise ConfigError(f"{_WHERE}.key: '{key}' is not the key of the certificate '{certificate}'") from None
            if asked and self._config.key_password_env is None:
                raise ConfigError(
                    f"{_WHERE}.key: '{key}' is encrypted: name the environment variable that holds its password in "
                    f"'{_WHERE}.key_password_env'"
                ) from None
            if asked:
                variable = self._config.key_password_env
                raise ConfigError(
                    f"{_WHERE}.key_password_env: what '{variable}' holds is not the password of '{key}'"
                ) from None
            raise ConfigError(
                f"{_WHERE}: certificate '{certificate}' and key '{key}' cannot be used: {error.reason or error}"
            ) from None

    def _password(self) -> str | None:
        variable = self._config.key_password_env
        if variable is None:
            return None
        found = self._environ.get(variable)
        if found is None:
            raise ConfigError(f"{_WHERE}.key_password_env: environment variable '{variable}' is not set")
        return found


def _check(file: Path, key: str, mark: str) -> None:
    try:
        text = file.read_text(encoding="latin-1")
    except OSError as error:
        raise ConfigError(f"{_WHERE}.{key}: cannot read '{file}': {(error.strerror or str(error)).lower()}") from None
    if mark not in text:
        what = "private key" if "KEY" in mark else "certificate"
        raise ConfigError(f"{_WHERE}.{key}: there is no {what} in '{file}', expected a PEM file with one")

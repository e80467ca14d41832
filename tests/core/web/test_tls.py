"""Certificates: which are taken, and what is said of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from jackfield.config.models import TlsConfig
from jackfield.errors import ConfigError
from jackfield.web.tls import Tls
from tests.e2e.certificates import certificate, needs_openssl

pytestmark = needs_openssl


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`one` and `two`, and `locked`, whose key has the password `secret`."""
    found = tmp_path_factory.mktemp("certificates")
    certificate(found, "one")
    certificate(found, "two")
    certificate(found, "locked", "secret")
    (found / "text.pem").write_text("no certificate")
    (found / "both.pem").write_text((found / "one.pem").read_text() + (found / "one.key").read_text())
    (found / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    return found


def tls(folder: Path, certificate: str, key: str | None = None, **more: str) -> Tls:
    given = {"certificate": folder / certificate, "key": key and folder / key, **more}
    return Tls(TlsConfig.model_validate(given), {"PASSWORD": "secret", "WRONG": "guess"})


def test_what_is_right(folder: Path) -> None:
    tls(folder, "one.pem", "one.key").renew()
    tls(folder, "both.pem")
    tls(folder, "locked.pem", "locked.key", key_password_env="PASSWORD").renew()
    tls(folder, "one.pem", "one.key", client_ca=str(folder / "two.pem"))


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"certificate": "none.pem"}, r"^server\.tls\.certificate: cannot read '.*none\.pem': no such file"),
        ({"certificate": "."}, r"^server\.tls\.certificate: cannot read '.*': is a directory"),
        ({"certificate": "one.pem", "key": "none.key"}, r"^server\.tls\.key: cannot read '.*none\.key': no such file"),
        ({"certificate": "one.pem"}, r"^server\.tls\.key: there is no private key in '.*one\.pem'"),
        ({"certificate": "text.pem", "key": "one.key"}, r"^server\.tls\.certificate: there is no certificate in"),
        ({"certificate": "one.pem", "key": "two.key"}, r"key: '.*two\.key' is not the key of .* '.*one\.pem'$"),
        (
            {"certificate": "broken.pem", "key": "one.key"},
            r"^server\.tls: certificate '.*' and key '.*' cannot be used",
        ),
        ({"certificate": "locked.pem", "key": "locked.key"}, r"is encrypted: name the environment variable"),
        (
            {"certificate": "locked.pem", "key": "locked.key", "key_password_env": "WRONG"},
            r"key_password_env: what 'WRONG' holds is not the password of '.*locked\.key'$",
        ),
        (
            {"certificate": "locked.pem", "key": "locked.key", "key_password_env": "NONE"},
            r"key_password_env: environment variable 'NONE' is not set$",
        ),
        (
            {"certificate": "both.pem", "client_ca": "/nowhere.pem"},
            r"^server\.tls\.client_ca: cannot read '/nowhere\.pem': no such file",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence(folder: Path, given: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as refused:
        tls(folder, **given)
    assert "\n" not in str(refused.value)
    assert "guess" not in str(refused.value)


def test_an_authority_without_a_certificate(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"client_ca: '.*broken\.pem' has no certificate that can be read"):
        tls(folder, "both.pem", client_ca=str(folder / "broken.pem"))


def test_what_becomes_wrong_does_not_reach_the_context_in_use(folder: Path, tmp_path: Path) -> None:
    import shutil

    for name in ("one.pem", "one.key"):
        shutil.copy(folder / name, tmp_path / name)
    found = tls(tmp_path, "one.pem", "one.key")
    shutil.copy(folder / "two.pem", tmp_path / "one.pem")
    with pytest.raises(ConfigError, match="is not the key of"):
        found.renew()
    shutil.copy(folder / "two.key", tmp_path / "one.key")
    found.renew()

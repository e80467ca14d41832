"""Certificates made on the spot."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

OPENSSL = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="certificates are made with the command openssl")


def certificate(folder: Path, name: str, password: str = "") -> tuple[Path, Path]:
    """A certificate for this machine that nobody else has signed, and its key, which `password` protects."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    assert OPENSSL is not None
    protection = ["-passout", f"pass:{password}"] if password else ["-nodes"]
    subprocess.run(
        [
            *(OPENSSL, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2"),
            *("-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-out", str(certificate), "-keyout", str(key), *protection),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key

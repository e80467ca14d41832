"""The endpoint keeps to the contract of its socket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from jackfield import Server
from jackfield.keys.hashing import hashed
from jackfield.testing import EndpointContract, Example
from jackfield_plugins.admin.endpoint import Admin, AdminOptions

ENTRIES = f"ops: {{hash: '{hashed('jf-any')}', rights: [admin]}}"


class TestAdmin(EndpointContract):
    @pytest.fixture(autouse=True)
    def _keys(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KEYS_OF_THIS_TEST", ENTRIES)

    def config(self) -> Mapping[str, Any]:
        return {"server": {"keys": {"env": "KEYS_OF_THIS_TEST"}}}

    def endpoint(self, server: Server) -> Admin:
        return Admin(AdminOptions(), server)

    def examples(self) -> Sequence[Example]:
        return [
            *(
                Example(method, path)
                for path in ("/admin/models", "/admin/models/double")
                for method in ("GET", "HEAD")
            ),
            Example("POST", "/admin/models/double/reconfigure", b'{"changes": {"timeout_s": 2}}'),
        ]

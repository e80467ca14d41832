from __future__ import annotations

import json

from jackfield.config import schema
from tests.core.cli.conftest import Run
from tests.core.config import plugs


def test_schema(jackfield: Run) -> None:
    assert json.loads(jackfield("schema").stdout) == schema(plugs.registry())

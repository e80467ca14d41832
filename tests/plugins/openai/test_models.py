from __future__ import annotations

import pytest

from jackfield_plugins.openai.fault import Fault, UnknownModel
from jackfield_plugins.openai.models import Models
from tests.core.lifecycle.fakes import in_loop
from tests.plugins.openai.calling import served


@in_loop
async def test_what_is_found_out_is_kept() -> None:
    async with served() as caller:
        models = Models(caller.app.server)
        found = await models.speaker("m")
        assert await models.speaker("m") is found
        assert (found.name, found.tools, found.developer) == ("m", False, False)
        assert models.single() is found.version
        assert models.one("m", 5) == {
            "id": "m",
            "object": "model",
            "created": 5,
            "owned_by": "jackfield",
            "max_model_len": 1000,
        }
        assert models.listed(5)["data"] == [models.one("m", 5)]
        with pytest.raises(UnknownModel, match=r"the model 'x\\n' does not exist"):
            await models.speaker("x\n")
        with pytest.raises(Fault, match="does not embed texts: it generates"):
            await models.encoder("m")

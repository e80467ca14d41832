"""Changing a real server through the endpoint `admin`, and by `jackfield reload`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from jackfield.keys.hashing import hashed, new_key
from tests.e2e.company import refusal, until
from tests.e2e.conftest import DOUBLE, HERE
from tests.e2e.launch import Answer, Live, launched
from tests.e2e.sockets import content, doubled

ALICE, OPS = new_key(), new_key()
TEXT = {"source": f"{HERE / 'models.py'}:Text"}


def config_in(folder: Path, **server: Any) -> dict[str, Any]:
    entries = {"alice": {"hash": hashed(ALICE)}, "ops": {"hash": hashed(OPS), "rights": ["admin"], "models": []}}
    (folder / "keys.yaml").write_text(yaml.safe_dump(entries))
    endpoints: dict[str, Any] = {"open-inference": {}, "admin": {}}
    return {"server": {"keys": {"file": "keys.yaml"}, **server}, "models": {"double": DOUBLE}, "endpoints": endpoints}


def post(live: Live, path: str, body: Mapping[str, Any] | None = None, key: str = OPS) -> Answer:
    raw = b"" if body is None else json.dumps(body).encode()
    return live.ask("POST", f"/admin/{path}", raw, {"Authorization": f"Bearer {key}"})


def models(live: Live) -> dict[str, Any]:
    answer = live.ask("GET", "/admin/models", headers={"Authorization": f"Bearer {OPS}"})
    assert answer.status == 200
    return {model["name"]: model for model in answer.json["models"]}


def states(model: Mapping[str, Any]) -> dict[str, str]:
    return {version["name"]: version["state"] for version in model["versions"]}


def command(live: Live, key: str = OPS) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "jackfield", "reload", "--url", f"http://{live.url}"],
        env={**os.environ, "JACKFIELD_KEY": key},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def test_models_come_go_and_change(tmp_path: Path) -> None:
    with launched(config_in(tmp_path), tmp_path, key=ALICE) as live:
        assert live.ask("GET", "/admin/models", headers={"Authorization": "Bearer x"}).status == 401
        for method, path in (
            ("GET", "/admin/models"),
            ("POST", "/admin/reload"),
            ("GET", "/admin/x"),
            ("GET", "/admin"),
        ):
            assert "'alice' has not been given the right 'admin'" in refusal(live.ask(method, path, b""), 403)
        one = models(live)["double"]
        assert (one["ready"], states(one), one["versions"][0]["main"]) == (True, {"1": "ready"}, True)
        assert one["versions"][0]["replicas"][0]["alive"]
        assert live.infer("double", content(7), Authorization=f"Bearer {OPS}").status == 404  # it may use no model

        answer = post(live, "models/double/load", {"config": {**DOUBLE, "version": "2"}, "keep": ["1"]})
        assert states(answer.json) == {"1": "ready", "2": "ready"}
        assert [version["main"] for version in answer.json["versions"]] == [False, True]
        assert live.ask("GET", "/v2/models/double/versions/2/ready").status == 200
        assert post(live, "models/double/unload", {"version": "1"}).status == 200
        assert live.infer("double/versions/1", content(7)).status == 404
        assert live.infer("double", content(7)).json["outputs"][0]["data"] == doubled(7)

        assert post(live, "models/text/load", {"config": TEXT}).json["ready"]
        assert live.ask("GET", "/v2/models/text").status == 200
        assert post(live, "models/text/unload").status == 200
        assert live.ask("GET", "/v2/health/ready").status == 200
        assert refusal(live.infer("text", content(7)), 404)

        changed = post(live, "models/double/reconfigure", {"changes": {"scheduler": {"max_queue": 7}}})
        assert changed.status == 200
        for path, body, status in (
            ("models/double/reconfigure", {"changes": {"scheduler": {"max_queue": 0}}}, 400),
            ("models/double/reconfigure", {"changes": {"source": "x"}}, 400),
            ("models/double/reconfigure", {}, 400),
            ("models/double/load", {"config": {"sauce": "x"}}, 400),
            ("models/double/load", {"what": 1}, 400),
            ("models/../load", {}, 404),
            ("models/none/load", {}, 404),
            ("models/none/unload", {}, 404),
            ("models/gone/load", {"config": {"source": f"{HERE / 'models.py'}:Gone"}}, 422),
        ):
            answer = post(live, path, body)
            assert answer.status == status, (path, answer.body)
            assert answer.json["error"]
        assert live.infer("double", content(7)).json["outputs"][0]["data"] == doubled(7)


def test_reload_from_the_command_line(tmp_path: Path) -> None:
    config = config_in(tmp_path)
    with launched(config, tmp_path, key=ALICE) as live:
        file = tmp_path / "jackfield.yaml"
        written = yaml.safe_load(file.read_text())
        assert command(live) == (0, "reloaded\n", "")
        file.write_text(yaml.safe_dump({**written, "models": {"double": {**DOUBLE, "timeout_s": 3}, "text": TEXT}}))
        status, out, err = command(live)
        assert (status, out, err) == (0, "changed: double\nloaded: text\nreloaded\n", "")
        assert live.ask("GET", "/v2/models/text/ready").status == 200
        file.write_text(yaml.safe_dump({**written, "modles": {}}))
        status, out, err = command(live)
        assert (status, out) == (1, "")
        assert "not reloaded" in err
        assert "modles: unknown key; did you mean 'models'?" in err
        (tmp_path / "keys.yaml").write_text("ops: 3")
        file.write_text(yaml.safe_dump(written))
        assert "ops: got ***, expected a section" in command(live)[2]
        status, out, err = command(live, key=ALICE)
        assert (status, out) == (1, "")
        assert "has not been given the right 'admin'" in err
        gone = {"source": f"{HERE / 'models.py'}:Gone"}
        (tmp_path / "keys.yaml").write_text(yaml.safe_dump({"ops": {"hash": hashed(OPS), "rights": ["admin"]}}))
        file.write_text(yaml.safe_dump({**written, "models": {"double": DOUBLE, "text": TEXT, "gone": gone}}))
        status, out, err = command(live)
        assert status == 1
        assert "model 'gone' was not changed: " in err
        assert live.infer("double", content(7), Authorization=f"Bearer {OPS}").status == 200
        assert live.infer("double", content(7)).status == 401  # alice is gone with the file's new entries
    status, out, err = command(live)
    assert (status, out) == (1, "")
    assert "no answer from" in err
    done = subprocess.run(
        [sys.executable, "-m", "jackfield", "reload", "--key-env", "NOTHING_OF_THE_KIND"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "'NOTHING_OF_THE_KIND' is not set" in done.stderr


def test_an_address_of_its_own(tmp_path: Path) -> None:
    with launched(config_in(tmp_path, admin={"port": 0}), tmp_path, key=OPS) as live:
        lines = [json.loads(line) for line in live.log.read_text().splitlines()]
        (url,) = (line["url"] for line in lines if line["event"] == "listening for administration")
        apart = replace(live, port=int(url.rsplit(":", 1)[1]))
        assert apart.port != live.port
        assert list(models(apart)) == ["double"]
        assert live.ask("GET", "/admin/models").status == 404
        assert apart.ask("GET", "/v2/health/live").status == 404
        for one in (live, apart):
            for path in ("/admin/models", "/v2", "/x"):
                assert replace(one, key="").ask("GET", path).status == 401
        assert command(apart)[0] == 0
        assert post(apart, "drain").status == 202
        until(lambda: live.process.poll() is not None, "the server to end")
        assert '"level":"error"' not in live.log.read_text()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"keys": None}, "endpoints.admin: no key may use it: name a file of keys in 'server.keys'"),
        ({"keys": {"file": "others.yaml"}}, "endpoints.admin: no key may use it"),
    ],
)
def test_it_is_never_served_without_a_key_that_may_use_it(tmp_path: Path, change: dict[str, Any], problem: str) -> None:
    (tmp_path / "others.yaml").write_text(yaml.safe_dump({"alice": {"hash": hashed(ALICE)}}))
    with pytest.raises(AssertionError, match=problem), launched(config_in(tmp_path, **change), tmp_path):
        pass


def test_an_address_for_nothing(tmp_path: Path) -> None:
    config = {**config_in(tmp_path, admin={"port": 0}), "endpoints": {"open-inference": {}}}
    with pytest.raises(AssertionError, match="'endpoints' does not name 'admin'"), launched(config, tmp_path):
        pass

"""Names, parameters, ids and headers with which a client would like to reach further; and what errors tell it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.e2e.asking import ROW, TEXT, ask, request, short, tensor
from tests.e2e.company import refusal, until
from tests.e2e.hostile import RAISES
from tests.e2e.launch import Live
from tests.e2e.sockets import Raw, content, head, post, rows

pytestmark = pytest.mark.usefixtures("company")
ID = "0af7651916cd43dd8448eb211c80319c"
TRACE = f"00-{ID}-b7ad6b7169203331-01"


def logged(live: Live) -> list[dict[str, Any]]:
    """The server's log, which must be one JSON object a line."""
    text = live.log.read_text()
    return [json.loads(line) for line in text[: text.rindex("\n")].split("\n")]


@pytest.mark.parametrize(
    "name",
    [
        "../double",
        "..",
        ".",
        "../../../../etc/passwd",
        "/etc/passwd",
        "double/../double",
        "double%2e",
        "double\0",
        "\0",
        "double\r\nSet-Cookie: a=b",
        "double\n",
        "double ",
        " double",
        "Double",
        "double;version=1",
        "double:Double",
        "models.py:Double",
        "C:\\windows\\system32",
        "file:///etc/passwd",
        "http://127.0.0.1/x",
        "\u202edouble",
        "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
        "d\u043euble",  # a Cyrillic o
        "{7*7}",
        "%s%n",
        "x" * 900,
        "x" * 60_000,
    ],
    ids=short,
)
def test_no_name_of_a_model(live: Live, name: str) -> None:
    for safe in ("", "/"):
        place = f"/v2/models/{quote(name, safe)}"
        for method, path in (("GET", place), ("GET", f"{place}/ready"), ("POST", f"{place}/infer")):
            sentence = refusal(live.ask(method, path, rows(7)), 404, 405)
            assert "root:" not in sentence
    refusal(live.ask("POST", f"/v2/models/double/versions/{quote(name, '')}/infer", rows(7)), 404)


def test_an_encoded_slash_is_a_slash_wherever_paths_are_looked_at(live: Live) -> None:
    """What decides is the decoded path, the same that a check of permissions gets to see."""
    assert live.ask("POST", "/v2/models/double%2finfer", rows(7)).status == 200
    refusal(live.ask("POST", "/v2/models/double%252finfer", rows(7)), 404, 405)


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        *((name, (400,)) for name in ("headers", "triton_x", "triton_enable_empty_final_response", "triton_")),
        *((name, (501,)) for name in ("sequence_id", "sequence_start", "sequence_end", "sequence_anything")),
    ],
)
@pytest.mark.parametrize("value", [1, "1", True])
def test_reserved_parameters(live: Live, name: str, statuses: tuple[int, ...], value: object) -> None:
    sentence = refusal(live.infer("double", {**content(7), "parameters": {name: value}}), *statuses)
    assert f"'{name}'" in sentence


@pytest.mark.parametrize("name", ["shared_memory_region", "shared_memory_offset", "shared_memory_byte_size"])
def test_shared_memory(live: Live, name: str) -> None:
    refusal(tensor(live, parameters={name: "region"}), 501)
    outputs = [{"name": "output", "parameters": {name: "region"}}]
    refusal(live.infer("double", {**content(7), "outputs": outputs}), 501)


def test_headers_are_no_parameters(live: Live) -> None:
    """Whatever a proxy lets through as a header, the parameters of a request stand in its body alone."""
    names = ["priority", "timeout", "sequence-id", "sequence_id", "headers", "triton-grpc-error", "triton_x"]
    names += [
        "x-priority",
        "tenant",
        "x-tenant",
        "x-model",
        "x-http-method-override",
        "x-original-url",
        "x-rewrite-url",
    ]
    headers = dict.fromkeys(names, "-1") | {"x-original-url": "/metrics", "x-http-method-override": "DELETE"}
    answer = live.ask("POST", "/v2/models/double/infer", rows(7), headers)
    assert (answer.status, answer.json["outputs"][0]["data"][0]) == (200, 14)


@pytest.mark.parametrize("mark", ["\r\n", "\n", "\r", "\u2028", "\x85", "\0", '"}\n{"event": "forged"}\n', "\x1b[2J"])
def test_an_id_of_several_lines_splits_neither_answer_nor_log(live: Live, mark: str) -> None:
    identity = f"a{mark}Set-Cookie: forged=1{mark}b"
    answer = live.infer("double", {**content(7), "id": identity})
    assert (answer.status, answer.json["id"]) == (200, identity)
    assert "set-cookie" not in answer.headers
    before = len(logged(live))
    refusal(live.infer("double", {**content(666), "id": identity}), 500)
    until(lambda: any("forged=1" in str(line.get("request_id")) for line in logged(live)[before:]), "the line")
    assert not any(line["event"] == "forged" for line in logged(live))


@pytest.mark.parametrize("name", [b"X-Request-Id", b"Traceparent", b"X-Anything"])
@pytest.mark.parametrize("mark", [b"\r\n ", b"\r", b"\n", b"\0", b"\r\r\n"], ids=short)
def test_headers_of_several_lines(live: Live, name: bytes, mark: bytes) -> None:
    smuggled = b"POST /v2/models/double/infer HTTP/1.1\r\n%s: a%sSet-Cookie: forged=1\r\nContent-Length: %d\r\n\r\n"
    body = rows(7)
    with Raw(live) as raw:
        answer = raw.send(smuggled % (name, mark, len(body)) + body).answer()
    assert answer.status in (200, 400)
    assert "set-cookie" not in answer.headers
    assert b"forged" not in answer.body


@pytest.mark.parametrize(
    "value",
    ["a b", "\xe9", "x" * 129, "x" * 20_000, "\t", "", '"><script>', "%0d%0aSet-Cookie:forged"],
    ids=short,
)
def test_request_ids_are_echoed_only_if_they_are_harmless(live: Live, value: str) -> None:
    with Raw(live) as raw:
        answer = raw.send(post("double", rows(7), ("X-Request-Id", value), ("Traceparent", value))).answer()
    assert answer.status == 200
    assert answer.headers.get("x-request-id", value) == value
    assert "traceparent" not in answer.headers
    if not value.isascii() or not value.isprintable() or " " in value or not 0 < len(value) <= 128:
        assert "x-request-id" not in answer.headers


def test_a_request_id_and_a_trace_that_are_fine(live: Live) -> None:
    with Raw(live) as raw:
        answer = raw.send(post("double", rows(666), ("X-Request-Id", ID), ("Traceparent", TRACE))).answer()
    refusal(answer, 500)
    assert (answer.headers["x-request-id"], answer.headers["traceparent"]) == (ID, TRACE)
    until(lambda: any(line.get("trace") == TRACE for line in logged(live)), "the line")


def test_unknown_names_make_no_labels(live: Live) -> None:
    def series() -> set[str]:
        return {line.rpartition(" ")[0] for line in live.ask("GET", "/metrics").body.decode().splitlines()}

    before = series()
    with Raw(live) as raw:
        for number in range(100):
            raw.send(*(head("GET", f"/v2/models/unknown-{number}-{n}/ready") for n in range(20)))
            raw.send(head("GET", f"/v2/models/double/versions/x{number}"), head("GET", f"/metrics?{number}"))
            raw.send(post("double", rows(7), ("X-Request-Id", f"id-{number}")))
            answers = raw.answers(23)
            assert {answer.status for answer in answers[:21]} == {404}
    new = {name for name in series() - before if "_bucket" not in name}
    assert not new
    assert "unknown-" not in live.ask("GET", "/metrics").body.decode()


def test_errors_of_a_model_tell_nothing_of_the_host(live: Live) -> None:
    assert refusal(live.infer("double", content(666)), 500) == "the model raised ValueError: poison in <path>"
    sentence = refusal(live.infer("fickle", content(RAISES)), 500)
    assert sentence == "the model raised ValueError: no such file: <path>"


def test_what_is_asked_is_not_logged(live: Live) -> None:
    secret = "my voice is my passport"
    with Raw(live) as raw:
        for text in (TEXT.replace("seven", secret), TEXT.replace("[1]", "[2]").replace("seven", secret)):
            raw.send(post("text", request(text, more=f', "parameters": {{"prompt": "{secret}"}}').encode())).answer()
    refusal(ask(live, request(ROW.replace("7", f'"{secret}"'))), 400)
    refusal(live.ask("GET", f"/v2/models/{quote(secret)}"), 404)
    assert secret not in live.log.read_text()
    logged(live)

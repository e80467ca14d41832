"""The whole demo, as `make demo ONCE=1` runs it: a server, sentences, an answer as it comes, then sixteen at once."""

from __future__ import annotations

import math
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks.process import free_port
from click.testing import CliRunner

from jackfield_plugins.demo import chatting, conversation
from jackfield_plugins.demo.chatting import Talk
from jackfield_plugins.demo.command import demo
from tests.plugins.generation import smollm2

TOKENS = 24
SPEED = re.compile(r"│ +(\d+) │ +(\d+) │ +([\d.]+) │ +(\d+) │ +(\d+) │")
MOST = re.compile(r'le="([^"]+)"')


def crowded(url: str) -> float:
    """How many steps of the model that chats were of more than 8 answers."""
    with urllib.request.urlopen(f"http://{url}/metrics", timeout=60) as response:
        lines = response.read().decode().splitlines()
    counts: dict[float, float] = {}
    for line in lines:
        if line.startswith("jackfield_step_rows_bucket{") and f'model="{chatting.MODEL}"' in line:
            (most,) = MOST.findall(line)
            counts[float(most)] = float(line.rsplit(" ", 1)[1])
    return counts[math.inf] - counts[8]


def test_it_chats_and_shows_how_fast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smollm2.path()
    talks: list[tuple[Talk, list[str], float]] = []
    talk = chatting.talk

    def heard(url: str, questions: tuple[str, ...], most: int, said: Callable[[str], None] | None = None) -> Talk:
        pieces: list[str] = []

        def hear(text: str) -> None:
            pieces.append(text)
            if said is not None:
                said(text)

        found = talk(url, questions, most, hear)
        talks.append((found, pieces, crowded(url)))
        return found

    monkeypatch.setattr(chatting, "talk", heard)
    monkeypatch.setattr(conversation, "_MOST", TOKENS)
    result = CliRunner().invoke(demo, ["--once", "--port", str(free_port()), "--cache", str(tmp_path)])
    assert result.exit_code == 0, result.output
    (alone, pieces, before), (together, _, after) = talks
    assert (alone.answers, alone.tokens, together.answers) == (1, TOKENS, 16)
    assert len(pieces) > TOKENS / 2, "the answer did not come in pieces"
    assert "".join(pieces) == alone.texts[0]
    assert alone.texts[0] in result.output
    assert len(set(together.texts)) == 16
    assert (before, after > 0) == (0, True), "the answers did not share steps"
    rows = [found.groups() for line in result.output.splitlines() if (found := SPEED.fullmatch(line.strip()))]
    assert [row[:2] for row in rows] == [(str(talk.answers), str(talk.tokens)) for talk in (alone, together)]
    for (_, tokens, seconds, a_second, first), told in zip(rows, (alone, together), strict=True):
        assert float(seconds) == pytest.approx(told.seconds, abs=0.006)
        assert float(a_second) == pytest.approx(int(tokens) / told.seconds, abs=0.51)
        assert 0 < int(first) < told.seconds * 1000
    assert "The first question got the same text in company as alone." in result.output

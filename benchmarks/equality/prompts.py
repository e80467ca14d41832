"""Prompts of many lengths and kinds, out of texts that every installation of one Python version has, and a few own."""

from __future__ import annotations

import argparse
import heapq
import inspect
import json.decoder
import pydoc_data.topics
from collections.abc import Callable

from jackfield_plugins.generation.text.tokenizer import TextTokenizer

SIZES = (
    *(5, 6, 7, 8, 11, 13, 15, 16, 17, 19, 24, 31, 32, 33, 40, 48),
    *(63, 64, 65, 77, 96, 127, 128, 150, 180, 257, 330, 512, 700, 1023, 1500, 3000),
)
"""Tokens of each: about blocks' borders, and in between."""

_LANGUAGES = (
    "Die Straßenbahn fährt bei jedem Wetter über die Brücke, außer im Februar.",
    "La bibliothèque du quartier ferme à dix-neuf heures, sauf le dimanche où elle n'ouvre pas.",
    "El niño preguntó cuántas estrellas caben en un vaso de agua.",
    "Поезд прибывает на третий путь через семь минут, просьба не толпиться.",
    "図書館は駅の北側にあり、毎週月曜日は休みです。",
    "今天的天气很好,我们去公园散步,然后在河边吃午饭。",
    "도서관은 아침 아홉 시에 문을 엽니다.",
    "القطار يصل إلى المحطة عند الظهر.",
    "Σήμερα βρέχει στην Αθήνα.",
    "Kahvi on kuumaa, mutta uunin luukku jäi auki 🙂.",
)


def _code(number: int) -> str:
    module = (argparse, json.decoder, heapq)[number % 3]
    return inspect.getsource(module)


def _prose(number: int) -> str:
    topics = pydoc_data.topics.topics
    names = sorted(topics)
    turned = names[7 * number % len(names) :] + names
    return "\n".join(topics[name] for name in turned[:40])


def _languages(number: int) -> str:
    turn = number % len(_LANGUAGES)
    return " ".join((_LANGUAGES[turn:] + _LANGUAGES[:turn]) * 12)


def _repeated(number: int) -> str:
    return f"Line {number} says what every line says.\n" * 400


def _numbers(number: int) -> str:
    return ", ".join(f"{k}^3 = {k**3}" for k in range(number, number + 1200))


KINDS: tuple[Callable[[int], str], ...] = (_code, _prose, _languages, _repeated, _numbers)


def prompts(tokenizer: TextTokenizer, longest: int = SIZES[-1]) -> list[list[int]]:
    """A prompt of each of SIZES up to `longest` tokens, the kinds in turn; cut where it has as many as it should."""
    made = []
    for number, size in enumerate(SIZES):
        if size > longest:
            continue
        text = KINDS[number % len(KINDS)](number)
        # enough of the text, whatever its tokens are worth, and not much more
        tokens = tokenizer.encode(text[: 12 * size + 200], special=False)
        if len(tokens) < size:
            raise ValueError(f"text {number} has {len(tokens)} tokens, and {size} are wanted")
        made.append(tokens[:size])
    return made

"""Prompts of an exact number of tokens, each of them different from its first words on, so that no server finds the
beginning of one among those that came before."""

from __future__ import annotations

from random import Random

from jackfield_plugins.generation.text.tokenizer import TextTokenizer

_NAMES = [
    "Amina",
    "Boris",
    "Chiara",
    "Dong",
    "Elif",
    "Farid",
    "Greta",
    "Hiro",
    "Ines",
    "Jonas",
    "Kofi",
    "Lena",
    "Mateo",
    "Nadia",
    "Oskar",
    "Priya",
]
_DOES = [
    "repairs",
    "sells",
    "draws",
    "studies",
    "collects",
    "remembers",
    "builds",
    "describes",
    "carries",
    "photographs",
]
_KIND = [
    "old",
    "heavy",
    "blue",
    "useful",
    "strange",
    "famous",
    "small",
    "expensive",
    "wooden",
    "broken",
    "quiet",
    "northern",
]
_WHAT = [
    "boats",
    "maps",
    "clocks",
    "bridges",
    "letters",
    "instruments",
    "gardens",
    "engines",
    "houses",
    "stones",
    "birds",
    "songs",
]
_WHERE = ("near the harbour", "in the mountains", "at the market", "behind the station", "for the museum")
_WHEN = ("every winter", "since last year", "on Sundays", "before breakfast", "when it rains", "without any help")


def prompt(tokenizer: TextTokenizer, tokens: int, seed: str) -> str:
    """A text of `tokens` tokens, which the tokenizer also takes for as many; the same for the same seed."""
    random = Random(seed)
    while True:
        text = f"{random.randrange(10**6)} {random.choice(_NAMES)}:"
        while len(found := tokenizer.encode(text)) < tokens:
            text += f" {_sentence(random)}"
        text = tokenizer.decode(found[:tokens])
        if len(tokenizer.encode(text)) == tokens:
            return text


def following(tokenizer: TextTokenizer, prefix: str, tokens: int, seed: str) -> str:
    """`prefix`, and a text of `tokens` tokens more."""
    whole = len(tokenizer.encode(prefix)) + tokens
    random = Random(seed)
    while True:
        text = prefix + f" {random.randrange(10**6)} {_sentence(random)}"
        while len(found := tokenizer.encode(text)) < whole:
            text += f" {_sentence(random)}"
        text = tokenizer.decode(found[:whole])
        if text.startswith(prefix) and len(tokenizer.encode(text)) == whole:
            return text


def _sentence(random: Random) -> str:
    words = [random.choice(part) for part in (_NAMES, _DOES, _KIND, _WHAT, _WHERE, _WHEN)]
    return f"{' '.join(words)}."

"""How a checkpoint in a folder wants to be sampled, and its special tokens and chat templates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jackfield.errors import LoadError
from jackfield_plugins.generation.checkpoints.checkpoint import Defaults, Templates
from jackfield_plugins.generation.checkpoints.documents import optional_json, read_text
from jackfield_plugins.generation.text.tokenizer import TextTokenizer

_TOKENS = ("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token")


def templates_of(folder: Path, source: str) -> Templates:
    """The templates of a folder: files of their own, else those in tokenizer_config.json.

    Raises LoadError naming the file and what is wrong with it.
    """
    about = optional_json(folder / "tokenizer_config.json", f"{source}/tokenizer_config.json")
    return Templates(_templates(folder, about, source), _tokens(about))


def _templates(folder: Path, about: dict[str, Any], source: str) -> dict[str, str]:
    found: dict[str, str] = {}
    listed = about.get("chat_template")
    if isinstance(listed, str):
        found["default"] = listed
    elif isinstance(listed, list):
        for one in listed:
            if not isinstance(one, dict) or not all(isinstance(one.get(key), str) for key in ("name", "template")):
                raise LoadError(f"'chat_template' of '{source}/tokenizer_config.json' must list names and templates")
            found[one["name"]] = one["template"]
    elif listed is not None:
        raise LoadError(f"'chat_template' of '{source}/tokenizer_config.json' must be a text or a list of templates")
    if (folder / "chat_template.jinja").is_file():
        found["default"] = read_text(folder / "chat_template.jinja", f"{source}/chat_template.jinja")
    for path in sorted((folder / "additional_chat_templates").glob("*.jinja")):
        found[path.stem] = read_text(path, f"{source}/additional_chat_templates/{path.name}")
    return found


def _tokens(about: dict[str, Any]) -> dict[str, str]:
    found = {}
    for name in _TOKENS:
        value = about.get(name)
        text = value.get("content") if isinstance(value, dict) else value
        if isinstance(text, str):
            found[name] = text
    return found


def defaults_of(
    folder: Path, config: dict[str, Any], tokens: Templates, tokenizer: TextTokenizer, source: str
) -> Defaults:
    """Read generation_config.json; where it does not say what ends a text, config.json and the tokenizer do.

    Raises LoadError naming the file, the key, what it holds and what it must.
    """
    place = f"{source}/generation_config.json"
    given = optional_json(folder / "generation_config.json", place)
    stop = _stop(given.get("eos_token_id"), place)
    stop = stop or _stop(config.get("eos_token_id"), f"{source}/config.json")
    if not stop and "eos_token" in tokens.tokens:
        end = tokenizer.token(tokens.tokens["eos_token"])
        stop = () if end is None else (end,)

    def number(key: str, fits: Callable[[float], bool], right: str) -> float | None:
        value = given.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not fits(value):
            raise LoadError(f"'{key}' of '{place}' is {value!r}, and must be {right}")
        return value

    top_k = number("top_k", lambda value: value >= 0 and value == int(value), "a whole number from 0 on")
    return Defaults(
        stop=stop,
        sample=given.get("do_sample") if isinstance(given.get("do_sample"), bool) else None,
        temperature=number("temperature", lambda value: value >= 0, "a number from 0 on"),
        top_k=None if top_k is None else int(top_k),
        top_p=number("top_p", lambda value: 0 < value <= 1, "a number above 0, at most 1"),
        min_p=number("min_p", lambda value: 0 <= value <= 1, "a number from 0 to 1"),
        repetition_penalty=number("repetition_penalty", lambda value: value > 0, "a number above 0"),
    )


def _stop(value: Any, place: str) -> tuple[int, ...]:
    tokens = value if isinstance(value, list) else [] if value is None else [value]
    for token in tokens:
        if isinstance(token, bool) or not isinstance(token, int) or token < 0:
            raise LoadError(f"'eos_token_id' of '{place}' is {value!r}, and must be a token or a list of tokens")
    return tuple(tokens)

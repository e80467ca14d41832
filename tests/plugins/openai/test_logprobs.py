from __future__ import annotations

import math

from jackfield import Response
from jackfield_plugins.generation.answer import Piece
from jackfield_plugins.generation.sampling.logprobs import Likelihood
from jackfield_plugins.openai.logprobs import Legacy, of_chat, told_in
from jackfield_plugins.openai.spelling import TokenTexts
from tests.plugins.openai.made import tokenizer

TEXT = tokenizer()
TEXTS = TokenTexts(TEXT)
WORDS = TEXT.encode("Größe 🦊 x")


def likely(tokens: list[int]) -> list[Likelihood]:
    return [Likelihood(token, -0.5, ((token, -0.5), (token + 1, -2.0))) for token in tokens]


def test_chat_leaves_out_the_token_that_ended_it() -> None:
    end = TEXT.token("</s>")
    assert end is not None
    tokens = [*WORDS, end]
    ended = of_chat(Piece(0, "x", tokens, likely(tokens), "stop", None), TEXTS)
    assert ended is not None
    assert [one["bytes"] for one in ended["content"]] == [list(TEXT.piece(token)) for token in WORDS]
    by_text = of_chat(Piece(0, "x", tokens, likely(tokens), "stop", "x"), TEXTS)
    assert by_text is not None
    assert len(by_text["content"]) == len(tokens)
    assert of_chat(Piece(0, "x", tokens), TEXTS) is None


def test_offsets_go_on_from_piece_to_piece() -> None:
    legacy = Legacy(TEXT, TEXTS)
    pieces = [Piece(0, "", [token], likely([token])) for token in WORDS]
    found = [legacy.of(piece) for piece in pieces]
    offsets = [one["text_offset"][0] for one in found if one is not None]
    assert offsets == sorted(offsets)
    assert offsets[0] == 0
    assert offsets[-1] == len(TEXT.decode(WORDS)) - len(TEXT.decode(WORDS[-1:]))


def test_a_prompt_stands_before_the_answer() -> None:
    legacy = Legacy(TEXT, TEXTS)
    begin = TEXT.token("<s>")
    assert begin is not None
    text = TEXT.decode(WORDS)
    found = legacy.of_prompt([begin, *WORDS], [None, *likely(WORDS)], text)
    assert found["token_logprobs"][0] is None
    assert found["top_logprobs"][0] is None
    assert found["text_offset"][:2] == [0, 0], "what begins every text is not in this one"
    answer = legacy.of(Piece(0, "x", [5], likely([5])))
    assert answer is not None
    assert answer["text_offset"] == [len(text)]


def test_the_token_itself_is_always_among_the_likeliest() -> None:
    piece = Piece(0, "x", [70], [Likelihood(70, -math.inf, ((71, -0.1),))])
    found = Legacy(TEXT, TEXTS).of(piece)
    assert found is not None
    assert found["token_logprobs"] == [-9999.0]
    assert found["top_logprobs"] == [{TEXTS.key(71): -0.1, TEXTS.key(70): -9999.0}]


def test_how_much_there_is_to_tell() -> None:
    plain, told = Piece(0, "x", [1, 2]), Piece(0, "x", [1, 2], likely([1, 2]))
    assert told_in([Response({}, {"pieces": [plain]})]) == 0
    assert told_in([Response({}, {"pieces": [plain, told]}), Response({}, {"pieces": [told]})]) == 12
    prompt = [None, *likely([1, 2, 3])]
    assert told_in([Response({}, {"pieces": [], "prompt_likelihoods": prompt})]) == 12
    assert told_in([Response({}, {"pieces": [], "prompt_likelihoods": [None]})]) == 1

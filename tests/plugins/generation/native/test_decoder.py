"""The whole native step against float64, and the bits of a row in any company."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from jackfield import Array
from jackfield.errors import LoadError
from jackfield_plugins.generation.decoder import TokenRows
from jackfield_plugins.generation.native import NativeDecoder, NativeOptions
from jackfield_plugins.generation.native.options import InstructionSet
from tests.plugins.generation.native.kernels import sets
from tests.plugins.generation.native.reference import Kind, decoder_of, logits, run

SETS: tuple[InstructionSet, ...] = ("avx2", "avx512")
KINDS = {
    "plain": Kind(),
    "tied pairs": Kind(tied=True, style="pairs", factor=1.2),
    "biases": Kind(biases=True, heads=4, key_value_heads=4, head_size=16),
    "norms": Kind(norms=True, head_size=48, hidden=80, feed_forward=90),
    "windows": Kind(windows=(20, 0, 33)),
    "one group": Kind(heads=5, key_value_heads=1, head_size=16),
    "halves stored": Kind(stored="F16"),
    "codes": Kind(stored="Q4_1", feed_forward=96),
    "codes of 8 bits": Kind(stored="Q8_0", feed_forward=96),
    "codes that it does not know": Kind(stored="IQ4_NL", feed_forward=96),
}
TOKENS = [int(token) for token in np.random.default_rng(9).integers(0, 101, 150)]
TABLES = np.random.default_rng(8).permutation(60).astype(np.int32).reshape(5, 12)


@pytest.mark.parametrize("number", sets())
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_logits_are_those_of_float64(kind: Kind, number: int) -> None:
    """A prompt at once."""
    spec = decoder_of(kind)
    decoder = NativeDecoder(spec, 60, options=NativeOptions(instruction_set=SETS[number]))
    (got,) = run(decoder, TABLES, (0, 0, TOKENS))
    exact = logits(spec, TOKENS)
    assert np.abs(got - exact).max() <= 2e-5 * np.abs(exact).max()
    decoder.close()


WAYS = {
    "float": NativeOptions(),
    "KV in halves": NativeOptions(cache="half"),
    "integer": NativeOptions(arithmetic="integer"),
    "int8": NativeOptions(storage="int8", arithmetic="integer"),
    "half": NativeOptions(storage="half"),
    "one thread": NativeOptions(threads=1),
    "many threads": NativeOptions(threads=5),
    "pinned": NativeOptions(pin=True),
}


@pytest.fixture
def unpinned() -> Iterator[None]:
    """A decoder that pins pins the thread that runs it, too."""
    before = os.sched_getaffinity(0)
    yield
    os.sched_setaffinity(0, before)


@pytest.mark.usefixtures("unpinned")
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_rows_bits_do_not_depend_on_company(way: NativeOptions) -> None:
    """At once, in chunks, one by one among others, after a prefix's blocks were copied: the same bits."""
    spec = decoder_of(Kind(stored="Q4_1", feed_forward=96, windows=(0, 50)))
    decoder = NativeDecoder(spec, 60, options=way)
    (whole,) = run(decoder, TABLES, (0, 0, TOKENS))
    chunks, at = [], 0
    for count in (1, 30, 2, 64, 17, 36):
        chunks += run(decoder, TABLES, (1, at, TOKENS[at : at + count]), (2, at, TOKENS[:3]))[:1]
        at += count
    assert np.array_equal(np.concatenate(chunks), whole)
    alone = [run(decoder, TABLES, (3, at, [token]), (4, at, TOKENS[at : at + 1]))[0] for at, token in enumerate(TOKENS)]
    assert np.array_equal(np.concatenate(alone), whole)
    decoder.copy([(int(TABLES[0, block]), int(TABLES[4, block])) for block in range(6)])
    (after,) = run(decoder, TABLES, (4, 96, TOKENS[96:]))
    assert np.array_equal(after, whole[96:])
    decoder.close()


ALIKE = {name: WAYS[name] for name in ("float", "KV in halves", "integer", "int8", "half")} | {
    "int8, float": NativeOptions(storage="int8"),
    "integer, KV in halves": NativeOptions(arithmetic="integer", cache="half"),
    "int8, KV in halves": NativeOptions(storage="int8", arithmetic="integer", cache="half"),
}


@pytest.mark.parametrize("stored", ["Q4_1", "Q8_0"])
@pytest.mark.parametrize("way", ALIKE.values(), ids=ALIKE)
def test_sets_and_threads_give_the_same_bits(way: NativeOptions, stored: str) -> None:
    """A prompt at once and a token by itself, however it is stored and computed; also when there are more threads than
    work."""
    spec = decoder_of(Kind(stored=stored, feed_forward=96))
    found: list[Array] = []
    for number in sets():
        if number.marks:
            continue
        for threads in (1, 2, 7):
            options = replace(way, instruction_set=SETS[number.values[0]], threads=threads)
            decoder = NativeDecoder(spec, 60, options=options)
            prompt = run(decoder, TABLES, (0, 0, TOKENS[:40]))[0]
            found.append(np.concatenate([prompt, run(decoder, TABLES, (0, 40, TOKENS[40:41]))[0]]))
            decoder.close()
    assert all(np.array_equal(one, found[0]) for one in found)


@pytest.mark.parametrize(("way", "most"), [("half", 2e-3), ("int8", 0.05), ("KV", 2e-3), ("integer", 0.05)])
def test_lossy_ways_lose_little(way: str, most: float) -> None:
    """Against float64 of the checkpoint's own numbers."""
    spec = decoder_of(Kind(stored="Q8_0" if way == "integer" else "F32", feed_forward=96))
    options = {
        "half": NativeOptions(storage="half"),
        "int8": NativeOptions(storage="int8"),
        "KV": NativeOptions(cache="half"),
        "integer": NativeOptions(arithmetic="integer"),
    }[way]
    decoder = NativeDecoder(spec, 60, options=options)
    (got,) = run(decoder, TABLES, (0, 0, TOKENS[:50]))
    exact = logits(spec, TOKENS[:50])
    error = np.abs(got - exact).max() / np.abs(exact).max()
    assert 1e-7 < error <= most
    decoder.close()


def test_only_what_is_wanted() -> None:
    """Some rows' logits, or none; the others still write their keys and values."""
    spec = decoder_of(Kind())
    decoder = NativeDecoder(spec, 60)
    (whole,) = run(decoder, TABLES, (0, 0, TOKENS[:40]))
    every = np.arange(40, dtype=np.int32)
    rows = TokenRows(np.array(TOKENS[:40], np.int32), every, np.ones(40, np.int32), TABLES, every[[2, 17, 39]])
    assert np.array_equal(decoder.run(rows), whole[[2, 17, 39]])
    assert decoder.run(replace(rows, lines=np.full(40, 2, np.int32), wanted=every[:0])).shape == (0, 101)
    (after,) = run(decoder, TABLES, (2, 40, [5]))
    assert np.array_equal(after, run(decoder, TABLES, (0, 40, [5]))[0])
    nothing = TokenRows(every[:0], every[:0], every[:0], TABLES, every[:0])
    assert decoder.run(nothing).shape == (0, 101)
    decoder.close()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("tokens", 101, "token of row 1 is 101, the vocabulary is 101"),
        ("positions", 8, "position of row 1 is 8, it does not follow"),
        ("lines", 5, "line of row 1 is 5, the tables have 5"),
        ("wanted", 2, "wanted rows are not ascending rows of the step"),
        ("tables", 60, "is 60, the pool has 60"),
    ],
)
def test_wrong_rows_are_refused(field: str, value: int, said: str) -> None:
    """With a sentence, and before anything is written."""
    decoder = NativeDecoder(decoder_of(Kind()), 60)
    arrays = {"tokens": [3, 4], "positions": [0, 1], "lines": [0, 0], "wanted": [0, 1]}
    rows = TokenRows(**{name: np.array(given, np.int32) for name, given in arrays.items()}, tables=TABLES.copy())
    getattr(rows, field).reshape(-1)[0 if field == "tables" else 1] = value
    with pytest.raises(ValueError, match=said):
        decoder.run(rows)
    decoder.close()


def test_arrays_of_another_kind_are_refused() -> None:
    """int64 and strided arrays would be misread."""
    decoder = NativeDecoder(decoder_of(Kind()), 60)
    one = np.zeros(1, np.int32)
    with pytest.raises(ValueError, match="C-contiguous int32"):
        decoder.run(TokenRows(np.zeros(1, np.int64), one, one, TABLES, one))
    with pytest.raises(ValueError, match="equally long"):
        decoder.run(TokenRows(one, one, np.zeros(2, np.int32), TABLES, one))
    with pytest.raises(ValueError, match="not in the pool of 60"):
        decoder.copy([(0, 60)])
    decoder.close()


@pytest.mark.parametrize(
    ("kind", "options", "block", "said"),
    [
        (
            Kind(),
            NativeOptions(storage="blocks"),
            16,
            "storage blocks needs a quantised GGUF, and this .* stored in F32",
        ),
        (Kind(), NativeOptions(arithmetic="integer"), 16, "arithmetic integer needs storage blocks or int8"),
        (Kind(stored="Q8_0", feed_forward=96), NativeOptions("half", "integer"), 16, "arithmetic integer needs"),
        (Kind(head_size=24), NativeOptions(), 16, "head size that is a multiple of 16, and this one is 24"),
        (Kind(), NativeOptions(), 24, "block size that is a multiple of 16, and 24 was given"),
        (Kind(), NativeOptions(threads=-1), 16, "threads at least 0"),
    ],
)
def test_what_it_cannot_serve_is_an_error(kind: Kind, options: NativeOptions, block: int, said: str) -> None:
    """Never something else in silence."""
    with pytest.raises(LoadError, match=said):
        NativeDecoder(decoder_of(kind), 60, block, options)


def test_describe_says_what_is_in_force() -> None:
    """Set, storage with what the file holds, arithmetic, threads; and phases take time."""
    spec = decoder_of(Kind(stored="Q4_1", feed_forward=96))
    decoder = NativeDecoder(spec, 60, options=NativeOptions(arithmetic="integer", threads=2, instruction_set="avx2"))
    told = decoder.describe()
    assert told["storage"] == "auto (Q4_1)"
    assert (told["arithmetic"], told["instruction set"], told["threads"]) == ("integer", "avx2", "2")
    run(decoder, TABLES, (0, 0, TOKENS))
    assert all(seconds >= 0 for seconds in decoder.times().values())
    assert decoder.times()["down"] > 0
    decoder.close()
    decoder.close()


@pytest.mark.usefixtures("unpinned")
def test_describe_says_how_many_threads_are_pinned() -> None:
    """Where it runs is what it was made with, whatever became of the thread that asks."""
    here = sorted(os.sched_getaffinity(0))
    spec = decoder_of(Kind())
    for threads, told in (
        (0, f"{len(here)}, pinned"),
        (1, "1, pinned"),
        (len(here) + 3, f"{len(here) + 3}, {len(here)} of them pinned"),
    ):
        os.sched_setaffinity(0, here)
        decoder = NativeDecoder(spec, 60, options=NativeOptions(threads=threads, pin=True))
        assert decoder.describe()["threads"] == told
        run(decoder, TABLES, (0, 0, TOKENS[:20]))
        assert os.sched_getaffinity(0) == {here[0]}
        assert decoder.describe()["threads"] == told
        decoder.close()

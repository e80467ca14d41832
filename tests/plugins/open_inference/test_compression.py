from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.errors import InvalidRequest, TooLarge
from jackfield_plugins.open_inference.compression import UnknownEncoding, accepted, compressed, decompressed
from tests.plugins.open_inference.calling import run

BODY = b"some text " * 30_000
MIB = 1024 * 1024


def raw_deflate(body: bytes) -> bytes:
    return zlib.compress(body)[2:-4]


@pytest.mark.parametrize("size", [0, 10, 64 * 1024, 64 * 1024 + 1, len(BODY)])
@pytest.mark.parametrize(
    ("name", "compress"), [(b"gzip", gzip.compress), (b" GZIP ", gzip.compress), (b"deflate", zlib.compress)]
)
def test_bodies_are_decompressed(name: bytes, compress: object, size: int) -> None:
    assert callable(compress)
    assert run(decompressed(compress(BODY[:size]), name, MIB)) == BODY[:size]


def test_deflate_without_an_envelope_is_understood() -> None:
    assert run(decompressed(raw_deflate(BODY), b"deflate", MIB)) == BODY


def test_identity_is_no_compression() -> None:
    assert run(decompressed(b"abc", b"identity", MIB)) == b"abc"
    assert run(decompressed(gzip.compress(b"abc"), b"gzip, identity", MIB)) == b"abc"


@given(st.binary(max_size=300), st.sampled_from([b"gzip", b"deflate"]))
def test_what_was_compressed_is_decompressed(body: bytes, encoding: bytes) -> None:
    async def round_trip() -> bytes:
        return await decompressed(await compressed(body, encoding), encoding, MIB)

    assert run(round_trip()) == body


@pytest.mark.parametrize(
    "encoding", [b"br", b"zstd", b"gzip, gzip", b"deflate, gzip", b"", b"gzip\r\n\x00" + b"x" * 500]
)
def test_other_encodings_are_refused(encoding: bytes) -> None:
    with pytest.raises(UnknownEncoding) as raised:
        run(decompressed(b"", encoding, MIB))
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize("body", [b"", b"nonsense", gzip.compress(BODY)[:-9], gzip.compress(b"abc")[:12]])
@pytest.mark.parametrize("encoding", [b"gzip", b"deflate"])
def test_what_is_broken_or_cut_off_is_refused(encoding: bytes, body: bytes) -> None:
    with pytest.raises(InvalidRequest, match=r"the body is (not valid|gzip that is cut|deflate that is cut)"):
        run(decompressed(body, encoding, MIB))


def test_bytes_after_the_end_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="bytes after the end of its gzip data"):
        run(decompressed(gzip.compress(b"abc") + b"abc", b"gzip", MIB))


@pytest.mark.parametrize("most", [1, 64 * 1024 - 1, 64 * 1024, MIB])
def test_bombs_are_refused_before_they_go_off(most: int) -> None:
    bomb = gzip.compress(b"\x00" * 100 * MIB)
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge, match=f"more than {most} bytes when decompressed"):
            run(decompressed(bomb, b"gzip", most))
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()


def test_the_limit_itself_is_fine() -> None:
    assert len(run(decompressed(gzip.compress(b"\x00" * MIB), b"gzip", MIB))) == MIB


@pytest.mark.parametrize(
    ("header", "best"),
    [
        (b"gzip", b"gzip"),
        (b"deflate", b"deflate"),
        (b"gzip, deflate, br", b"gzip"),
        (b"deflate;q=0.9, gzip;q=0.5", b"deflate"),
        (b"GZIP;q=1.0", b"gzip"),
        (b"*", b"gzip"),
        (b"*;q=0.5, gzip;q=0", b"deflate"),
        (b"gzip;q=0", None),
        (b"gzip;q=0.5, identity", None),
        (b"gzip;q=nonsense", None),
        (b"br", None),
        (b"identity", None),
        (b"", None),
    ],
)
def test_the_encoding_that_a_client_likes_best(header: bytes, best: bytes | None) -> None:
    assert accepted(header) == best


@given(st.binary(max_size=100))
def test_whatever_a_client_accepts_is_read(header: bytes) -> None:
    assert accepted(header) in (b"gzip", b"deflate", None)

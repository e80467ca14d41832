"""Plans on disk: found by all that they depend on, written whole or not at all, and never trusted unseen."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import struct
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

log = structlog.get_logger("jackfield.tensorrt")

_MAGIC = b"JACKPLAN"
_FORMAT = 1
_HEADER = struct.Struct("<8sII")  # magic, format, length of the key as JSON
_DIGEST = hashlib.sha256().digest_size


@dataclass(frozen=True, slots=True)
class PlanKey:
    """What a plan depends on, by name. Two keys are the same plan if and only if all values agree."""

    values: Mapping[str, str]

    @property
    def text(self) -> bytes:
        """As it stands in the file."""
        return json.dumps(dict(sorted(self.values.items())), separators=(",", ":")).encode()

    @property
    def name(self) -> str:
        """As it names the file."""
        return hashlib.sha256(self.text).hexdigest()


class Plans:
    """The plans in `folder`, which is made when the first is kept. For any thread and process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, key: PlanKey) -> bytes | None:
        """The plan for `key`; None if there is none, or if what is there is broken or another's, which is logged."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("a plan cannot be read and is built anew", plan=path.name, reason=error.strerror)
            return None
        problem, plan = _checked(data, key)
        if problem:
            log.warning("a plan is not trusted and is built anew", plan=path.name, reason=problem)
            return None
        return plan

    def keep(self, key: PlanKey, plan: bytes) -> bool:
        """Write the plan; whether it could be written. What is wrong then is logged: the plan at hand works without."""
        text = key.text
        head = _HEADER.pack(_MAGIC, _FORMAT, len(text)) + text
        return self._write(self._path(key), head + hashlib.sha256(head + plan).digest(), plan)

    def timings(self, name: str) -> bytes:
        """What earlier builds learned of this kind of device; TensorRT itself checks that it fits. Empty if nothing."""
        try:
            return (self.folder / f"{name}.timings").read_bytes()
        except OSError:
            return b""

    def keep_timings(self, name: str, timings: bytes) -> None:
        """For later builds."""
        self._write(self.folder / f"{name}.timings", timings)

    @contextmanager
    def alone(self, key: PlanKey) -> Iterator[None]:
        """Nobody else builds the plan for `key` meanwhile; blocks while somebody does, in whatever process. Where the
        folder cannot be written to, nobody is waited for."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.folder / f"{key.name}.lock", os.O_CREAT | os.O_RDWR, 0o600)
        except OSError:
            yield
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _path(self, key: PlanKey) -> Path:
        return self.folder / f"{key.name}.plan"

    def _write(self, path: Path, *parts: bytes) -> bool:
        partial = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".", delete=False) as file:
                partial = Path(file.name)
                for part in parts:
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except OSError as error:
            if partial is not None:
                partial.unlink(missing_ok=True)
            log.warning("a plan cannot be kept", plan=path.name, reason=error.strerror)
            return False
        return True


def default_folder() -> Path:
    """In the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "jackfield" / "tensorrt"


def _checked(data: bytes, key: PlanKey) -> tuple[str, bytes]:
    """What is wrong with a file, and the plan in it."""
    if len(data) < _HEADER.size:
        return "it is truncated", b""
    magic, version, length = _HEADER.unpack_from(data)
    if magic != _MAGIC:
        return "it is no plan of ours", b""
    if version != _FORMAT:
        return f"it has format {version}, and this is format {_FORMAT}", b""
    end = _HEADER.size + length
    if data[_HEADER.size : end] != key.text:
        return "it was built for something else", b""
    plan = data[end + _DIGEST :]
    if hashlib.sha256(data[:end] + plan).digest() != data[end : end + _DIGEST]:
        return "its contents are not what was written", b""
    return "", plan

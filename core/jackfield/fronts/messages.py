"""What fronts and the process with the models say to each other: plain data, encoded as MessagePack."""

from __future__ import annotations

from typing import Any

import msgspec

from jackfield.transport import Freed, Tensor

Header = tuple[bytes, bytes]


class Begin(msgspec.Struct, array_like=True, tag="begin"):
    """What to serve: `config` has the endpoints that run in fronts, `elsewhere` the prefixes of all others. `log`: how
    log lines look; None: as by default."""

    config: dict[str, Any]
    elsewhere: list[str]
    log: dict[str, Any] | None


class Portrait(msgspec.Struct, array_like=True, tag="portrait"):
    """See `Executor.portrait`; known by `number` from here on."""

    number: int
    where: str
    data: Any


class VersionView(msgspec.Struct, array_like=True):
    """A version that takes requests; the same as before if its `key` is. `facts`: `Facts.plain` of it. `config`: its
    section, as `plain` gives it. `portrait`: the number of what endpoints know of it beyond that; 0: there is nothing,
    -1: it cannot be shown."""

    name: str
    key: int
    facts: dict[str, Any]
    config: dict[str, Any]
    portrait: int


class ModelView(msgspec.Struct, array_like=True):
    """A model: by name the version that takes requests which name none, empty if there is none; and the versions that
    can be asked for and take requests."""

    name: str
    main: str
    versions: list[VersionView]


class View(msgspec.Struct, array_like=True, tag="view"):
    """The models as they are now. `whole`: whether of each all is told that takes its requests. `closed`: keys
    are asked for, which are not known in fronts: all requests go where they are."""

    models: list[ModelView]
    whole: bool
    closed: bool


class Room(msgspec.Struct, array_like=True, tag="room"):
    """Whether the version with this key takes requests at all: an error if it does not, empty if it does."""

    key: int
    error: str
    message: str
    retry_after: float


class Answered(msgspec.Struct, array_like=True, tag="answered"):
    """What became of a request: a response, or an error. `key`: of the version that answered, 0 if there was none.
    `took`: seconds from acceptance. `step`: rows, and seconds of preparing, executing and finishing; None: it was in
    none."""

    number: int
    key: int
    outputs: dict[str, Tensor] | None
    parameters: dict[str, Any]
    final: bool = True
    took: float = 0.0
    step: tuple[int, float, float, float] | None = None
    error: str = ""
    message: str = ""
    retry_after: float = 1.0


class Accepted(msgspec.Struct, array_like=True, tag="accepted"):
    """This stream was accepted."""

    number: int


class Renew(msgspec.Struct, array_like=True, tag="renew"):
    """Read the certificate again: what is there now was found good."""


class Drain(msgspec.Struct, array_like=True, tag="drain"):
    """From now on each answer ends its connection."""


class Stop(msgspec.Struct, array_like=True, tag="stop"):
    """Take no more connections, and end within so many seconds: that is what clients get to read the last answers."""

    left: float


class More(msgspec.Struct, array_like=True, tag="more"):
    """A relayed request is read further."""

    number: int


class Sent(msgspec.Struct, array_like=True, tag="sent"):
    """A piece of the body of the answer to a relayed request, the first (`status` above 0) with its head."""

    number: int
    status: int
    headers: list[Header]
    body: bytes
    more: bool


class Over(msgspec.Struct, array_like=True, tag="over"):
    """The answer to a relayed request is whole; `failed`: it will not be."""

    number: int
    failed: bool


class Listening(msgspec.Struct, array_like=True, tag="listening"):
    """It takes connections."""


class Failed(msgspec.Struct, array_like=True, tag="failed"):
    """It cannot serve."""

    error: str
    message: str


class Submit(msgspec.Struct, array_like=True, tag="submit"):
    """A request. `asked`: when, by the machine's monotonic clock."""

    number: int
    model: str
    inputs: dict[str, Tensor]
    version: str
    id: str
    outputs: tuple[str, ...]
    parameters: dict[str, Any]
    priority: int
    timeout: float | None
    tenant: str
    trace: str
    stream: bool
    asked: float


class Withdraw(msgspec.Struct, array_like=True, tag="withdraw"):
    """Nobody waits for this request any more, relayed or not."""

    number: int


class Refused(msgspec.Struct, array_like=True, tag="refused"):
    """So many requests for this version were refused in the front, for a reason of this kind."""

    model: str
    version: str
    error: str
    count: int


class Relay(msgspec.Struct, array_like=True, tag="relay"):
    """A request that the front does not answer itself: what of its scope is not the same for all."""

    number: int
    http_version: str
    method: str
    path: str
    raw_path: bytes
    query: bytes
    headers: list[Header]
    client: tuple[str, int] | None
    server: tuple[str, int] | None
    scheme: str


class Part(msgspec.Struct, array_like=True, tag="part"):
    """A piece of a relayed request's body; `gone`: its client is."""

    number: int
    body: bytes
    more: bool
    gone: bool


class Wrote(msgspec.Struct, array_like=True, tag="wrote"):
    """What was sent last of a relayed answer is on its way to the client."""

    number: int


ToFront = Begin | Portrait | View | Room | Answered | Accepted | Renew | Drain | Stop | More | Sent | Over | Freed
FromFront = Listening | Failed | Submit | Withdraw | Refused | Relay | Part | Wrote | Freed

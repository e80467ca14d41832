"""An actor as the server holds it: started, sent to, listened to, ended."""

from __future__ import annotations

import queue
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import jackfield
import msgspec
import ray
import structlog
from jackfield import Array, Work
from jackfield.errors import LoadError
from jackfield.transport import error_of, plain_value
from ray.exceptions import GetTimeoutError, RayError

from jackfield_ray import cluster
from jackfield_ray import messages as say
from jackfield_ray.options import RayOptions
from jackfield_ray.tensors import packed
from jackfield_ray.worker import Worker

log = structlog.get_logger("jackfield.ray")

_MOST = 64  # messages of a call
_LATE = 10.0  # seconds after which a call that was not taken in is looked at

Heard = Callable[[Sequence[say.FromWorker], Sequence[Array]], None]
Ended = Callable[[str, bool], None]
Unsent = Callable[[Sequence[int], str], None]


class Link:
    """Starts the actor and waits until it runs, or until what `on_abandon` is given is called. Raises LoadError.
    `close` ends it.

    Ray may block where it is sent to, and where it is listened to, so that each has a thread.
    """

    def __init__(self, name: str, options: RayOptions, on_abandon: Callable[[Callable[[], None]], None]) -> None:
        self.name = name
        self.over = threading.Event()
        self._outgoing: queue.SimpleQueue[tuple[int, Work] | say.ToWorker | None] = queue.SimpleQueue()
        self._calls: deque[tuple[int, float, Any]] = deque()
        self._next = self._taken = 0
        self._encoder = msgspec.msgpack.Encoder(enc_hook=plain_value)
        self._decoder = msgspec.msgpack.Decoder(list[say.FromWorker])
        self._threads: list[threading.Thread] = []
        self._said: Any = None
        self._actor = (
            ray.remote(Worker)
            .options(
                name=f"jackfield {name} {secrets.token_hex(4)}",
                namespace=options.namespace,
                num_cpus=options.num_cpus,
                num_gpus=options.num_gpus,
                resources=options.resources,
                runtime_env=options.runtime_env or None,
                scheduling_strategy="SPREAD" if options.spread else "DEFAULT",
                max_concurrency=2,
                max_restarts=0,  # what is lost is started again by the server, which knows what it had
                max_task_retries=0,
            )
            .remote()
        )
        try:
            on_abandon(self.kill)
            self.node, self.address, self.pid, version = self._where(options)
            if version != jackfield.__version__:
                raise LoadError(
                    f"replica '{name}' cannot run on node {self.address}: Jackfield {version} is installed there, and "
                    f"{jackfield.__version__} here"
                )
        except BaseException:
            self.close()
            raise

    def begin(self, begin: say.Begin, progress: Callable[[str, int, int], None]) -> dict[str, Any]:
        """Have it open the model, and wait until it is warm: the facts that it tells. Raises what went wrong there, or
        LoadError if the actor is lost."""
        place = f"replica '{self.name}' could not be opened on node {self.address}"
        self._said = self._actor.run.options(num_returns="streaming").remote(msgspec.msgpack.encode(begin))
        try:
            for ref in self._said:
                for told in self._read(ref)[0]:
                    if isinstance(told, say.Doing):
                        progress(told.what, told.done, told.total)
                    elif isinstance(told, say.Failed):
                        raise error_of(told.error, f"{told.message} (on node {self.address} of the Ray cluster)")
                    elif isinstance(told, say.Ready):
                        return told.facts
        except RayError as error:
            raise LoadError(f"{place}: {cluster.plain(error)}") from error
        raise LoadError(f"{place}: its actor ended")

    def listen(self, heard: Heard, ended: Ended, unsent: Unsent) -> None:
        """Send and listen from now on. `heard` is told what the actor says, `ended` once why it says no more, and
        whether its node is there still; `unsent` which works could not be sent, and why. All on threads of this."""
        for role, run in (("hear", partial(self._hear, heard, ended)), ("send", partial(self._send, unsent))):
            thread = threading.Thread(target=run, name=f"jackfield-ray-{role} {self.name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def send(self, message: tuple[int, Work] | say.ToWorker) -> None:
        """Send a work with its number, or something else. Never blocks."""
        self._outgoing.put(message)

    def kill(self) -> None:
        """End the actor at once."""
        with suppress(Exception):  # Ray has ended it already, or is itself at an end
            if ray.is_initialized():
                ray.kill(self._actor, no_restart=True)

    def close(self, timeout: float = 0.0) -> bool:
        """End the actor: after `timeout` seconds at the latest, sooner if it ends by itself. Whether it did. Blocks."""
        ended = self.over.wait(timeout)
        self._outgoing.put(None)
        self.kill()
        for thread in self._threads:
            thread.join(5.0)  # Ray tells of a lost node late
        return ended

    def _where(self, options: RayOptions) -> tuple[str, str, int, str]:
        try:
            found: tuple[str, str, int, str] = ray.get(self._actor.where.remote(), timeout=options.start_timeout_s)
        except GetTimeoutError:
            wants = {"CPU": options.num_cpus, "GPU": options.num_gpus, **options.resources}
            asked = ", ".join(f"{name} {amount:g}" for name, amount in wants.items() if amount) or "nothing"
            raise LoadError(
                f"no node of the Ray cluster has started replica '{self.name}' within {options.start_timeout_s:g} s: it "
                f"takes {asked}, and free is {cluster.free()}"
            ) from None
        except RayError as error:
            ip = str(error).partition("ip=")[2].partition(",")[0]
            where = f"on node {ip} of" if ip else "on"
            raise LoadError(
                f"replica '{self.name}' could not be started {where} the Ray cluster: {cluster.plain(error)}"
            ) from error
        return found

    def _read(self, ref: Any) -> tuple[list[say.FromWorker], Sequence[Array]]:
        said = ray.get(ref)
        body, beside = (said, ()) if isinstance(said, bytes) else (said[0], said[1:])
        return self._decoder.decode(body), beside

    def _hear(self, heard: Heard, ended: Ended) -> None:
        reason, there = "its actor ended", True
        try:
            for ref in self._said:
                messages, beside = self._read(ref)
                self._check(messages)
                heard(messages, beside)
        except RayError as error:
            there = cluster.alive(self.node)
            reason = cluster.plain(error) if there else f"node {self.address} of the Ray cluster is gone"
        except Exception as error:  # what nobody understands any more cannot be gone on with
            log.exception("what an actor said cannot be read", replica=self.name)
            reason = f"what its actor said cannot be read: {type(error).__name__}: {error}"
        self.over.set()
        ended(reason, there)

    def _check(self, messages: Sequence[say.FromWorker]) -> None:
        """Raise why a call failed that the actor has not taken in."""
        for message in messages:
            if isinstance(message, say.Now):
                while self._calls and self._calls[0][0] < message.calls:
                    self._calls.popleft()
        if self._calls and time.monotonic() - self._calls[0][1] > _LATE:
            number, _, ref = self._calls[0]
            self._calls[0] = (number, time.monotonic(), ref)
            if ray.wait([ref], timeout=0)[0]:
                ray.get(ref)

    def _send(self, unsent: Unsent) -> None:
        while True:
            items = [self._outgoing.get()]
            while len(items) < _MOST and not self._outgoing.empty():
                items.append(self._outgoing.get())
            if self.over.is_set() or None in items:
                return
            bodies: list[msgspec.Raw] = []
            beside: list[Array] = []
            numbers: list[int] = []
            for item in items:
                length = len(beside)
                try:
                    message = _submit(*item, beside) if isinstance(item, tuple) else item
                    bodies.append(msgspec.Raw(self._encoder.encode(message)))
                    if isinstance(message, say.Submit):
                        numbers.append(message.number)
                except (TypeError, ValueError, OverflowError) as error:
                    del beside[length:]
                    if isinstance(item, tuple):
                        unsent([item[0]], str(error))
            if bodies:
                self._call(self._encoder.encode(bodies), beside, numbers, unsent)

    def _call(self, body: bytes, beside: Sequence[Array], numbers: Sequence[int], unsent: Unsent) -> None:
        try:
            ref = self._actor.take.remote(self._next, body, *beside)
        except Exception as error:  # its object store is full, or it is itself at an end
            log.warning("Ray did not take a call", replica=self.name, error=cluster.plain(error))
            unsent(numbers, cluster.plain(error))
            return
        self._calls.append((self._next, time.monotonic(), ref))
        self._next += 1


def _submit(number: int, work: Work, beside: list[Array]) -> say.Submit:
    mind = work.continuation
    request = work.request if mind is None or mind.request is None else mind.request
    now = time.perf_counter()
    return say.Submit(
        number,
        request.model,
        packed(request.inputs, beside),
        request.version,
        request.id,
        request.outputs,
        request.parameters,
        request.priority,
        request.tenant,
        request.trace,
        request.stream,
        request.weight,
        now - work.arrival,
        None if work.deadline is None else work.deadline - now,
    )

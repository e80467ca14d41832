"""Executor: the only place where a device works."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from jackfield.interfaces.batching import Capacity
from jackfield.types import Capabilities, Signature
from jackfield.work import Outcome, Step


class Executor(ABC):
    """Runs steps of one replica. Owned by the replica's engine loop.

    Threads: `execute` is called by one thread at a time. `prepare` may run on another thread beside `execute` if
    `capabilities.concurrent`. `capacity` is called beside both. `close` is called last, when nothing runs.
    """

    signature: Signature
    capabilities: Capabilities = Capabilities()
    about: Any = None
    """What endpoints need to know of the model beyond its signature, such as its tokenizer: an object of a type that
    backends and endpoints agree on, for any thread to read. `Version.about` shows it."""

    @abstractmethod
    def prepare(self, step: Step) -> Any:
        """Host work ahead of the device: join the inputs. What it returns becomes `step.payload`. May raise; then the
        step fails as if `execute` had raised."""

    @abstractmethod
    def execute(self, step: Step) -> Outcome:
        """Run the step. Blocks; releases the GIL while the device works.

        Raising fails the step: the loop bisects it, preparing and executing parts anew until the work that is at fault
        stands alone. After a failure the executor must be usable as before, or raise Unavailable from then on.
        """

    def portrait(self) -> tuple[str, Any] | None:
        """How `about` is made in another process: the import path of a function (`package.module:name`), and the data
        that it is called with there, which must be plain (None, numbers, texts, bytes, lists, mappings with texts as
        keys). It returns a `Likeness`. None: nothing is known of it elsewhere."""
        return None

    def capacity(self) -> Capacity:
        """What one more step could take. The default: `capabilities.max_rows` rows."""
        return Capacity(rows=self.capabilities.max_rows or 2**31)

    def close(self) -> None:
        """Give back the device's memory. Called once."""
        return

"""The placement and its options."""

from __future__ import annotations

from pydantic import Field

from jackfield import Options, Placement, Replica, ReplicaSpec
from jackfield.hosting import Deliver, Died, Facts, Likeness, likeness_of, worker_logs
from jackfield_plugins.placement.process.child import Child
from jackfield_plugins.placement.process.engine import ProcessEngine
from jackfield_plugins.placement.process.limits import Watch
from jackfield_plugins.placement.process.messages import Begin

_MIB = 1024 * 1024


class ProcessOptions(Options):
    """Options of the placement `process`."""

    shared_memory_mib: int = Field(default=64, ge=1, le=65536)
    """Shared memory for large tensors, in MiB for each direction; it takes memory once it is used. What finds no room
    there is copied through the link."""
    silence_s: float = Field(default=30, gt=0)
    """Seconds without a sign of life after which a process hangs, and is killed."""
    memory_mib: int | None = Field(default=None, ge=1)
    """Most memory of a process in MiB; one that takes more is killed; null: no limit."""


class ProcessPlacement(Placement):
    """Starts a child process for each replica. It dies with the server, however that ends."""

    isolated = True
    options = ProcessOptions
    settings: ProcessOptions

    def start(self, spec: ReplicaSpec) -> Replica:
        """Start it, wait until the model is warm there, and return the replica."""
        own = self.settings
        threads = spec.share.threads
        child = Child(spec.name, own.shared_memory_mib * _MIB, threads)
        likeness: Likeness | None = None
        spec.on_abandon(child.kill)
        try:
            told = child.begin(Begin(spec.name, spec.model, spec.plain(), threads, worker_logs()), spec.progress)
            facts = Facts.of(told)
            likeness = likeness_of(facts.portrait)
            watch = Watch(own.silence_s, None if own.memory_mib is None else own.memory_mib * _MIB)
            shown = likeness

            def engine(deliver: Deliver, died: Died) -> ProcessEngine:
                return ProcessEngine(child, shown, deliver, died, spec.post, watch)

            return spec.join(facts, likeness, engine)
        except BaseException:
            child.close()
            if likeness is not None and likeness.close is not None:
                likeness.close()
            raise

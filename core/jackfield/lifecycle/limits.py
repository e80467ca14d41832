"""What a replica takes: from the configuration, the batching policy and the executor together."""

from __future__ import annotations

from jackfield.config.models import ModelConfig
from jackfield.engine.admission import Limits
from jackfield.interfaces import BatchingPolicy
from jackfield.types import Capabilities


def limits(config: ModelConfig, policy: BatchingPolicy, capabilities: Capabilities) -> Limits:
    """The limits of one replica of a model of `config`."""
    queue, most = config.queue, policy.max_rows
    return Limits(
        max_rows=min(most, capabilities.max_rows or most),
        max_queue=queue.max_queue,
        max_queue_bytes=queue.max_queue_bytes,
        max_queue_rows=queue.max_queue_rows,
        max_wait=queue.max_wait_s,
    )

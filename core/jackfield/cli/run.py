"""Running a checked configuration until the process is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress

import structlog

from jackfield.config import Config
from jackfield.logs import configure_logs
from jackfield.plugins.registry import Registry

log = structlog.get_logger("jackfield.serving")


def run(
    config: Config, registry: Registry, took: Mapping[str, float], read: Callable[[], Config] | None = None
) -> None:
    """Serve `config`, which `took` these seconds to get so far, for the log; at SIGHUP what `read` then gives. Raises a
    JackfieldError if it cannot be built, or a model cannot be loaded."""
    from jackfield.asgi import create_app
    from jackfield.cli.fronting import serve_behind_fronts
    from jackfield.cli.serving import serve
    from jackfield.web.running import loop_factory

    configure_logs(config.log)
    log.info("configured", models=len(config.models), **took)
    app = create_app(config, registry=registry, wait=False)
    # SIGTERM and SIGINT are the ways to stop it, and not failures, before it listens to them as afterwards.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve(app, read) if config.server.workers == 1 else serve_behind_fronts(app, read))
    _leave()


def _leave() -> None:
    """End here if a thread is still at work for a model, which cannot be interrupted: libraries in which it is would be
    taken down around it."""
    if any(thread.daemon and thread.name.startswith("jackfield-") for thread in threading.enumerate()):
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)

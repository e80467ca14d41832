"""What holds for all tests."""

from __future__ import annotations

import structlog


def pytest_runtest_setup() -> None:
    """Log lines on stdout, where pytest keeps them, and tracebacks without variables, which take long to write.

    For each test anew: what one of them runs may set up the log for itself."""
    structlog.reset_defaults()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ]
    )

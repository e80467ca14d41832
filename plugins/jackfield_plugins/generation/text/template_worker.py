"""Renders chat templates, in a process of its own that can be killed. Run as a file; imports nothing of Jackfield.

Reads lines of JSON from its input and answers each with one on its output. The first holds `limits` (`memory`: bytes)
and the `templates` by name; each further one the name of a `template` and its `arguments`. An answer is {"text": …} or
{"error": …}. Ends with its input.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import sys
from typing import Any


def limit(memory: int) -> None:
    """No more than `memory` bytes of addresses, and no file is written, where the system can limit that."""
    try:
        import resource
    except ImportError:
        return
    for kind, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def environment() -> Any:
    """A sandbox with what templates of the hub expect to find."""
    from jinja2 import nodes
    from jinja2.exceptions import TemplateError
    from jinja2.ext import Extension, loopcontrols
    from jinja2.parser import Parser
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """{% generation %} marks what the model said, for training; here it is a block like any other."""

        tags = {"generation"}

        def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.Scope(body, lineno=line)

    def raise_exception(message: object) -> None:
        raise TemplateError(str(message))

    def strftime_now(form: str) -> str:
        return datetime.datetime.now().strftime(form)

    def tojson(value: object, ensure_ascii: bool = False, **options: Any) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, **options)  # not jinja's, which escapes for HTML

    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    made.filters["tojson"] = tojson
    made.globals.update(raise_exception=raise_exception, strftime_now=strftime_now)
    return made


def said(error: BaseException) -> str:
    """`error` in one line, no longer than a client needs."""
    if isinstance(error, MemoryError):
        return "it takes too much memory"
    if isinstance(error, RecursionError):
        return "it goes too deep"
    line = (str(error).splitlines() or [""])[0]
    return (line or type(error).__name__)[:500]


def main() -> None:
    """Serve until the input ends."""
    asked, answers = sys.stdin.buffer, sys.stdout.buffer
    first = json.loads(asked.readline())
    sandbox = environment()
    limit(first["limits"]["memory"])
    compiled: dict[str, Any] = {}
    try:
        for name, source in first["templates"].items():
            compiled[name] = sandbox.from_string(source)
        answer = {"text": ""}
    except Exception as error:
        answer = {"error": said(error)}
    while True:
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()
        line = asked.readline()
        if not line:
            return
        try:
            work = json.loads(line)
            answer = {"text": compiled[work["template"]].render(work["arguments"])}
            del work
        except Exception as error:
            answer = {"error": said(error)}


if __name__ == "__main__":
    main()

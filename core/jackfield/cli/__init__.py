"""The command line: one file per command, each imported when it is asked for, so that `--help` is quick.

Whatever fails with one of `jackfield.errors` is told in one line (of a configuration: in one per problem) on stderr,
and the exit status is 2.
"""

from __future__ import annotations


def main() -> None:
    """The entry point."""
    from jackfield.cli.group import cli

    cli(prog_name="jackfield")

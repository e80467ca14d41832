"""`jackfield key`."""

from __future__ import annotations

import re

import click


@click.group(short_help="Make keys for those who may ask a server.")
def key() -> None:
    """Make keys for those who may ask a server. A server that has a key answers nobody without one.

    \b
    Examples:
      jackfield key new alice >> keys.yaml
    """


@key.command(short_help="Make a key, and the entry that lets it in.")
@click.argument("name")
@click.option("--tenant", help="Whom its requests belong to. [default: NAME]")
@click.option("--model", "models", multiple=True, help="A model that it may use, or a pattern. [default: all]")
@click.option("--right", "rights", multiple=True, help="What else it may: metrics, admin.")
def new(name: str, tenant: str | None, models: tuple[str, ...], rights: tuple[str, ...]) -> None:
    """Make a key. It is shown this once, on stderr; its entry, which holds only its hash, goes to stdout, for the file
    that `server.keys.file` names.

    \b
    Examples:
      jackfield key new alice >> keys.yaml
      jackfield key new ops --right admin --right metrics >> keys.yaml
      jackfield key new bob --tenant sales --model 'minilm*' >> keys.yaml
    """
    import yaml
    from pydantic import ValidationError

    from jackfield.config.values import LABEL, LONGEST_LABEL
    from jackfield.keys.entries import KeyConfig
    from jackfield.keys.hashing import hashed, new_key

    if not re.fullmatch(LABEL, name) or len(name) > LONGEST_LABEL or ".." in name or name == ".":
        raise click.BadParameter(
            f"'{name}' must be letters, digits, '.', '_' and '-', at most {LONGEST_LABEL}", param_hint="NAME"
        )
    secret = new_key()
    entry: dict[str, object] = {"hash": hashed(secret)}
    entry |= {key: list(value) if isinstance(value, tuple) else value
              for key, value in (("tenant", tenant), ("models", models), ("rights", rights)) if value}  # fmt: skip
    try:
        KeyConfig.model_validate(entry)
    except ValidationError as error:
        option = "--" + str(error.errors()[0]["loc"][0]).removesuffix("s")
        raise click.BadParameter("this is not what an entry may have there", param_hint=option) from None
    click.echo(f"The key of '{name}', which is not shown again: {secret}", err=True)
    click.echo(yaml.safe_dump({name: entry}, sort_keys=False), nl=False)

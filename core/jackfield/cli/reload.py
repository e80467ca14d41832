"""`jackfield reload`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    import ssl

_LONGEST = 3600.0  # seconds: a reload lasts until all models that it loads are ready


@click.command(short_help="Have a running server read its configuration again.")
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="Where its endpoint admin is.")
@click.option(
    "--key-env", default="JACKFIELD_KEY", show_default=True, help="Environment variable with a key that may do that."
)
@click.option("--ca", type=click.Path(dir_okay=False), help="Certificates to trust. [default: those of the system]")
def reload(url: str, key_env: str, ca: str | None) -> None:
    """Have a running server read its configuration file again, as SIGHUP does, and say what came of it.

    The server must have the endpoint admin, and the key the right admin. Returns when models are loaded, rolled and
    unloaded as the file says. The exit status is 1 if anything was refused: the file is wrong, and nothing has changed,
    or a model could not be changed, and goes on as before.

    \b
    Examples:
      jackfield reload
      jackfield reload --url https://inference:8001 --key-env OPS_KEY
    """
    import os

    key = os.environ.get(key_env)
    if not key:
        raise click.UsageError(
            f"environment variable '{key_env}' is not set: it must hold a key with the right 'admin'"
        )
    status, content = _asked(url, key, ca)
    if status != 200:
        _fail(f"not reloaded: {content['error']}" if "error" in content else f"not reloaded: status {status}")
    for what in ("changed", "loaded", "rolled", "unloaded"):
        if content[what]:
            click.echo(f"{what}: {', '.join(content[what])}")
    for path in content["restart"]:
        click.echo(f"needs a restart: {path}")
    if content["failed"]:
        _fail("\n".join(f"model '{name}' was not changed: {why}" for name, why in content["failed"].items()))
    click.echo("reloaded")


def _asked(url: str, key: str, ca: str | None) -> tuple[int, dict[str, Any]]:
    import http.client
    import json
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.UsageError(f"--url must be like http://HOST:PORT, got '{url}'")
    try:
        where = parts.hostname, parts.port
    except ValueError:
        raise click.UsageError(f"--url must have a port from 1 to 65535, got '{url}'") from None
    if parts.scheme == "https":
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            *where, timeout=_LONGEST, context=_context(ca)
        )
    else:
        connection = http.client.HTTPConnection(*where, timeout=_LONGEST)
    try:
        path = parts.path.rstrip("/") + "/admin/reload"
        connection.request("POST", path, b"", {"Authorization": f"Bearer {key}"})
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        _fail(f"no answer from {url}: {error}")
    finally:
        connection.close()
    try:
        content = json.loads(body)
    except ValueError:
        content = {}
    return response.status, content if isinstance(content, dict) else {}


def _context(ca: str | None) -> ssl.SSLContext:
    import ssl

    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:  # SSLError is one
        raise click.UsageError(f"--ca: '{ca}' cannot be read as certificates: {error.strerror or error}") from None


def _fail(text: str) -> NoReturn:
    click.echo(f"jackfield: {text}", err=True)
    raise SystemExit(1)

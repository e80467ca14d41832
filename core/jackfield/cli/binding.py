"""The socket that the server listens on."""

from __future__ import annotations

import socket

from jackfield.errors import ConfigError


def bound(host: str, port: int, section: str = "server", *, shared: bool = False) -> socket.socket:
    """A TCP socket bound to `host` and `port` (0: one that the system chooses), which stand in this `section`; raises
    ConfigError with the reason. `shared`: others of this user may be bound to the same, and each gets its share of the
    connections."""
    where = f"{section}.host, {section}.port: cannot listen on {host}:{port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise ConfigError(f"{where}: {error.strerror}; expected an address of this machine") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise ConfigError(f"{where}: {(error.strerror or str(error)).lower()}") from error
    return listener

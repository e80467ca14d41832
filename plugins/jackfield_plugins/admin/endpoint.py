"""The endpoint."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield import Endpoint, Options, Route
from jackfield.errors import ConfigError
from jackfield_plugins.admin.app import AdminApp


class AdminOptions(Options):
    """Changing the server while it runs, at `/admin`: loading and unloading models, changing them, reading the
    configuration again. Whoever may do that can have any code run that the server can reach, so it needs `server.keys`
    with a key that has the right `admin`. `server.admin` gives it an address of its own."""


class Admin(Endpoint):
    """Claims `/admin`."""

    options = AdminOptions

    def routes(self) -> Sequence[Route]:
        """One app for all paths. Raises ConfigError if there is nobody who may ask."""
        if not self.server.keys.granted("admin"):
            raise ConfigError(
                "endpoints.admin: no key may use it: name a file of keys in 'server.keys' with one that has the right "
                "'admin' ('jackfield key new NAME --right admin' makes it)"
            )
        return [Route("/admin", AdminApp(self.server), right="admin")]

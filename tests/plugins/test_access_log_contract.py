"""The observer `access-log` keeps to the contract of its socket."""

from __future__ import annotations

from jackfield import Server
from jackfield.testing import ObserverContract
from jackfield_plugins.access_log import AccessLog, AccessLogOptions


class TestAccessLog(ObserverContract):
    longest_call = 0.01  # the renderer of the log is the application's, and that of tests is not quick

    def observer(self, server: Server) -> AccessLog:
        return AccessLog(AccessLogOptions(requests="all"), server)

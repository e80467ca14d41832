"""Finding plugins and naming what they bring.

`manager` finds the entry points of the group `jackfield`, imports them strictly and registers them with pluggy;
`registry` asks each hook once and keeps what comes back by socket and name; `sockets` says what a socket is; `guard`
runs a plugin's own code so that what goes wrong is blamed on it.
Nothing else in the project calls a hook. A plugin author needs `jackfield.hookspecs` and `jackfield.interfaces`.
"""

import pluggy

hookimpl = pluggy.HookimplMarker("jackfield")
API_VERSION = "1.0"
"""Version of hooks and interfaces. A plugin's major must be equal, its minor at most this."""

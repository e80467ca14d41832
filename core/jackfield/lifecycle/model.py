"""A model: a name and its versions."""

from __future__ import annotations

from jackfield.engine.bisect import public
from jackfield.errors import NotFound
from jackfield.lifecycle.version import Version


class Model:
    """Used on the event loop. `versions` by name; `default` is the one that a request without a version gets."""

    def __init__(self, name: str, versions: dict[str, Version], default: str) -> None:
        self.name = name
        self.versions = versions
        self.default = default

    @property
    def ready(self) -> bool:
        """Whether the default version is."""
        return self.versions[self.default].ready

    def version(self, name: str = "") -> Version:
        """The version by its name, the default one for an empty name; raises NotFound."""
        version = self.versions.get(name or self.default)
        if version is None:
            known = ", ".join(f"'{n}'" for n in self.versions)
            raise NotFound(
                f"Request for unknown model: '{self.name}' version '{public(name)}' is not found; there is {known}"
            )
        return version

"""From one look at a repository to the next: what of it is settled, and what was tried in vain."""

from __future__ import annotations

from collections.abc import Mapping

from jackfield.repository.listing import Found, Stamp


class Watch:
    """Remembers one repository. Used on the event loop; touches no disk.

    Somebody may be copying into the folder while it is read. So what has changed since the last look counts only once
    it was the same in two looks, and what has failed is left alone until its files are others.
    """

    def __init__(self) -> None:
        self.begun = False
        self._last: Mapping[str, Found] = {}
        self._known: dict[str, Found] = {}
        self._failed: dict[str, Stamp] = {}

    @property
    def known(self) -> Mapping[str, Found]:
        """What is there and settled, by name."""
        return self._known

    def begin(self, found: Mapping[str, Found]) -> None:
        """The first look, which is believed as it is: nobody is served yet."""
        self.begun = True
        self._last = found
        self._known = dict(found)

    def look(self, found: Mapping[str, Found]) -> bool:
        """A further look; whether what is settled has changed by it."""
        before, last = self._known, self._last
        settled = dict[str, Found]()
        for name in {**before, **found}:
            now = found.get(name)
            taken = now if now == last.get(name) else before.get(name)
            if taken is not None:
                settled[name] = taken
        self._last, self._known = found, settled
        return settled != before

    def failed(self, name: str, stamp: Stamp) -> None:
        """The version `name` could not be loaded with files like these."""
        self._failed[name] = stamp

    def loaded(self, name: str) -> None:
        """It could."""
        self._failed.pop(name, None)

    def worth_loading(self, found: Found) -> bool:
        """Whether it is whole, and has not failed as it is."""
        return not found.problem and self._failed.get(found.name) != found.stamp

"""Folders of versions: what they hold, which of it is to be served, and what has changed in them.

`naming` orders versions and chooses among them, `listing` reads a folder, `watching` says what of it is settled,
`sizes` how large it is. `shelves` keeps the models that come out of such folders at what is to be served.
"""

from jackfield.repository.listing import Detects, Found, Repository, is_repository
from jackfield.repository.naming import chosen, ordered
from jackfield.repository.shelves import Shelves
from jackfield.repository.sizes import size_of
from jackfield.repository.watching import Watch

__all__ = ["Detects", "Found", "Repository", "Shelves", "Watch", "chosen", "is_repository", "ordered", "size_of"]

"""Between processes of one machine: messages over a socket, and large arrays in shared memory.

`frames` puts messages together out of what a socket gives, `link` sends and receives them on an event loop; `tensors`
that are large lie in an `arena`, to be read where they lie; `plain` is what of the domain is sent as data. Nothing here
can run code.
"""

from jackfield.transport.arena import Arena
from jackfield.transport.frames import LONGEST, Frames, framed
from jackfield.transport.link import Link
from jackfield.transport.plain import Freed, error_of, plain_value
from jackfield.transport.tensors import Tensor, packed, unpacked

__all__ = [
    "LONGEST",
    "Arena",
    "Frames",
    "Freed",
    "Link",
    "Tensor",
    "error_of",
    "framed",
    "packed",
    "plain_value",
    "unpacked",
]

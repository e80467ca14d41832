"""The native CPU decoder: a whole step in one call of a C++ library without dependencies."""

from jackfield_plugins.generation.native.decoder import NativeDecoder
from jackfield_plugins.generation.native.library import NotThere, availability
from jackfield_plugins.generation.native.options import NativeOptions

__all__ = ["NativeDecoder", "NativeOptions", "NotThere", "availability"]

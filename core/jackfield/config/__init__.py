"""The whole configuration, checked against the installed plugins before anything is loaded.

`load` reads and checks it; `models` is what comes out, `schema` is what may go in, and `plain` turns a checked one back
into data for another process.
"""

from jackfield.config.load import load, load_model
from jackfield.config.models import Config, ModelConfig, Section
from jackfield.config.plain import plain
from jackfield.config.schema import schema

__all__ = ["Config", "ModelConfig", "Section", "load", "load_model", "plain", "schema"]

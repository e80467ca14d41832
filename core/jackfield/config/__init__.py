"""The whole configuration, checked against the installed plugins before anything is loaded."""

from jackfield.config.models import Config, ModelConfig, Section

__all__ = ["Config", "ModelConfig", "Section"]

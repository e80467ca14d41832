"""BERT, and what is built like it: MiniLM, BGE, E5, GTE of the first generation, SciBERT."""

from __future__ import annotations

from jackfield_plugins.encoding.architectures.architecture import EncoderArchitecture

BERT = EncoderArchitecture(
    name="bert",
    models=("BertModel", "BertForMaskedLM", "BertForPreTraining"),
    prefix="bert.",
    heads=("pooler.", "cls."),
)

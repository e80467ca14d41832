"""RoBERTa and XLM-RoBERTa: as BERT, with positions that begin behind that of padding."""

from __future__ import annotations

from jackfield_plugins.encoding.architectures.architecture import EncoderArchitecture

ROBERTA = EncoderArchitecture(
    name="roberta",
    models=("RobertaModel", "RobertaForMaskedLM", "XLMRobertaModel", "XLMRobertaForMaskedLM"),
    prefix="roberta.",
    heads=("pooler.", "lm_head."),
    positions="behind padding",
)

"""DistilBERT: as BERT, without token types, under other names."""

from __future__ import annotations

from jackfield_plugins.encoding.architectures.architecture import EncoderArchitecture

_LAYER = "transformer.layer.{layer}"

DISTILBERT = EncoderArchitecture(
    name="distilbert",
    models=("DistilBertModel", "DistilBertForMaskedLM"),
    prefix="distilbert.",
    names={
        "words": "embeddings.word_embeddings",
        "positions": "embeddings.position_embeddings",
        "norm": "embeddings.LayerNorm",
        "query": f"{_LAYER}.attention.q_lin",
        "key": f"{_LAYER}.attention.k_lin",
        "value": f"{_LAYER}.attention.v_lin",
        "output": f"{_LAYER}.attention.out_lin",
        "attention_norm": f"{_LAYER}.sa_layer_norm",
        "up": f"{_LAYER}.ffn.lin1",
        "down": f"{_LAYER}.ffn.lin2",
        "feed_forward_norm": f"{_LAYER}.output_layer_norm",
    },
    keys={
        "hidden": "dim",
        "layers": "n_layers",
        "heads": "n_heads",
        "feed_forward": "hidden_dim",
        "activation": "activation",
    },
    heads=("vocab_transform.", "vocab_layer_norm.", "vocab_projector."),
    epsilon=1e-12,
    kinds=False,
)

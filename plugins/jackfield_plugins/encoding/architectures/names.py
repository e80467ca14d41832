"""The names that most encoders of the family share: of weights, and of settings in config.json."""

from __future__ import annotations

from collections.abc import Mapping

NAMES: Mapping[str, str] = {
    "words": "embeddings.word_embeddings",
    "positions": "embeddings.position_embeddings",
    "kinds": "embeddings.token_type_embeddings",
    "norm": "embeddings.LayerNorm",
    "query": "encoder.layer.{layer}.attention.self.query",
    "key": "encoder.layer.{layer}.attention.self.key",
    "value": "encoder.layer.{layer}.attention.self.value",
    "output": "encoder.layer.{layer}.attention.output.dense",
    "attention_norm": "encoder.layer.{layer}.attention.output.LayerNorm",
    "up": "encoder.layer.{layer}.intermediate.dense",
    "down": "encoder.layer.{layer}.output.dense",
    "feed_forward_norm": "encoder.layer.{layer}.output.LayerNorm",
}

KEYS: Mapping[str, str] = {
    "hidden": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "feed_forward": "intermediate_size",
    "activation": "hidden_act",
}

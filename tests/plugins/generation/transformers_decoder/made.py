"""Small models of many architectures with random weights, saved by transformers itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers

from jackfield_plugins.generation.transformers_decoder.opening import Dtype, Opened, open_model
from jackfield_plugins.generation.transformers_decoder.suitable import Suitable, suitable
from tests.plugins.generation import tiny

CONTEXT = 512
_OLD: dict[str, Any] = {
    "vocab_size": tiny.VOCABULARY, "n_embd": 48, "n_layer": 3, "n_head": 6, "n_positions": CONTEXT,
    "bos_token_id": 0, "eos_token_id": 1,
}  # fmt: skip
_COMMON: dict[str, Any] = {**tiny.COMMON, "pad_token_id": None}
_EXPERTS: dict[str, Any] = {"num_local_experts": 4, "num_experts_per_tok": 2}

SERVED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "gpt2": ("GPT2Config", "GPT2LMHeadModel", {**_OLD, "scale_attn_by_inverse_layer_idx": True}),
    "gptj": ("GPTJConfig", "GPTJForCausalLM", {**_OLD, "rotary_dim": 4}),
    "bigcode": ("GPTBigCodeConfig", "GPTBigCodeForCausalLM", _OLD),  # one head of keys for all
    "neox": ("GPTNeoXConfig", "GPTNeoXForCausalLM", _COMMON),
    "opt": ("OPTConfig", "OPTForCausalLM", {**_COMMON, "ffn_dim": 80, "word_embed_proj_dim": 48}),
    "gemma2": ("Gemma2Config", "Gemma2ForCausalLM", {
        **_COMMON, "head_dim": 16, "sliding_window": 37, "attn_logit_softcapping": 3.0,
    }),
    "gemma3": ("Gemma3TextConfig", "Gemma3ForCausalLM", {
        **_COMMON, "head_dim": 16, "sliding_window": 21,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
    }),
    "phi3": ("Phi3Config", "Phi3ForCausalLM", {**_COMMON, "sliding_window": 30}),
    "stablelm": ("StableLmConfig", "StableLmForCausalLM", {**_COMMON, "use_parallel_residual": True}),
    "olmo2": ("Olmo2Config", "Olmo2ForCausalLM", _COMMON),
    "granite": ("GraniteConfig", "GraniteForCausalLM", {
        **_COMMON, "attention_multiplier": 0.3, "logits_scaling": 2.0, "residual_multiplier": 0.7,
    }),
    "cohere2": ("Cohere2Config", "Cohere2ForCausalLM", {**_COMMON, "sliding_window": 16}),
    "qwen2-moe": ("Qwen2MoeConfig", "Qwen2MoeForCausalLM", {
        **_COMMON, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32,
        "shared_expert_intermediate_size": 48,
    }),
    "mixtral": ("MixtralConfig", "MixtralForCausalLM", {**_COMMON, **_EXPERTS}),
    "gpt-oss": ("GptOssConfig", "GptOssForCausalLM", {
        **_COMMON, **_EXPERTS, "sliding_window": 24, "head_dim": 16,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
    }),
    "deepseek3": ("DeepseekV3Config", "DeepseekV3ForCausalLM", {  # values are smaller than keys
        **_COMMON, "num_key_value_heads": 6, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1,
        "topk_group": 1, "moe_intermediate_size": 32, "q_lora_rank": 24, "kv_lora_rank": 16, "qk_rope_head_dim": 8,
        "qk_nope_head_dim": 8, "v_head_dim": 12, "first_k_dense_replace": 1,
    }),
    "longrope": ("Phi3Config", "Phi3ForCausalLM", {
        **_COMMON, "original_max_position_embeddings": 200, "rope_parameters": {
            "rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0, 1.1, 1.2, 1.3],
            "long_factor": [4.0, 5.0, 6.0, 7.0], "original_max_position_embeddings": 200,
            "partial_rotary_factor": 1.0,
        },
    }),
}  # fmt: skip
"""By a name of ours: its configuration, its model, and what is particular."""

REFUSED: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "bloom": ("BloomConfig", "BloomForCausalLM", {"hidden_size": 48, "n_layer": 2, "n_head": 6},
              r"\(BloomForCausalLM\) takes no 'position_ids', without which it cannot be run row by row"),
    "mpt": ("MptConfig", "MptForCausalLM", {"d_model": 48, "n_layers": 2, "n_heads": 6, "max_seq_len": 64},
            r"\(MptForCausalLM\) takes no 'position_ids'"),
    "falcon": ("FalconConfig", "FalconForCausalLM", {"hidden_size": 48, "num_hidden_layers": 2,
                                                     "num_attention_heads": 6},
               r"\(FalconForCausalLM\) does not attend through transformers' interface of attention"),
    "mamba": ("MambaConfig", "MambaForCausalLM", {"hidden_size": 48, "num_hidden_layers": 2},
              r"\(MambaForCausalLM\) has layers of the kind 'linear_attention', and only"),
    "rwkv": ("RwkvConfig", "RwkvForCausalLM", {"hidden_size": 48, "attention_hidden_size": 48, "num_hidden_layers": 2},
             r"\(RwkvForCausalLM\) keeps a state in place of keys and values"),
    "hybrid": ("Qwen3NextConfig", "Qwen3NextForCausalLM", {
        **tiny.COMMON, "head_dim": 16, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16,
        "shared_expert_intermediate_size": 16, "linear_num_value_heads": 4, "linear_num_key_heads": 2,
        "linear_key_head_dim": 8, "linear_value_head_dim": 8,
    }, r"\(Qwen3NextForCausalLM\) has layers of the kind 'linear_attention'"),
    "t5": ("T5Config", "T5ForConditionalGeneration", {"d_model": 48, "d_kv": 8, "d_ff": 64, "num_layers": 2,
                                                      "num_heads": 6},
           r"is an encoder with a decoder \(T5ForConditionalGeneration\), and only decoders are run"),
    "bert": ("BertConfig", "BertLMHeadModel", {"hidden_size": 48, "intermediate_size": 64, "num_hidden_layers": 2,
                                               "num_attention_heads": 6},
             r"'bert.encoder.layer.0.attention.self' attends to what comes after a token"),
    "classifier": ("GPT2Config", "GPT2ForSequenceClassification", _OLD,
                   "is of the architecture 'GPT2ForSequenceClassification', which is no decoder that transformers "
                   "generates text with: that is 'GPT2LMHeadModel'"),
    "crossed": ("GPT2Config", "GPT2LMHeadModel", {**_OLD, "add_cross_attention": True},
                "attends to an encoder's output too"),
    "chunks": ("Llama4TextConfig", "Llama4ForCausalLM", {
        **_COMMON, "head_dim": 16, "intermediate_size_mlp": 64, "num_local_experts": 2, "attention_chunk_size": 64,
    }, r"has layers of the kind 'chunked_attention', and only attention to all or a window is run"),
    "counting": ("Llama4TextConfig", "Llama4ForCausalLM", {  # scales queries by a row's number in the step
        **_COMMON, "head_dim": 16, "intermediate_size_mlp": 64, "num_local_experts": 2, "floor_scale": 64,
        "layer_types": ["full_attention"] * 3, "no_rope_layers": [1, 0, 1], "attn_scale": 0.5,
    }, r"gives other logits when it is run row by row over blocks, by [\d.e-]+ of their spread"),
}  # fmt: skip
"""The same, and the sentence."""


def save(config: str, model: str, options: dict[str, Any], folder: Path, dtype: torch.dtype = torch.float32) -> Any:
    """Make a model, random but always the same, with biases and norms that do something, write it into `folder`, with a
    tokenizer, and give it."""
    torch.manual_seed(0)
    made = getattr(transformers, model)(getattr(transformers, config)(**options)).eval()
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if "norm" in name or "bias" in name or "ln_" in name or "sinks" in name:
                parameter.add_(torch.randn_like(parameter) * 0.2)
            else:
                parameter.mul_(6)
    made.to(dtype).save_pretrained(folder)
    tiny.tokenizer().save(str(folder / "tokenizer.json"))
    return made if dtype is torch.float32 else type(made).from_pretrained(folder, dtype=torch.float32).eval()


def about(folder: Path) -> Suitable:
    """What the loader asks."""
    return suitable(folder, json.loads((folder / "config.json").read_text()), "m")


def opened(folder: Path, context: int | None = None, dtype: Dtype = "auto") -> Opened:
    """As loader and backend would."""
    known = about(folder)
    return open_model(folder, "m", known.vocabulary, context or known.context, dtype)

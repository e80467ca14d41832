"""Backends that generate text: `native`, the C++ step, `torch-decoder`, PyTorch's own operations, and `transformers`,
any other decoder.

`options` is what they have in common, `memory` how many KV blocks there are, `opening` joins a checkpoint and a decoder
into an executor.
"""

"""A decoder in plain PyTorch operations, on any device that PyTorch has.

`weights` brings a spec's weights to the device, `layer` is what a layer does to rows, `rotation` turns heads; `pool`
holds keys and values in blocks, `attention` reads them there, a tile of queries at a time, as `packing` packs them;
`tiles`, `attention_trial` and `steady` find numbers of rows whose sums come out the same; `decoder` joins them. `pool`,
`packing`, `attention` and its trial serve other decoders in PyTorch too.
"""

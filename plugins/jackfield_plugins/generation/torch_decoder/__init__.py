"""A decoder in plain PyTorch operations, on any device that PyTorch has.

`weights` brings a spec's weights to the device, `layer` is what a layer does to rows, `rotation` turns heads; `pool` holds
keys and values in blocks, `attention` reads them there; `tiles` finds numbers of rows whose sums come out the same,
`packing` packs a step's rows into tiles, and `decoder` joins them.
"""

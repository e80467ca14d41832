"""An encoder in plain PyTorch operations on the CPU.

`weights` brings a spec's weights into memory, `layer` is what a layer does to rows, `attention` what the tokens of one
text do to each other, `pooling` makes one row of them; `steady` finds numbers of rows whose sums come out the same;
`encoder` joins them.
"""

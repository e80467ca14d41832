"""Any decoder that transformers has, with its attention over our blocks.

`suitable` tells from a configuration whether a model can be run so; `opening` brings it to a device, asks it by `probe`
how it attends (`masks` says what its masks come to), and holds it by `trial` against `reference`; `steady` finds
numbers of rows that agree. `interface` is where transformers calls us, `experts` how experts are run, `passes` what a
step becomes, and `decoder` joins them.
"""

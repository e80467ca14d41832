"""From logits to tokens, for all sequences of a step at once.

`philox` is chance that depends on nothing but a seed and a place, `adjust` changes logits by penalties, biases and
bans, `weights` makes whole numbers of them, `nucleus` draws one token of a row, `logprobs` tells how likely tokens
were, `choice` is what a sequence asks for, and `sampler` puts these together (`native.sampler` does the same natively).
`stops` finds where an answer ends.
"""

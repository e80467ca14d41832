"""From logits to tokens, for all sequences of a step at once.

`philox` is chance that depends on nothing but a seed and a place, `adjust` changes logits by penalties, biases and
bans, `nucleus` draws one token of a row, `logprobs` tells how likely tokens were, `sampler` puts these together;
`stops` finds where an answer ends.
"""

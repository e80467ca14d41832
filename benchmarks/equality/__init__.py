"""Whether text generation says what transformers says: tokens, likelihoods, and bits in any company.

`prompts` makes what is asked, `reference` what is right, `serving` asks a server, `ways` are the circumstances in which
it is asked, `comparing` judges. `python -m benchmarks.equality` compares with transformers, `python -m
benchmarks.equality.bits` a request alone with the same one in company.
"""

"""The life of a model: opened, probed, warmed up, served by replicas, drained, unloaded.

`opening` makes an executor out of a model's configuration, `probe` finds and checks the batch axis, `samples` makes
inputs for both that and `warmup`. `replica` is one running copy: the ledger, wherever its engine runs; `hosting` is the
other side. `group` starts, chooses and restarts those of a version, `lost` holds works between two, `course` takes the
version from state to state; `model` has versions, which `updating` lets come and go, once they have proved themselves
by `golden` requests and a `trial`, as far as there is the `memory`; `statistics` counts, `observers` tells,
`background` waits for threads that may hang.
"""

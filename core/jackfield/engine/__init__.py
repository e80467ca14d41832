"""The one engine loop: turns a stream of work into a sequence of device steps.

`queue` holds what waits, `planner` decides with policy and scheduler what runs next (pure, time passed in), `bisect`
runs a step and finds the work that makes it fail, `loop` drives these with threads, `admission` says no in time by what
`pace` has learned, `delivery` is how an answer ends it, `wake` how one thread rouses another.
"""

"""Placement `process`: each replica's engine loop in a child process, the ledger in the server's.

`placement` starts, `child` is the process, `engine` stands for its engine in the server, `worker` is what runs there.
Both talk by `frames` of `messages` over a socket pair that nobody else can reach; `tensors` that are large lie in an
`arena` of shared memory, `status` is a page of it where the worker writes how it is, and `limits` looks there. `cores`
divides processors among replicas.
"""

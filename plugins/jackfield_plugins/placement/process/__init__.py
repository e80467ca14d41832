"""Placement `process`: each replica's engine loop in a child process, the ledger in the server's.

`placement` starts, `child` is the process, `engine` stands for its engine in the server, `worker` is what runs there.
Both say `messages` over a socket pair that nobody else can reach (`jackfield.transport`), large tensors lie in shared
memory; `status` is a page of it where the worker writes how it is, and `limits` looks there. `threads` has libraries
there take no more than their part.
"""

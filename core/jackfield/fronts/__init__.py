"""Several processes that listen on one port, in front of the one that has the models (`server.workers`).

`keeper` starts them and keeps them running; `front` is such a process. In it endpoints run before a `standin` for the
server, which hands requests over by `asking`; whatever the stand-in cannot tell is `elsewhere`, and the whole request
goes there by `relaying`. On the other side a `desk` for each front takes in what comes, with `relayed`, and `view` is
what fronts are told of the models. All of it is said in `messages`, but for the `page` of counters that all see.
"""

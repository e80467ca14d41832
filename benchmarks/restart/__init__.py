"""Everything is killed with SIGKILL while it is at work, and started again: how long until it is ready, by phase, and
what was left behind.

`serving` is a server as it runs, `traffic` keeps it at work and asks for right answers, `leftovers` looks at what
stays.
"""

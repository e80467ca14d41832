"""Calls of tools in what a model says: `parser` is the interface, `hermes`, `llama3` and `mistral` are formats, and
`choosing` finds out which a model speaks."""

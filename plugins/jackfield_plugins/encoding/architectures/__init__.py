"""The encoders that are known by name: each a small file that says what its weights and settings are called.

`architecture` is what such a file fills in and opens folders with, `settings` reads config.json, `build` puts an
encoder together, `names` has the names that most share. They are found beside decoders, through the entry-point group
`jackfield.architectures`.
"""

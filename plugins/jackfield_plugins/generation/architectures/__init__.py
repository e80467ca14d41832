"""The decoders that are known by name: each a small file that says where its weights are and what is peculiar to it.

`architecture` is what such a file fills in, `names` the names of weights that most share, `settings` what a
configuration comes to, whatever it was written in; `rotary` computes frequencies, `build` puts a decoder together.
`known` finds them all, those of other distributions too: the entry-point group `jackfield.architectures`, each entry an
`Architecture`, or a `FolderArchitecture` where it is of another kind than a decoder and opens folders by itself.
"""

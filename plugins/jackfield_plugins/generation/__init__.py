"""Generating text: decoders, their checkpoints, and the parts of the engine that are theirs alone."""

"""Text encoders: a text, or its tokens, becomes one vector. Backend `encoder`; the loader is `huggingface`.

`architectures` says what is peculiar to each family and opens folders, `spec` is what they come to, `sentences` how a
folder wants tokens to be pooled. `texts` makes tokens of a request's inputs, `packing` a step of them, `torch_encoder`
runs it. `text_encoder` is what endpoints know of such a model.
"""

from __future__ import annotations

from collections.abc import Mapping

from jackfield import Backend, hookimpl

jackfield_api = "1.0"


@hookimpl
def jackfield_backends() -> Mapping[str, type[Backend]]:
    """The backend of encoders."""
    from jackfield_plugins.encoding.backend import EncoderBackend

    return {"encoder": EncoderBackend}

"""The Open Inference Protocol over REST, with binary tensors: endpoint `open-inference`, at `/v2`.

The way of an inference: `app` finds the route (`paths`), `infer` reads, decodes, exchanges and answers.

- Decoding is `request`: `schema` is its JSON and `outline` that of a large one; `json_data` (over `pieces` and `large`)
  and `binary` make the arrays; `parameters` and `outputs` read what is asked for. `raw` takes a body without JSON,
  `datatypes` serves both ways.
- Encoding is `response`: `json_output`, `binary`, `classification` and its `labels`.
- `generate` answers Triton's extension of that name, in one object or as `events`: `question` decodes what is asked,
  `fields` makes tensors of it; `language` is what is known here of models that generate.
- `headers` and `compression` are HTTP's part; `statuses` turns errors into statuses.
- `control` is loading and unloading models: `repository_key` says who may, `loading` does it, with files that
  `overridden` keeps.
- All other routes are plain functions: `health`, `metadata`, `model_config`, `model_stats`, `repository`.
"""

from __future__ import annotations

from collections.abc import Mapping

from jackfield import Endpoint, hookimpl
from jackfield_plugins.open_inference.endpoint import OpenInference

jackfield_api = "1.0"


@hookimpl
def jackfield_endpoints() -> Mapping[str, type[Endpoint]]:
    """The REST endpoint."""
    return {"open-inference": OpenInference}

"""The Open Inference Protocol over REST, with binary tensors: endpoint `open-inference`, at `/v2`.

The way of an inference: `app` finds the route (`paths`), `infer` reads, decodes, exchanges and answers. Decoding is
`request` (over `schema`, `datatypes`, `json_data`, `large`, `binary`, `raw`, `parameters`, `outputs`), encoding is `response` (over
`json_output`, `binary`, `classification`, `labels`). `headers` and `compression` are HTTP's part, `statuses` turns errors into
statuses. All other routes are plain functions in `health`, `metadata`, `model_config`, `model_stats` and `repository`.
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

"""The API that OpenAI's clients speak: endpoint `openai`, at `/v1`, `/tokenize` and `/detokenize`.

`app` finds the route (`paths`), reads the body into a `call`, and turns errors into answers (`fault`, `statuses`).

- Reading: `schema` is the JSON, `reading` decodes it and says what is wrong, `sampling` makes parameters of it;
  `prompts`, `messages` and `tools` check what the model is to read, `special` keeps users from writing special tokens,
  `conversation` makes tokens of a conversation; `threads` is where that happens.
- Generating: `completions` and `chat` know their routes, `models` knows the models, `generating` submits.
- Answering: `completion_answer` and `chat_answer` over `chunks`, `events`, `logprobs`, `spelling` and `usage`;
  `toolcalls` finds calls of tools in what the model says.
- `embeddings` and `tokens` are the other routes.
"""

from __future__ import annotations

from collections.abc import Mapping

from jackfield import Endpoint, hookimpl

jackfield_api = "1.0"


@hookimpl
def jackfield_endpoints() -> Mapping[str, type[Endpoint]]:
    """The endpoint."""
    from jackfield_plugins.openai.endpoint import OpenAI

    return {"openai": OpenAI}

from __future__ import annotations

from jackfield_plugins.generation.answer import Usage
from jackfield_plugins.openai.usage import counted, embedded, usage_of


def test_usages_add_up() -> None:
    assert usage_of([Usage(3, 4, 1), Usage(10, 20, 0)]) == {
        "prompt_tokens": 13,
        "completion_tokens": 24,
        "total_tokens": 37,
        "prompt_tokens_details": {"cached_tokens": 1},
    }
    assert counted(3, 4) == {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    assert embedded(3) == {"prompt_tokens": 3, "total_tokens": 3}

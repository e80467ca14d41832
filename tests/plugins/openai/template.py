"""SmolLM2 with a chat template that knows tools, in the format that its larger relatives were trained on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.plugins.generation import smollm2

CACHE = Path(__file__).parents[3] / ".cache" / "tests"

TOOLS = """\
{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}{{- messages[0].content + '\\n\\n' }}{% endif %}
    {{- 'You can call functions. They are:\\n<tools>' }}
    {%- for tool in tools %}{{- '\\n' + tool | tojson }}{% endfor %}
    {{- '\\n</tools>\\nA call is a JSON object with name and arguments: <tool_call>\\n{"name": ...}\\n</tool_call>' }}
    {{- '<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'assistant' and message.tool_calls %}
        {{- '<|im_start|>assistant\\n' + message.content }}
        {%- for call in message.tool_calls %}
            {{- '<tool_call>\\n' + call.function | tojson + '\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == 'tool' %}
        {{- '<|im_start|>user\\n<tool_response>' + message.content + '</tool_response><|im_end|>\\n' }}
    {%- elif not (tools and loop.first and message.role == 'system') %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{% endif %}"""


def with_template(name: str, template: str) -> Path:
    """A copy of SmolLM2 with `template`, called `name`; made once per checkout and template."""
    source, path, written = smollm2.path(), CACHE / f"{name}.gguf", CACHE / f"{name}.jinja"
    if not path.exists() or not written.exists() or written.read_text() != template:
        CACHE.mkdir(parents=True, exist_ok=True)
        written.write_text(template)
        arguments = ["--force", "--chat-template-file", str(written), str(source), str(path)]
        subprocess.run(
            [sys.executable, "-m", "gguf.scripts.gguf_new_metadata", *arguments], check=True, capture_output=True
        )
    return path


EVIL = """\
{%- set last = messages[-1].content %}
{%- if last == 'loop' %}{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}
{%- elif last == 'memory' %}{{ 'x' * (10000000000 * messages | length) }}
{%- elif last == 'escape' %}{{ ''.__class__.__mro__[1].__subclasses__() }}
{%- else %}{{- '<|im_start|>user\\n' + last + '<|im_end|>\\n<|im_start|>assistant\\n' }}
{%- endif %}"""

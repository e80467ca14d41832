"""Between text and tokens.

`tokenizer` encodes within bounds, `detokenizer` gives back text as it becomes whole, `pieces` knows the bytes of a
token; `chat_template` renders messages in processes of its own (`template_process`, `template_worker`), within limits
of time and memory.
"""

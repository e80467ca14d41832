"""What the reference of the configuration says before the tables."""

INTRODUCTION = """\
# Configuration

<!-- Generated: python -m jackfield.config.reference > docs/configuration.md -->

One YAML file says what runs. `jackfield serve FILE` checks all of it against the installed plugins before anything is
loaded, and names each problem with its line; `jackfield check FILE` does only that.

```yaml
server: {host: 127.0.0.1, port: 8000}
models:
  minilm:
    source: ./minilm.onnx
    backend: {name: onnxruntime, threads: 2}
    batching: {policy: dynamic, max_batch_size: 32, max_delay_ms: 3}
    scheduler: {policy: priority, max_queue: 1024}
endpoints: {open-inference: {}, metrics: {}}
```

- **Short forms.** Where a section only names a plugin, the name is enough: `backend: onnxruntime`, `batching: none`.
- **Names.** Models and versions are made of letters, digits, `.`, `_` and `-`, at most 128 of them, without `..`.
- **Paths** are relative to the folder of the file that they stand in; on the command line, to the working directory.
  Options of plugins that are paths are resolved in the same way. In `file.py:Class` that holds for the part before the
  colon. `package.module:Class` and `scheme:...` are no paths.
- **Environment.** `${NAME}` and `${NAME:-default}` in text are replaced by the variable; `$$` is a dollar sign. Within
  braces, `{port: "${PORT}"}`, YAML wants quotes. Errors show the reference, never the value.
- **Single values** can be set from the command line: `--set models.minilm.batching.max_batch_size=16`, as often as
  needed, the last one counts. The value is read as YAML.
- **YAML** is read as version 1.2 has it: only `true` and `false` are switches, and a key given twice is an error.
  Anchors and `<<` work.
- **While it runs.** At `SIGHUP` `jackfield serve` reads its file again. Of a model `batching`, `scheduler`, `router`,
  `update`, `timeout_s`, `max_timeout_s` and `step_timeout_s` change at once, without losing or repeating a request;
  with anything else that differs it rolls to a new version. Models that are new are loaded, those that are gone are
  unloaded. What differs elsewhere in the file is logged as needing a restart. A faulty file changes nothing. Accepted
  requests keep their deadlines; batch sizes that are new are not warmed up.
- **Editors.** `jackfield schema > jackfield.schema.json` and a first line
  `# yaml-language-server: $schema=./jackfield.schema.json` make an editor complete and check as you type.
"""

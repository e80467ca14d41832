"""Checkpoints from a hub, which runs on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jackfield.errors import LoadError
from jackfield_plugins.generation.checkpoints.gguf import GgufLoader, GgufOptions
from jackfield_plugins.generation.checkpoints.huggingface import HuggingFaceLoader, HuggingFaceOptions
from tests.plugins.generation import tiny
from tests.plugins.generation.checkpoints import files
from tests.plugins.generation.checkpoints.hub_server import Hub, running


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hub")
    for name, shard in (("me/tiny", "5GB"), ("me/sharded", "30KB"), ("me/gated", "5GB")):
        tiny.save("llama", root / name, shard=shard)
        (root / name / "chat_template.jinja").write_text("{{ messages }}")
        for unwanted in ("pytorch_model.bin", "modeling_mine.py", "consolidated.safetensors", "README.md"):
            (root / name / unwanted).write_bytes(b"must not be fetched")
        (root / name / "original").mkdir()
        (root / name / "original" / "model.safetensors").write_bytes(b"must not be fetched")
    (root / "me" / "ggufs" / "deep").mkdir(parents=True)
    for name in ("a.gguf", "b.gguf", "deep/c.gguf"):
        files.write(root / "me" / "ggufs" / name)
    return root


@pytest.fixture
def hub(repositories: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    with running(repositories) as hub:
        yield hub


def folder(hub: Hub, cache: Path, offline: bool = False) -> HuggingFaceLoader:
    options = {"endpoint": hub.endpoint, "cache": str(cache), "offline": offline}
    return HuggingFaceLoader(HuggingFaceOptions.model_validate(options))


def gguf(hub: Hub, cache: Path) -> GgufLoader:
    return GgufLoader(GgufOptions(endpoint=hub.endpoint, cache=str(cache)))


def refused(loader: HuggingFaceLoader | GgufLoader, source: str) -> str:
    with pytest.raises(LoadError) as caught:
        loader.load(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_sources_are_told_apart() -> None:
    assert HuggingFaceLoader.detects("hf:me/tiny")
    assert HuggingFaceLoader.detects("hf:me/tiny@v1")
    assert not HuggingFaceLoader.detects("hf:me/ggufs/a.gguf")
    assert GgufLoader.detects("hf:me/ggufs/a.gguf")
    assert not GgufLoader.detects("hf:me/ggufs")


@pytest.mark.parametrize("source", ["hf:me/tiny", "hf:me/tiny@v1", "hf:me/sharded"])
def test_a_repository_is_fetched_and_only_what_is_safe(hub: Hub, tmp_path: Path, source: str) -> None:
    artifact = folder(hub, tmp_path).load(source)
    assert artifact.source == source
    assert artifact.content.spec.architecture == "llama"
    assert artifact.content.templates.by_name == {"default": "{{ messages }}"}
    fetched = hub.fetched()
    assert {"config.json", "tokenizer.json", "generation_config.json", "chat_template.jinja"} <= fetched
    assert ("model.safetensors.index.json" in fetched) is (source == "hf:me/sharded")
    rest = {name for name in fetched if not name.endswith((".json", ".jinja"))}
    assert rest
    assert all(name.startswith("model") and name.endswith(".safetensors") for name in rest)


def test_what_was_fetched_is_not_fetched_again_and_serves_without_the_hub(hub: Hub, tmp_path: Path) -> None:
    first = folder(hub, tmp_path).load("hf:me/tiny").content
    hub.asked.clear()
    folder(hub, tmp_path).load("hf:me/tiny")
    assert not any(line.startswith("GET") and "/resolve/" in line for line in hub.asked)
    hub.asked.clear()
    again = folder(hub, tmp_path, offline=True).load("hf:me/tiny").content
    assert hub.asked == []
    assert again.spec.embedding.data.tobytes() == first.spec.embedding.data.tobytes()
    gone = HuggingFaceLoader(HuggingFaceOptions(endpoint="http://127.0.0.1:1", cache=str(tmp_path)))
    assert gone.load("hf:me/tiny").content.spec.vocabulary == tiny.VOCABULARY


def test_a_file_is_chosen_by_name(hub: Hub, tmp_path: Path) -> None:
    artifact = gguf(hub, tmp_path).load("hf:me/ggufs/b.gguf")
    assert artifact.content.spec.hidden == 64
    assert hub.fetched() == {"b.gguf"}
    gguf(hub, tmp_path).load("hf:me/ggufs@v1/deep/c.gguf")
    assert hub.fetched() == {"b.gguf", "deep/c.gguf"}


def test_a_download_that_is_interrupted_once_is_taken_up_again(hub: Hub, tmp_path: Path) -> None:
    hub.cut["a.gguf"] = 1
    assert gguf(hub, tmp_path).load("hf:me/ggufs/a.gguf").content.spec.hidden == 64
    assert hub.cut == {"a.gguf": 0}


def test_a_download_that_is_always_interrupted_is_one_sentence(hub: Hub, tmp_path: Path) -> None:
    hub.cut["a.gguf"] = 99
    sentence = refused(gguf(hub, tmp_path), "hf:me/ggufs/a.gguf")
    assert sentence.startswith("fetching 'hf:me/ggufs/a.gguf' was interrupted (")
    assert sentence.endswith("): try again")
    hub.cut.clear()
    assert gguf(hub, tmp_path).load("hf:me/ggufs/a.gguf").content.spec.hidden == 64, "half a file was taken for a whole"


def test_what_cannot_be_had_is_one_sentence(hub: Hub, tmp_path: Path) -> None:
    loader = folder(hub, tmp_path)
    unknown = "the hub knows no repository of '{}', or it is private: check the name, or set HF_TOKEN"
    assert refused(loader, "hf:me/none") == unknown.format("hf:me/none")
    hub.private.add("me/tiny")
    assert refused(loader, "hf:me/tiny") == unknown.format("hf:me/tiny")
    hub.private.clear()
    hub.gated.add("me/gated")
    assert refused(loader, "hf:me/gated").startswith(
        "'hf:me/gated' is gated: accept its terms on the hub, and set HF_TOKEN"
    )
    assert refused(loader, "hf:me/tiny@v9") == "the repository of 'hf:me/tiny@v9' has no such revision"
    hub.broken.add("me/tiny")
    assert refused(loader, "hf:me/tiny") == "the hub answered 'hf:me/tiny' with status 500: try again later"


def test_what_was_never_fetched_cannot_be_had_without_the_hub(hub: Hub, tmp_path: Path) -> None:
    assert refused(folder(hub, tmp_path, offline=True), "hf:me/tiny") == (
        "'hf:me/tiny' was not fetched before, or not all of it, and offline nothing is: load it once with the hub"
    )
    gone = HuggingFaceLoader(HuggingFaceOptions(endpoint="http://127.0.0.1:1", cache=str(tmp_path)))
    assert refused(gone, "hf:me/tiny") == (
        "the hub of 'hf:me/tiny' cannot be reached, and it was not fetched before: check HF_ENDPOINT and the network"
    )


def test_a_repository_without_what_is_asked_for(hub: Hub, tmp_path: Path) -> None:
    assert (
        refused(gguf(hub, tmp_path), "hf:me/ggufs/z.gguf") == "the repository of 'hf:me/ggufs/z.gguf' holds no z.gguf"
    )
    assert refused(folder(hub, tmp_path), "hf:me/ggufs") == (
        "the repository of 'hf:me/ggufs' holds no config.json: for a GGUF file, name it as hf:owner/name/file.gguf"
    )


@pytest.mark.parametrize(
    "source",
    ["hf:", "hf:one", "hf:a/b/c", "hf:../b", "hf:a/..", "hf:a/b@", "hf:a/b@../x", "hf:a b/c", "hf:/a/b", "hf:a/b@x\0"],
)
def test_what_is_no_name_is_refused_before_anything_is_asked(hub: Hub, tmp_path: Path, source: str) -> None:
    assert refused(folder(hub, tmp_path), source).startswith(f"source '{source}' is not of the form hf:owner/name")
    assert hub.asked == []


@pytest.mark.parametrize("source", ["hf:a/b/../c.gguf", "hf:a/b//etc/m.gguf", "hf:a/b/.gguf"])
def test_a_file_stays_within_its_repository(hub: Hub, tmp_path: Path, source: str) -> None:
    assert refused(gguf(hub, tmp_path), source).startswith(f"source '{source}' is not of the form hf:owner/name")
    assert hub.asked == []

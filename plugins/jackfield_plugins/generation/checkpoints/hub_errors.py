"""Why something cannot be had from a hub, in one sentence."""

from __future__ import annotations


def sentence(error: Exception, source: str, offline: bool) -> str:
    """What `error`, raised by huggingface_hub while it fetched `source`, means to an operator."""
    from huggingface_hub import errors

    # The library wraps what happened first in what it means for its cache.
    chain = _chain(error)
    for one in chain:
        if isinstance(one, errors.GatedRepoError):
            return (
                f"'{source}' is gated: accept its terms on the hub, and set HF_TOKEN to a token of the account that did"
            )
        if isinstance(one, errors.RepositoryNotFoundError):
            return f"the hub knows no repository of '{source}', or it is private: check the name, or set HF_TOKEN"
        if isinstance(one, errors.RevisionNotFoundError):
            return f"the repository of '{source}' has no such revision"
    for one in chain:
        if isinstance(one, errors.HfHubHTTPError):
            return f"the hub answered '{source}' with status {one.response.status_code}: try again later"
    if offline or any(isinstance(one, errors.OfflineModeIsEnabled) for one in chain):
        return f"'{source}' was not fetched before, or not all of it, and offline nothing is: load it once with the hub"
    if any("Connect" in type(one).__name__ for one in chain):
        return (
            f"the hub of '{source}' cannot be reached, and it was not fetched before: check HF_ENDPOINT and the network"
        )
    first = chain[-1]
    text = (str(first).splitlines() or [""])[0]
    return f"fetching '{source}' was interrupted ({type(first).__name__}: {text}): try again"


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in found:
        found.append(one)
        one = one.__cause__ or one.__context__
    return found

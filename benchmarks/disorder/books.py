"""The server's books against those of its clients."""

from __future__ import annotations

import asyncio
import re
import time
from collections import defaultdict
from collections.abc import Mapping

from benchmarks.disorder.clients import Tally
from benchmarks.disorder.http import Connection, get

_LINE = re.compile(r"^(jackfield_\w+)\{(.*)\} (\S+)$")
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_FINAL = ("completed", "failed", "cancelled", "expired")

Counts = Mapping[str, float]


async def counts(port: int) -> Mapping[str, Counts]:
    """By model, over all its versions: counters by name, those with a state or reason as name:state."""
    found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    connection = await Connection.to(port)
    await connection.send(get("/metrics"))
    text = (await connection.body()).decode()
    connection.close()
    for line in text.splitlines():
        matched = _LINE.match(line)
        if matched is None:
            continue
        labels = dict(_LABEL.findall(matched[2]))
        key = ":".join([matched[1], *(labels[name] for name in ("state", "reason") if name in labels)])
        found[labels.get("model", "")][key] += float(matched[3])
    return found


async def quiet(port: int, seconds: float) -> Mapping[str, Counts]:
    """The counts once nothing waits or runs, or after so long."""
    until = time.monotonic() + seconds
    while True:
        found = await counts(port)
        if not any(one["jackfield_outstanding_requests"] for one in found.values()) or time.monotonic() > until:
            return found
        await asyncio.sleep(0.1)


def violations(model: str, before: Counts, after: Counts, tally: Tally) -> list[str]:
    """What does not agree."""

    def grown(name: str) -> int:
        return int(after.get(name, 0) - before.get(name, 0))

    accepted = grown("jackfield_requests_accepted_total")
    ends = {state: grown(f"jackfield_requests_total:{state}") for state in _FINAL}
    refused = sum(grown(name) for name in after if name.startswith("jackfield_requests_refused_total"))
    answered = tally.right + len(tally.wrong)
    gone = tally.vanished
    found = list(tally.bad)

    def within(what: str, value: int, least: int, most: int) -> None:
        if not least <= value <= most:
            found.append(f"{what}: {value} by the server, {least} to {most} by its clients")

    if accepted != sum(ends.values()):
        found.append(f"accepted {accepted}, and over are {ends}")
    if after.get("jackfield_outstanding_requests", 0):
        found.append(f"{after['jackfield_outstanding_requests']:g} requests are still outstanding")
    within("completed", ends["completed"], answered, answered + gone)
    within("failed", ends["failed"], len(tally.failed), len(tally.failed) + gone)
    within("cancelled", ends["cancelled"], 0, gone)
    within("expired", ends["expired"], 0, 0)
    within("refused", refused, tally.refused, tally.refused + gone)
    within("sent", accepted + refused, tally.sent - gone - len(tally.lost), tally.sent)
    return [f"{model}: {one}" for one in found]

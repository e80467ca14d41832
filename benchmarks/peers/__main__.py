"""This server and others in one run: python -m benchmarks.peers mlp --connections 1 8 32 64

All serve one ONNX model through ONNX Runtime, with batches of at most 32 rows and 3 ms; answers are checked before
anything is measured. The servers are up at the same time and take turns every few seconds, since machines drift; what
counts is the ratio within a round. `make peers` makes the environments of the others.
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.machine import described
from benchmarks.peers.peer import PEERS, Peer, jackfield
from benchmarks.peers.report import Entry, measure, show
from benchmarks.peers.running import Running, running
from benchmarks.peers.subjects import NAMES, subject
from benchmarks.tree import memory_mib
from benchmarks.wrk import has_wrk


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=NAMES)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 32, 64])
    parser.add_argument("--peers", nargs="+", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2, help="of each turn")
    parser.add_argument("--policy", default="dynamic", help="batching policy of ours")
    parser.add_argument("--client", choices=["auto", "wrk", "python"], default="auto", help="auto: wrk if it is there")
    parser.add_argument(
        "--environments", type=Path, default=Path(".venv-peers"), help="a folder a peer, as made by make"
    )
    arguments = parser.parse_args()
    by_wrk = has_wrk() if arguments.client == "auto" else arguments.client == "wrk"
    print(described("onnxruntime", "uvicorn", "numpy"))
    print(f"{arguments.model}, client: {'wrk' if by_wrk else 'Python (apt-get install wrk for a lighter one)'}")
    asked = subject(arguments.model)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers: list[Running] = []
        for name in arguments.peers:
            peer = PEERS[name]
            if name == "jackfield":
                peer = Peer(name, peer.path, peer.encodings, jackfield(arguments.policy))
            server = stack.enter_context(running(peer, arguments.environments / name, folder / name, asked))
            server.check()
            servers.append(server)
        fresh = [memory_mib(server.pid) for server in servers]
        entries = [Entry(server, encoding) for server in servers for encoding in server.peer.encodings]
        for connections in arguments.connections:
            measure(entries, connections, arguments.rounds, arguments.seconds, by_wrk)
            show(entries, connections)
        print(f"\n  {'':18}{'first right answer, s':>22}{'MiB when fresh':>16}{'MiB after':>11}")
        for server, before in zip(servers, fresh, strict=True):
            print(f"  {server.peer.name:18}{server.cold:22.2f}{before:16.0f}{memory_mib(server.pid):11.0f}")


if __name__ == "__main__":
    main()

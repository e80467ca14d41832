"""llama.cpp's own HTTP server, out of the package xllamacpp: llamacpp.py MODEL PORT SEQUENCES THREADS CONTEXT"""

from __future__ import annotations

import signal
import sys

import xllamacpp

path, port, sequences, threads, context = sys.argv[1], *map(int, sys.argv[2:])
options = xllamacpp.CommonParams()
options.model.path = path
options.hostnames = ["127.0.0.1"]
options.port = port
options.n_parallel = sequences
options.n_ctx = sequences * context
options.cont_batching = True
options.n_batch, options.n_ubatch, options.n_predict = 2048, 512, -1
options.cpuparams.n_threads = options.cpuparams_batch.n_threads = threads
options.warmup = True
server = xllamacpp.Server(options)
signal.pause()

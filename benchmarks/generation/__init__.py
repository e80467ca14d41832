"""Text generation through HTTP: this server and others under the same load, in one run."""

"""Other servers, each in an environment of its own, under the same load as this one."""

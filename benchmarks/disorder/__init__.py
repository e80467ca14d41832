"""Chaos, taken apart: what is served and asked (`settings`, `echo`), by whom (`clients`, over `http`), what goes wrong
meanwhile (`trouble`, on `processes`), and whether the books are right in the end (`books`)."""

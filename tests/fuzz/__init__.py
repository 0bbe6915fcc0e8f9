"""Random bytes and mutated files for everything that reads them; see ``python -m tests.fuzz --help``."""

"""The embedded runtime: one process, one SQLite database, one thread that writes."""

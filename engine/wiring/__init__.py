"""The only place that joins runtimes, connectors and listeners into a program."""

"""Checks of meaning, one kind a file. Each keeps quiet about what a problem found earlier explains."""

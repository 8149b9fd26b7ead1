"""The workflow language: YAML text into a rule set, or a list of problems with file, line and column."""

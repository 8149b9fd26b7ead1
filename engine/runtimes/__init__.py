"""Ways to run the same core: embedded on SQLite, or on a virtual clock."""

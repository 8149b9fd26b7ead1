"""The distributed engine's parts joined: each is a process of its own, and started by a command of its own."""

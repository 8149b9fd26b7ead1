"""The preflight: what must be right before the first mail, looked at from inside and outside."""

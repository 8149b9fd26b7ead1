"""Mail that comes in, joined to what we know: which mail it is about, what it says, and what follows."""

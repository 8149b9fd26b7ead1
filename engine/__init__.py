"""winback: an event-driven workflow engine that brings inactive customers back."""

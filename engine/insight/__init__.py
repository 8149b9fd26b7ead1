"""What worked, and what would have happened: figures, tables and pictures. No clock, no chance, no network."""

"""What `./dev bench` measures: one module for each row of figures, with a `main` that prints them beside their reference."""

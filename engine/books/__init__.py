"""The books: the tables that every runtime keeps, and all that reads and writes them, whatever the database."""

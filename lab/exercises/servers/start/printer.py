"""Your print server."""

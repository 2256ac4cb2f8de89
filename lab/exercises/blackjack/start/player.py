"""Your player."""

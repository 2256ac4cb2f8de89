"""Your client."""

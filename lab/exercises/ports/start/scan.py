"""Your scan."""

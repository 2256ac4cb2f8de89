"""What one types: each task parses its words, calls the project, and prints what comes back."""

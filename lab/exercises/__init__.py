"""What is taught: each exercise is a package with a text, a lab, a start state and a checker."""

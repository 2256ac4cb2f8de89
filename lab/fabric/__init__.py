"""The fabric: what wires and shapes inside namespaces. Standard library only; it must import nothing of the project."""

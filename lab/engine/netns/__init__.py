"""The embedded engine: Linux namespaces as nodes, for machines without Docker.

`engine` is what the rest of the project sees; `birth` is a program of its own, which brings a lab's namespaces into
being with `root` and `system`. This module must stay empty, so that the program starts fast.
"""

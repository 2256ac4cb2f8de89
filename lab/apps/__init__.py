"""The programs that run on the nodes. Standard library only: a node has Python and nothing else of ours."""

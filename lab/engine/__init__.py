"""Engines make nodes and links real. `base` says what an engine is; `select` picks one."""

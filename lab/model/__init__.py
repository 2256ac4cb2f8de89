"""The model: everything that is decided before anything is done. Pure; it must not touch the machine."""

"""wirelab: a laboratory of computers on real cables, made of containers."""

"""The Docker engine: networks as links, containers as nodes. The only place that knows Docker's SDK.

Works through the engine's API alone, so the engine may run in a virtual machine or far away. Written for
engines 20.10 and newer.
"""

from lab.engine.docker.engine import DockerEngine

__all__ = ["DockerEngine"]

"""Servers beside nodes: web, database, file and print."""

from __future__ import annotations

from invoke.context import Context

from lab import services
from lab.commands.base import out, progress, task
from lab.lab import Lab
from lab.observe.conversation import pair


@task(positional=["service"])
def serve(_: Context, service: str, on: str = "", name: str = "lab", engine: str = "auto") -> None:
    """Start a web, database, file or print server beside a node: `serve web --on h1`. It is gone with the lab."""
    lab = Lab.find(name, engine)
    server, client = pair(lab.plan, lab.plan.node(on).name if on else "")
    with progress() as say:
        started = services.serve(lab, service, server, say)
    lab_name = "" if lab.name == "lab" else f" --name {lab.name}"
    beside = "" if service == "web" else f" --beside {service}"
    out.print(f"{started.what} serves on {server}, port {started.port}", markup=False)
    typed = f'  next: ./inv exec {client} "{started.visit.format(server=server)}"{beside}{lab_name}'
    out.print(typed, markup=False, soft_wrap=True)

"""One message, followed through all four layers."""

from __future__ import annotations

from invoke.context import Context

from lab.commands.base import err, number, out, print_json, progress, seconds, task
from lab.lab import Lab
from lab.observe import files


@task(auto_shortflags=False)
def trace(
    _: Context,
    from_: str = "",
    to: str = "",
    protocol: str = "tcp",
    message: str = "",
    size: str = "",
    loss: str = "",
    on: str = "",
    port: str = "11267",
    no_server: bool = False,
    patience: str = "30",
    name: str = "lab",
    json: bool = False,
    html: str = "",
    engine: str = "auto",
) -> None:
    """Send one message, and show its way through all four layers, hop by hop, from the frames on the links."""
    from lab.observe.trace import page, run, text  # noqa: PLC0415 - dissection is heavy, and other tasks need none

    lab = Lab.find(name, engine)
    sender, receiver = run.ends(lab.plan, from_, to)
    wanted = run.Wanted(
        protocol=protocol,
        sender=sender,
        to=receiver,
        message=run.message_of(message, size),
        port=number("--port", port, "1024 to 65535"),
        loss=loss,
        on=on,
        served=not no_server,
        patience=seconds("--patience", patience),
    )
    with progress() as say:
        found = run.trace(lab, wanted, say)
    if html:
        files.write(html, page.page(found), remedy="--html FILE")
        err.print(f"{html} has it all", markup=False)
    if json:
        print_json(found)
    elif not html:
        out.print(text.render(found))

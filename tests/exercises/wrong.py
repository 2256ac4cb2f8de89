"""Wrong solutions: what of the reference is changed, as (file, what, into what), and which checks must fail."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wrong:
    """One mistake that a student makes. `fails`: the numbers of the checks that fail, counted from 1."""

    exercise: str
    mistake: str
    fails: tuple[int, ...]
    edits: tuple[tuple[str, str, str], ...]


def _wrong(exercise: str, mistake: str, fails: tuple[int, ...], *edits: tuple[str, str, str]) -> Wrong:
    return Wrong(exercise, mistake, fails, edits)


ANSWERS = "answers.toml"
PIECES = 'for line in (line for piece in iter(lambda: server.recv(4096), b"") for line in piece.decode().splitlines()):'
WRONG = (
    _wrong(
        "two-programs", "listens on loopback only", (1, 2, 3, 4), ("server.py", '("", 11267)', '("127.0.0.1", 11267)')
    ),
    _wrong("two-programs", "one line is missing", (2,), ("server.py", '    print("server waits for data")\n', "")),
    _wrong("two-programs", "never ends", (1,), ("server.py", "    client.close()", "    while True: pass")),
    _wrong("two-programs", "prints markup", (2,), ("server.py", '"server waits for connection"', '"[red]x\\033[2J"')),
    _wrong(
        "two-programs",
        "prints the lecture's words, and talks to nobody",
        (2, 3, 4),
        ("server.py", "server.accept()", '(socket.socket(), (socket.gethostbyname("h2"), 40000))'),
        ("server.py", "client.recv(80).decode()", '"hello there!"'),
        ("client.py", "client.connect((sys.argv[1], 11267))", "pass"),
        ("client.py", "client.sendall(sys.argv[2].encode())", "pass"),
    ),
    _wrong("two-programs", "knows one server only", (4,), ("client.py", "sys.argv[1]", '"h1"')),
    _wrong("udp", "is TCP", (1, 2, 3), *((f, "SOCK_DGRAM", "SOCK_STREAM") for f in ("server.py", "client.py"))),
    _wrong("udp", "the client waits for an answer", (1, 3), ("client.py", ", 11267))", ", 11267)); client.recv(80)")),
    _wrong(
        "udp",
        "sends the message in two datagrams",
        (1, 2),
        (
            "client.py",
            "client.sendto(sys.argv[2].encode(), (sys.argv[1], 11267))",
            "[client.sendto(part.encode(), (sys.argv[1], 11267)) for part in (sys.argv[2][:9], sys.argv[2][9:])]",
        ),
    ),
    _wrong(
        "udp",
        "makes up what it says",
        (1,),
        ("server.py", "server.recvfrom(80)", '(b"no connection needed", (socket.gethostbyname("h2"), 40000))'),
    ),
    _wrong(
        "unix-socket",
        "swallows the error",
        (3,),
        ("client.py", "import sys", "import contextlib\nimport sys"),
        ("client.py", "with socket.socket", "with contextlib.suppress(OSError), socket.socket"),
        (ANSWERS, "false", "true"),
    ),
    _wrong(
        "unix-socket",
        "is internet",
        (2, 3),
        ("server.py", "AF_UNIX", "AF_INET"),
        ("client.py", "AF_UNIX", "AF_INET"),
        ("server.py", 'PATH = "/tmp/exercise.sock"', 'PATH = ("", 11267)'),
        ("server.py", "os.unlink(PATH)", "pass"),
        ("client.py", '"/tmp/exercise.sock"', '("h1", 11267)'),
    ),
    _wrong("unix-socket", "believes in magic", (3,), (ANSWERS, "false", "true")),
    _wrong("ports", "leaves out the last ones", (1, 2), ("scan.py", "20100", "20050")),
    _wrong("ports", "reports all", (1, 2), ("scan.py", "if knock.connect_ex((sys.argv[1], port)) == 0:", "if True:")),
    _wrong("ports", "knows one host only", (2,), ("scan.py", "sys.argv[1]", '"h1"')),
    _wrong("ports", "looks at itself", (1, 2), ("scan.py", "sys.argv[1]", '"127.0.0.1"')),
    _wrong("ports", "counts wrong", (3,), (ANSWERS, "65535", "65536")),
    _wrong("who-hears-what", "a bus is a star", (1,), (ANSWERS, '["h2", "h3", "h4"]', '["h2"]')),
    _wrong("who-hears-what", "a star is a bus", (2,), (ANSWERS, '["h2", "hub"]', '["h2", "h3", "h4", "hub"]')),
    _wrong("round-the-ring", "takes the short way", (1,), (ANSWERS, '["n3", "n4", "n5", "n1"]', '["n1"]')),
    _wrong(
        "round-the-ring",
        "comes back the same way",
        (2, 3),
        (ANSWERS, '["n2"]', '["n5", "n4", "n3", "n2"]'),
        (ANSWERS, "5\n", "8\n"),
    ),
    _wrong("how-long", "counts one way", (1, 2), (ANSWERS, "1.614", "0.807"), (ANSWERS, "0.1157", "0.0578")),
    _wrong("how-long", "forgets the headers", (1, 2), (ANSWERS, "1.614", "1.333"), (ANSWERS, "0.1157", "0.0952")),
    _wrong("how-long", "is no number", (1, 2), (ANSWERS, "1.614", "nan"), (ANSWERS, "0.1157", "nan")),
    _wrong("how-long", "is without end", (1,), (ANSWERS, "1.614", "1" + "0" * 400)),
    _wrong("tcp-and-loss", "loses nothing", (1,), (ANSWERS, "= 10", "= 0")),
    _wrong("tcp-and-loss", "counts what arrives", (1,), (ANSWERS, "= 10", "= 90")),
    _wrong("tcp-and-loss", "is no number", (1, 2), (ANSWERS, "= 10", "= nan"), (ANSWERS, "= 0", "= inf")),
    _wrong("tcp-and-loss", "the hub helps", (3,), (ANSWERS, '"sender"', '"hub"')),
    _wrong("broken-link", "another link", (1,), (ANSWERS, "h3-hub", "h2-hub")),
    _wrong("broken-link", "the other direction", (2,), (ANSWERS, 'from = "h3"', 'from = "hub"')),
    _wrong(
        "four-layers",
        "source and target turned round",
        (3,),
        (ANSWERS, "source_port", "x"),
        (ANSWERS, "target_port", "source_port"),
    ),
    _wrong("four-layers", "bytes the wrong way", (2,), (ANSWERS, "ttl = ", "ttl = 1")),
    _wrong(
        "password",
        "sends the password",
        (4, 5),
        ("client.py", 'print(hmac.new(key, challenge.encode(), "sha256").hexdigest()', "print(sys.argv[2]"),
        ("server.py", 'right = hmac.new(KEY, challenge.encode(), "sha256").hexdigest()', "right = sys.argv[1]"),
    ),
    _wrong(
        "password",
        "sends a hash",
        (5,),
        ("client.py", "challenge.encode()", 'b"x"'),
        ("server.py", "hmac.new(KEY, challenge.encode()", 'hmac.new(KEY, b"x"'),
        ("server.py", "secrets.token_bytes(16)", 'b"salt"'),
    ),
    _wrong(
        "password",
        "sends the password in base64",
        (4,),
        (
            "client.py",
            'print(hmac.new(key, challenge.encode(), "sha256").hexdigest()',
            'print(__import__("base64").b64encode(sys.argv[2].encode()).decode() + challenge',
        ),
        (
            "server.py",
            'hmac.new(KEY, challenge.encode(), "sha256").hexdigest()',
            '__import__("base64").b64encode(sys.argv[1].encode()).decode() + challenge',
        ),
    ),
    _wrong(
        "password",
        "lets the client decide",
        (2, 3, 4, 5),
        ("server.py", "print(verdict, file=lines", "print(right, file=lines"),
        ("server.py", "        print(verdict)", ""),
        (
            "client.py",
            "print(lines.readline().strip())",
            (
                'print("access granted" if lines.readline().strip() == '
                'hmac.new(key, challenge.encode(), "sha256").hexdigest() else "access denied")'
            ),
        ),
    ),
    _wrong("password", "lets everybody in", (3, 5), ("server.py", "if good else", "if True else")),
    _wrong("password", "heard wrong", (1,), (ANSWERS, "SECRET", "hunter2")),
    _wrong(
        "blackjack", "plays one round", (1, 2, 3, 4, 5), ("player.py", '"deal" if played < 5 else "leave"', '"hit"')
    ),
    _wrong("blackjack", "takes cards for ever", (3,), ("player.py", '"hit" if worth(hand) < 17 else "stand"', '"hit"')),
    _wrong(
        "blackjack", "counts the score by itself", (4,), ("player.py", '"final score", words[1]', '"final score", 99')
    ),
    _wrong(
        "blackjack",
        "takes a piece for a line",
        (5,),
        (
            "player.py",
            "for line in lines:",
            PIECES,
        ),
    ),
    _wrong("rps", "the same salt each time", (2,), ("player.py", "secrets.token_hex(16)", '"ab" * 16')),
    _wrong("rps", "always paper", (3,), ("player.py", 'secrets.choice(["rock", "paper", "scissors"])', '"paper"')),
    _wrong(
        "rps",
        "goes round with the rounds",
        (3,),
        (
            "player.py",
            'secrets.choice(["rock", "paper", "scissors"])',
            '["rock", "paper", "scissors"][int(words[1]) % 3]',
        ),
    ),
    _wrong("rps", "has one name only", (4,), ("player.py", "sys.argv[2]", '"student"')),
    _wrong(
        "rps",
        "takes a piece for a line",
        (4,),
        (
            "player.py",
            "for line in lines:",
            PIECES,
        ),
    ),
    _wrong("rps", "reveals something else", (1, 2, 3, 4), ("player.py", "reveal {choice}", "reveal rock")),
    _wrong("servers", "takes a print server for software", (1,), (ANSWERS, 'print = "hardware"', 'print = "software"')),
    _wrong(
        "servers",
        "prints what comes at once",
        (3,),
        ("printer.py", "job += piece", 'open("/root/printed.txt", "ab").write(piece)'),
    ),
    _wrong(
        "servers",
        "leaves the client waiting",
        (2, 3),
        (
            "printer.py",
            "out.write(job)",
            "out.write(job)\n            out.flush()\n            threading.Event().wait()",
        ),
    ),
    _wrong("servers", "takes one piece for the job", (2, 3), ("printer.py", "while piece", "if piece")),
)

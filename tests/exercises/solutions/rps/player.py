import hashlib
import secrets
import socket
import sys

host, name, matches = sys.argv[1], sys.argv[2], int(sys.argv[3])
with socket.create_connection((host, 11270)) as server, server.makefile("rw") as lines:

    def say(words):
        print(words, file=lines, flush=True)

    say(f"join {name}")
    played = 0
    for line in lines:
        words = line.split()
        if words[0] == "joined":
            say("play")
        elif words[0] == "round":
            choice, salt = secrets.choice(["rock", "paper", "scissors"]), secrets.token_hex(16)
            say("commit " + hashlib.sha256(f"{name} {words[1]} {choice} {salt}".encode()).hexdigest())
        elif words[0] == "committed":
            say(f"reveal {choice} {salt}")
        elif words[0] in ("won", "lost", "drawn"):
            played += 1
            print(line.strip())
            say("play" if played < matches else "leave")
        elif words[0] == "bye":
            break

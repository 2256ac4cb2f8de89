import hashlib
import hmac
import secrets
import socket
import sys

SALT = secrets.token_bytes(16)
KEY = hashlib.scrypt(sys.argv[1].encode(), salt=SALT, n=1 << 14, r=8, p=1)
with socket.socket() as server:
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("", 11267))
    server.listen(2)
    client, _ = server.accept()
    with client, client.makefile("rw") as lines:
        challenge = secrets.token_hex(16)
        print(SALT.hex(), challenge, file=lines, flush=True)
        right = hmac.new(KEY, challenge.encode(), "sha256").hexdigest()
        shown = lines.readline().strip()
        good = hmac.compare_digest(shown.encode(), right.encode())
        verdict = "access granted" if good else "access denied"
        print(verdict, file=lines, flush=True)
        print(verdict)

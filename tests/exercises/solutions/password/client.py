import hashlib
import hmac
import socket
import sys

with socket.create_connection((sys.argv[1], 11267)) as server, server.makefile("rw") as lines:
    salt, challenge = lines.readline().split()
    key = hashlib.scrypt(sys.argv[2].encode(), salt=bytes.fromhex(salt), n=1 << 14, r=8, p=1)
    print(hmac.new(key, challenge.encode(), "sha256").hexdigest(), file=lines, flush=True)
    print(lines.readline().strip())

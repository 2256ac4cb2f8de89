"""Fetches a page, and tries again as long as it takes: python3 fetch.py URL SECONDS."""

import sys
import time
import urllib.error
import urllib.request

PAUSE_SECONDS = 0.2


def fetch(url: str, seconds: float) -> bytes:
    """The page; each try has 2 s, and all of them together so many."""
    until = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                return bytes(answer.read())
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            if time.monotonic() > until:
                sys.exit(f"gave up: {error}")
            print(f"again: {error}", file=sys.stderr, flush=True)
            time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    print(len(fetch(sys.argv[1], float(sys.argv[2]))))

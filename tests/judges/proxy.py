#!/usr/bin/env python3
"""A TLS-terminating proxy for the secret search: every byte that passes, both ways, goes to a file in the clear.

It shows the caller the service's own certificate and the service the caller's, so neither notices.

    proxy.py --to 127.0.0.1:8441 --as-service kms.identity --as-client station.identity --log FILE

Prints `listening PORT` when ready.
"""

import argparse
import json
import os
import socket
import ssl
import sys
import tempfile
import threading


def context(identity, server):
    """A context for one side from an identity file (key, chain and anchors as PEM)."""
    with open(identity, encoding="utf-8") as file:
        document = json.load(file)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_verify_locations(cadata=document["anchors"])
    handle, path = tempfile.mkstemp()
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(document["key"].rstrip() + "\n" + document["chain"])
        made.load_cert_chain(path)
    finally:
        os.unlink(path)
    return made


class Proxy:
    def __init__(self, given):
        self.target = given.to.rsplit(":", 1)
        self.inner = context(given.as_service, server=True)
        self.outer = context(given.as_client, server=False)
        self.log = open(given.log, "ab", buffering=0)

    def serve(self):
        listener = socket.create_server(("127.0.0.1", 0))
        print(f"listening {listener.getsockname()[1]}", flush=True)
        while True:
            caller, _ = listener.accept()
            threading.Thread(target=self.carry, args=(caller,), daemon=True).start()

    def carry(self, caller):
        try:
            upstream = socket.create_connection((self.target[0], int(self.target[1])))
            outside = self.outer.wrap_socket(upstream, server_hostname=self.target[0])
            inside = self.inner.wrap_socket(caller, server_side=True)
        except OSError as error:
            print(f"proxy: {error}", file=sys.stderr, flush=True)
            caller.close()
            return
        back = threading.Thread(target=self.pump, args=(outside, inside), daemon=True)
        back.start()
        self.pump(inside, outside)
        back.join()

    def pump(self, source, sink):
        """Copies until the end. The log is one append per piece, so the two directions do not mix."""
        try:
            while piece := source.recv(65536):
                self.log.write(piece)
                sink.sendall(piece)
        except OSError as error:
            print(f"proxy: {error}", file=sys.stderr, flush=True)
        finally:
            try:
                sink.shutdown(socket.SHUT_WR)
            except OSError:
                pass


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--to", "--as-service", "--as-client", "--log"):
        options.add_argument(name, required=True)
    Proxy(options.parse_args()).serve()


if __name__ == "__main__":
    sys.exit(main())

"""What the judges share: one PC/SC connection, expectations that are counted, and the way they report."""

import argparse
import json
import sys


class Conversation:
    """One connection; a failed expectation ends the run."""

    def __init__(self, connection):
        self.connection = connection
        self.passed = []

    def send(self, apdu):
        """(data, status); follows 61xx as a T=0 reader would."""
        data, first, second = self.connection.transmit(list(apdu))
        data = bytes(data)
        while first == 0x61:
            more, first, second = self.connection.transmit([0x00, 0xC0, 0x00, 0x00, second])
            data += bytes(more)
        return data, first << 8 | second

    def expect(self, what, apdu, status=0x9000, data=None):
        got, answer = self.send(apdu)
        if answer != status:
            raise AssertionError(f"{what}: the card answered {answer:04X}, expected {status:04X}")
        if data is not None and got != data:
            raise AssertionError(f"{what}: the card answered other data than expected")
        self.passed.append(what)
        return got


class Absent(Exception):
    """No such reader, or nothing in it."""


def connect(reader):
    from smartcard.Exceptions import CardConnectionException, NoCardException
    from smartcard.System import readers

    found = [each for each in readers() if str(each) == reader]
    if not found:
        raise Absent(f"no reader {reader!r}; there are: {', '.join(map(str, readers()))}")
    connection = found[0].createConnection()
    try:
        connection.connect()
    except (NoCardException, CardConnectionException) as error:
        raise Absent(f"no card in {reader!r}: {error}") from error
    return connection


def run(about, judge, add_options):
    """`judge(connection, options)` is a generator that first yields its Conversation, then does the work."""
    options = argparse.ArgumentParser(description=about.splitlines()[0])
    options.add_argument("--reader", required=True)
    options.add_argument("--province", default="41")
    options.add_argument("--json", action="store_true")
    add_options(options)
    given = options.parse_args()
    try:
        connection = connect(given.reader)
    except Absent as nothing:
        print(nothing, file=sys.stderr)
        return 4
    failed = []
    work = judge(connection, given)
    talk = next(work)
    try:
        next(work, None)
    except AssertionError as wrong:
        failed.append(str(wrong))
    finally:
        connection.disconnect()
    if given.json:
        print(json.dumps({"passed": talk.passed, "failed": failed}, ensure_ascii=False))
    else:
        for line in failed:
            print(f"failed: {line}")
        print(f"{len(talk.passed)} passed, {len(failed)} failed")
    return 3 if failed else 0

#!/usr/bin/env python3
"""Requests generated from a service's OpenAPI description, sent over mutual TLS: none may be answered with 5xx.

    api.py --url https://127.0.0.1:PORT --root root.pem --as station.pem --as officer.pem \
           [--examples bodies.json] [--count 5000] [--seed N]

The description is fetched from the service. Bodies are made by its schemas, then changed at random places; examples
(JSON: operationId -> body) let them reach further than random text would. Judged of every answer: no 5xx; a refusal is a
problem document (RFC 9457) whose status is the answer's; an answer of 200 has the members that the description requires.
Prints one line with count, seed and deviations; exit 3 when there is one. Python's standard library only.
"""

import argparse
import collections
import http.client
import json
import random
import re
import ssl
import sys
import threading
import urllib.parse
import uuid

WORKERS = 4
JUNK = [
    None, True, False, 0, -1, 1, 255, 256, 2**31, 2**63, 2**64, 2**200, -(2**63), 1e308, 0.5, "", " ", "0", "x",
    "x" * 5000, "\u0000", "\U0001f600", "汉字", "'; DROP TABLE chip; --", "../../etc/passwd", "41010219900101001X",
    "00" * 8, "FF" * 64, "zz", str(uuid.UUID(int=0)), [], {}, [[]], [None], {"": ""}, {"$ref": "#"},
]
RAW = [
    b"", b"{", b"[", b"null", b"true", b"\xff\xfe", b'"\\ud800"', b"[" * 20000, b'{"a":' * 5000, b"\x00", b"{}{}",
    b'{"request_id":1e999}', b"NaN",
]
METHODS = ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "GET", "POST", "TRACE", "BREW"]


class Description:
    """The OpenAPI document with its references."""

    def __init__(self, document):
        self.document = document
        self.operations = []
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if operation.get("security") == [{}] or operation.get("security") == []:
                    continue  # on a listener of its own
                self.operations.append((path, method.upper(), operation))

    def look(self, schema):
        while "$ref" in schema:
            found = self.document
            for part in schema["$ref"].lstrip("#/").split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            schema = found
        return schema

    def make(self, schema, rng, depth=0):
        """A value that the schema allows."""
        schema = self.look(schema)
        for several in ("oneOf", "anyOf"):
            if several in schema:
                return self.make(rng.choice(schema[several]), rng, depth)
        if "allOf" in schema:
            whole = {}
            for part in schema["allOf"]:
                made = self.make(part, rng, depth)
                whole.update(made if isinstance(made, dict) else {})
            return whole
        if "enum" in schema:
            return rng.choice(schema["enum"])
        kind = schema.get("type", "object")
        if isinstance(kind, list):
            kind = rng.choice(kind)
        if kind == "object":
            wanted = set(schema.get("required", []))
            return {
                name: self.make(member, rng, depth + 1)
                for name, member in schema.get("properties", {}).items()
                if name in wanted or rng.random() < 0.5
            }
        if kind == "array":
            least = schema.get("minItems", 0)
            most = min(schema.get("maxItems", least + 3), least + 3)
            return [self.make(schema.get("items", {}), rng, depth + 1) for _ in range(rng.randint(least, most))]
        if kind == "integer":
            return rng.randint(int(schema.get("minimum", 0)), int(schema.get("maximum", 255)))
        if kind == "number":
            return rng.random()
        if kind == "boolean":
            return rng.random() < 0.5
        if kind == "null":
            return None
        if schema.get("format") == "uuid":
            return str(uuid.UUID(int=rng.getrandbits(128), version=4))
        hexadecimal = re.match(r"\^\[0-9A-Fa-f\]\{(\d+)\}\$", schema.get("pattern", ""))
        if hexadecimal:
            return "".join(rng.choice("0123456789abcdefABCDEF") for _ in range(int(hexadecimal[1])))
        return "".join(rng.choice("0123456789abcXYZ/.-汉") for _ in range(rng.randint(0, 24)))

    def lacks(self, schema, value):
        """The first member that the schema requires and the value has not."""
        schema = self.look(schema)
        if "oneOf" in schema or "anyOf" in schema:
            return None
        if isinstance(value, dict):
            for name in schema.get("required", []):
                if name not in value:
                    return name
            for name, member in schema.get("properties", {}).items():
                if name in value and (missing := self.lacks(member, value[name])):
                    return f"{name}.{missing}"
        if isinstance(value, list) and value and "items" in schema:
            return self.lacks(schema["items"], value[0])
        return None


def changed(value, rng):
    """The value with something else at a random place."""
    if isinstance(value, dict) and value and rng.random() < 0.8:
        name = rng.choice(list(value))
        roll = rng.random()
        if roll < 0.1:
            return {key: member for key, member in value.items() if key != name}
        if roll < 0.15:
            return {**value, rng.choice(["", "extra", "__proto__", "汉"]): rng.choice(JUNK)}
        return {**value, name: changed(value[name], rng)}
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        roll = rng.random()
        if roll < 0.1:
            return value[:at] + value[at + 1 :]
        if roll < 0.2:
            return value + [value[at]] * rng.randint(1, 40)
        return value[:at] + [changed(value[at], rng)] + value[at + 1 :]
    if isinstance(value, str) and value and rng.random() < 0.6:
        at = rng.randrange(len(value))
        return value[:at] + rng.choice(["0", "F", "z", "", "汉", "\u0000"]) + value[at + 1 :]
    if isinstance(value, int) and not isinstance(value, bool) and rng.random() < 0.6:
        return value + rng.choice([-1, 1, 2**8, 2**24, 2**32, -(2**31)])
    return rng.choice(JUNK)


def request(about, examples, rng):
    """Method, path, headers, body."""
    path, method, operation = rng.choice(about.operations)
    if operation.get("requestBody"):  # the ones with bodies hold the code that can go wrong
        pass
    elif rng.random() < 0.5:
        path, method, operation = rng.choice([one for one in about.operations if one[2].get("requestBody")])
    headers, body, query = {}, None, []
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            value = about.make(parameter["schema"], rng) if rng.random() < 0.6 else rng.choice(JUNK)
            path = path.replace("{%s}" % parameter["name"], urllib.parse.quote(str(value)[:200], safe=""))
            continue
        if rng.random() < 0.5:
            continue
        value = about.make(parameter["schema"], rng) if rng.random() < 0.6 else rng.choice(JUNK)
        if parameter["in"] == "query":
            query.append((parameter["name"], str(value)))
        else:
            headers[parameter["name"]] = re.sub(r"[^\x20-\x7e]", "?", str(value))[:200]
    if operation.get("requestBody"):
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        example = examples.get(operation["operationId"])
        value = example if example is not None and rng.random() < 0.7 else about.make(schema, rng)
        if isinstance(value, dict) and "request_id" in value and rng.random() < 0.8:
            value = {**value, "request_id": str(uuid.UUID(int=rng.getrandbits(128), version=4))}
        for _ in range(rng.choice([0, 1, 1, 1, 2, 3])):
            value = changed(value, rng)
        body = json.dumps(value, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
        headers["Content-Type"] = "application/json"
        roll = rng.random()
        if roll < 0.05:
            body = rng.choice(RAW)
        elif roll < 0.08:
            body = body[: rng.randrange(len(body) + 1)]
        elif roll < 0.10:
            headers["Content-Type"] = rng.choice(["text/plain", "application/xml", "", "application/json; charset=gbk"])
        elif roll < 0.102:
            body = b'"' + b"x" * (3 * 1024 * 1024) + b'"'
    roll = rng.random()
    if roll < 0.03:
        method = rng.choice(METHODS)
    elif roll < 0.05:
        path += rng.choice(["/", "/x", "%00", "/../keys", "%ff", "//"])
    if query:
        path += "?" + urllib.parse.urlencode(query)
    return method, path, headers, body


class Asker:
    """One connection as one identity."""

    def __init__(self, url, root, identity):
        parts = urllib.parse.urlsplit(url)
        self.place = (parts.hostname, parts.port)
        self.context = ssl.create_default_context(cafile=root)
        self.context.load_cert_chain(identity)
        self.connection = None

    def ask(self, method, path, headers, body):
        for attempt in (1, 2):
            if self.connection is None:
                self.connection = http.client.HTTPSConnection(*self.place, context=self.context, timeout=60)
            try:
                self.connection.request(method, path, body=body, headers=headers)
                answer = self.connection.getresponse()
                return answer.status, answer.getheader("Content-Type", ""), answer.read()
            except (http.client.HTTPException, OSError):
                # The service may close a connection whose request it did not read to the end.
                self.connection.close()
                self.connection = None
                if body is not None and len(body) > 2 * 1024 * 1024:
                    return 413, "", b""  # refused by its length while it was still being sent
                if attempt == 2:
                    raise


def judged(about, method, path, status, kind, body):
    """What is wrong with an answer."""
    if status >= 500:
        return f"status {status}"
    if method == "HEAD":
        return None
    if status >= 400:
        if not kind.startswith("application/problem+json"):
            # Refused by the HTTP library before any route: no document.
            return None if status in (400, 413, 414, 431) and not body else f"{status} without a problem document"
        problem = json.loads(body)
        for member in ("type", "title", "status"):
            if member not in problem:
                return f"a problem without {member}"
        return None if problem["status"] == status else f"status {status}, document says {problem['status']}"
    bare = path.split("?")[0]
    for known, verb, operation in about.operations:
        pattern = "/".join("[^/]+" if part.startswith("{") else re.escape(part) for part in known.split("/"))
        if re.fullmatch(pattern, bare) and verb == method and kind.startswith("application/json"):
            content = operation["responses"].get("200", {}).get("content", {}).get("application/json")
            if content and (missing := about.lacks(content["schema"], json.loads(body))):
                return f"an answer without {missing}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--root", required=True)
    parser.add_argument("--as", dest="identities", action="append", required=True)
    parser.add_argument("--examples")
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=20261122)
    given = parser.parse_args()
    first = Asker(given.url, given.root, given.identities[0])
    status, _, text = first.ask("GET", "/v1/openapi.json", {}, None)
    if status != 200:
        sys.exit(f"no description: {status}")
    about = Description(json.loads(text))
    examples = {}
    if given.examples:
        with open(given.examples, encoding="utf-8") as file:
            examples = json.load(file)
    statuses, deviations, lock = collections.Counter(), [], threading.Lock()

    def work(number):
        rng = random.Random(f"{given.seed} {number}")
        askers = [Asker(given.url, given.root, identity) for identity in given.identities]
        share = given.count // WORKERS + (number < given.count % WORKERS)
        for at in range(share):
            asked = request(about, examples, rng)
            try:
                status, kind, body = askers[at % len(askers)].ask(*asked)
                wrong = judged(about, asked[0], asked[1], status, kind, body)
            except Exception as error:  # whatever it is, it is a deviation
                status, wrong = 0, f"{type(error).__name__}: {error}"
            with lock:
                statuses[status] += 1
                if wrong:
                    deviations.append(f"{asked[0]} {asked[1]}: {wrong}\n  {str(asked[3])[:400]}")

    workers = [threading.Thread(target=work, args=(number,)) for number in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for deviation in deviations[:10]:
        print(deviation, file=sys.stderr)
    counts = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
    total = sum(statuses.values())
    print(f"api: {total} generated requests, seed {given.seed}, {len(deviations)} deviations ({counts})")
    sys.exit(3 if deviations else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""official_test.py ASSAY - random requests made with the official OTLP classes, in protobuf, in proto3 JSON
(base64 ids, enum names) and in OTLP JSON (hex ids, numbers), through `assay decode`: the same spans come out of
all three, with the values that went in. 10,000 requests, with ASSAY_FULL=1 1,000,000. tests/span/official runs it.
"""
import base64
import json
import os
import random
import subprocess
import sys
import tempfile

from google.protobuf import json_format
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from official_requests import make_request

REQUESTS_PER_FILE = 5000  # one file is one record: keep below the limit of spans per record

def otlp_json(node):
    """proto3 JSON to OTLP JSON: ids in hex, enums as numbers."""
    if isinstance(node, list):
        return [otlp_json(item) for item in node]
    if not isinstance(node, dict):
        return node
    out = {}
    for key, item in node.items():
        if key in ("traceId", "spanId", "parentSpanId"):
            out[key] = base64.b64decode(item).hex()
        elif key == "kind":
            out[key] = Span.SpanKind.Value(item)
        elif key == "code":
            out[key] = {"STATUS_CODE_UNSET": 0, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}[item]
        else:
            out[key] = otlp_json(item)
    return out


def decode(assay, folder, name, content):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(content)
    run = subprocess.run([assay, "decode", path], capture_output=True, check=False)
    if run.returncode != 0:
        sys.exit(f"{name}: {run.stderr.decode(errors='replace')}")
    return run.stdout


def compare(number, lines, expected):
    if len(lines) != len(expected):
        sys.exit(f"{len(lines)} spans came out, {len(expected)} went in")
    for line, wanted in zip(lines, expected):
        got = json.loads(line)
        for key, item in wanted.items():
            if got.get(key) != item:
                sys.exit(f"file {number}, span {wanted['span_id']}: {key} is {got.get(key)!r}, not {item!r}")


def main():
    assay = sys.argv[1]
    requests = 1000000 if os.environ.get("ASSAY_FULL") == "1" else 10000
    seed = int(os.environ.get("ASSAY_SEED", "20261121"))
    print(f"seed {seed} (repeat with ASSAY_SEED)")
    rng = random.Random(seed)
    spans = 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(requests // REQUESTS_PER_FILE):
            expected, proto, proto3, otlp = [], [], [], []
            for _ in range(REQUESTS_PER_FILE):
                request = make_request(rng, expected)
                proto.append(request.SerializeToString())  # requests behind one another are one request
                as_json = json_format.MessageToDict(request)
                proto3.append(json.dumps(as_json))
                otlp.append(json.dumps(otlp_json(as_json), ensure_ascii=False))
            first = decode(assay, folder, "requests.pb", b"".join(proto))
            compare(number, first.splitlines(), expected)
            for name, lines in (("proto3.jsonl", proto3), ("otlp.jsonl", otlp)):
                if decode(assay, folder, name, "\n".join(lines).encode()) != first:
                    sys.exit(f"file {number}: {name} gives other spans than protobuf")
            spans += len(expected)
    print(f"{requests} requests, {spans} spans: the same in protobuf, proto3 JSON and OTLP JSON")
    if spans < requests:
        sys.exit("too few spans to say anything")


main()

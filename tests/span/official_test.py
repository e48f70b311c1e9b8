#!/usr/bin/env python3
"""official_test.py ASSAY - random requests made with the official OTLP classes, in protobuf, in proto3 JSON
(base64 ids, enum names) and in OTLP JSON (hex ids, numbers), through `assay decode`: the same spans come out of
all three, with the values that went in. 10,000 requests, with ASSAY_FULL=1 1,000,000.

Skipped (exit 77) where the Python package opentelemetry-proto is not installed.
"""
import base64
import json
import os
import random
import subprocess
import sys
import tempfile

try:
    from google.protobuf import json_format
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span
except ImportError as missing:
    print(f"skipped: {missing}; the package is opentelemetry-proto")
    sys.exit(77)

REQUESTS_PER_FILE = 5000  # one file is one record: keep below the limit of spans per record
PIECES = ["a", "Z", " ", '"', "\\", "/", "\n", "\t", "\x01", "é", "ß", "€", "漢", "😀", "{", "]", ":", "0"]
TEXTS = {"gen_ai.request.model": "request_model", "gen_ai.response.id": "response_id", "gen_ai.conversation.id": "session"}


def text(rng):
    return "".join(rng.choice(PIECES) for _ in range(rng.randrange(1, 20)))


def value(rng, depth=0):
    out = AnyValue()
    kind = rng.randrange(8 if depth < 4 else 6)
    if kind == 0:
        out.string_value = text(rng)
    elif kind == 1:
        out.int_value = rng.choice([0, 1, -1, 2**63 - 1, -(2**63), 1700000000000000001])
    elif kind == 2:
        out.double_value = rng.choice([0.0, 0.1, 1e300, -2.5, float("inf"), float("nan"), 5e-324])
    elif kind == 3:
        out.bool_value = rng.random() < 0.5
    elif kind == 4:
        out.bytes_value = rng.randbytes(rng.randrange(6))
    elif kind == 6:
        out.array_value.SetInParent()
        for _ in range(rng.randrange(4)):
            out.array_value.values.append(value(rng, depth + 1))
    elif kind == 7:
        out.kvlist_value.SetInParent()
        for _ in range(rng.randrange(4)):
            out.kvlist_value.values.add(key=text(rng)).value.CopyFrom(value(rng, depth + 1))
    return out


def fill_span(rng, span, expected):
    span.trace_id = bytes([1]) + rng.randbytes(15)
    span.span_id = bytes([1]) + rng.randbytes(7)
    if rng.random() < 0.7:
        span.parent_span_id = bytes([1]) + rng.randbytes(7)
    span.name = text(rng)
    span.kind = rng.choice(list(Span.SpanKind.values()))
    span.start_time_unix_nano = 1700000000000000000 + rng.randrange(10**12)
    span.end_time_unix_nano = span.start_time_unix_nano + rng.randrange(1, 10**10)
    if rng.random() < 0.5:
        span.status.code = rng.randrange(3)
        span.status.message = text(rng)
    expected.update(trace_id=span.trace_id.hex(), span_id=span.span_id.hex(), name=span.name, kind=span.kind,
                    parent_span_id=span.parent_span_id.hex() or None, start_ns=span.start_time_unix_nano,
                    end_ns=span.end_time_unix_nano)
    for key, name in TEXTS.items():
        if rng.random() < 0.5:
            expected[name] = text(rng)
            span.attributes.add(key=key).value.string_value = expected[name]
    if rng.random() < 0.5:
        expected["output_tokens"] = rng.randrange(2**40)
        span.attributes.add(key="gen_ai.usage.output_tokens").value.int_value = expected["output_tokens"]
    for _ in range(rng.randrange(6)):
        span.attributes.add(key="x." + text(rng)).value.CopyFrom(value(rng))
    for _ in range(rng.randrange(3)):
        event = span.events.add(time_unix_nano=rng.randrange(2**63), name="x." + text(rng))
        event.attributes.add(key="x." + text(rng)).value.CopyFrom(value(rng))
    if rng.random() < 0.2:
        span.links.add(trace_id=rng.randbytes(16), span_id=rng.randbytes(8), flags=rng.randrange(2**32))


def make_request(rng, expected):
    request = ExportTraceServiceRequest()
    for _ in range(rng.randrange(1, 3)):
        resource_spans = request.resource_spans.add(schema_url=rng.choice(["", "https://example.org/1.2.3"]))
        service = text(rng) if rng.random() < 0.8 else None
        if service:
            resource_spans.resource.attributes.add(key="service.name").value.string_value = service
        for _ in range(rng.randrange(3)):
            scope_spans = resource_spans.scope_spans.add()
            scope = "x." + text(rng) if rng.random() < 0.8 else None
            if scope:
                scope_spans.scope.name = scope
                scope_spans.scope.attributes.add(key=text(rng)).value.CopyFrom(value(rng))
            for _ in range(rng.randrange(4)):
                one = {"service": service, "scope": scope}
                fill_span(rng, scope_spans.spans.add(), one)
                expected.append(one)
    return request


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

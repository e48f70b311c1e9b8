#!/usr/bin/env python3
"""official_damage_test.py READER - requests of traces and logs that were damaged, through our reader and
through the official classes: both read the same spans, or both refuse. 10,000 records, with ASSAY_FULL=1
1,000,000.

The official parser takes a message whole or not at all; we refuse the smallest part that is damaged. So its
definitions are used level by level: every message that we look into is a message, what we hop over is bytes.
Each container that parses is then compared exactly: which spans are good, which are bad, and what they say.
Where a container is itself broken, its spans must come from before the damage, and damage be reported.

Narrow exceptions, each on purpose: texts are not checked for UTF-8 (official: refused); values of attributes that
no column reads need not be looked into (official: refused), so a span with such damage may be either; a record that holds no container at all is refused
(official: unknown fields); a log record whose body is malformed is refused, though logs nobody reads are not.
"""
import collections
import os
import random
import struct
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from official_requests import make_logs, make_request

BATCH = 5000       # records per run of the reader
FROM_ONE = 25      # damaged records made of one request
KINDS = range(6)   # of SpanKind
EVENTS = {b"gen_ai.system.message", b"gen_ai.user.message", b"gen_ai.assistant.message", b"gen_ai.tool.message",
          b"gen_ai.choice", b"gen_ai.client.inference.operation.details", b"gen_ai.evaluation.result"}

Type = descriptor_pb2.FieldDescriptorProto

# What we do not look into at this level is bytes.
HOPPED = {"ExportTraceServiceRequest.resource_spans", "ExportLogsServiceRequest.resource_logs",
          "ResourceSpans.scope_spans", "ResourceSpans.resource", "ResourceLogs.scope_logs", "ResourceLogs.resource",
          "ScopeSpans.spans", "ScopeSpans.scope", "ScopeLogs.log_records", "ScopeLogs.scope",
          "Resource.attributes", "Resource.entity_refs", "InstrumentationScope.attributes", "KeyValue.value", "AnyValue.array_value",
          "AnyValue.kvlist_value", "Span.links", "Event.attributes", "LogRecord.body",
          "ExportTraceServiceResponse.partial_success", "ExportLogsServiceResponse.partial_success"}


def levels():
    """The official messages, each field of HOPPED and every text as bytes, which is the same on the wire."""
    pool = descriptor_pool.DescriptorPool()

    def change(message):
        for field in message.field:
            if field.type == Type.TYPE_STRING:
                field.type = Type.TYPE_BYTES
            elif field.type == Type.TYPE_MESSAGE and f"{message.name}.{field.name}" in HOPPED:
                field.type = Type.TYPE_BYTES
                field.ClearField("type_name")
                if field.name in ("resource", "scope"):  # all of them count, merged
                    field.label = Type.LABEL_REPEATED
        for nested in message.nested_type:
            change(nested)

    names = {}
    for module in (common_pb2, resource_pb2, trace_pb2, logs_pb2, trace_service_pb2, logs_service_pb2):
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            change(message)
            names[message.name] = f"{file.package}.{message.name}"
        pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(full)) for name, full in names.items()}


LEVELS = levels()


def parse(name, body):
    """The message, or None: it is damaged at this level."""
    out = LEVELS[name]()
    try:
        out.ParseFromString(body)
    except DecodeError:
        return None
    return out


# ---- what must come out ---------------------------------------------------------------------------------------

class Expected:
    def __init__(self):
        self.rows = []      # tuples, in order
        self.either = set() # numbers of those that may be refused as well
        self.bad = 0        # spans that must be refused
        self.broken = False # a container is damaged: what lies behind it is not known
        self.unsure = 0     # log records of events: skipped or rows, by what their bodies say


def merged(name, bodies):
    """Messages of one singular field, merged; None: one is damaged."""
    return None if any(parse(name, body) is None for body in bodies) else parse(name, b"".join(bodies))


def text_of(value):
    """The text of an AnyValue that holds a plain one; None: it is something else, or absent."""
    any_value = parse("AnyValue", value)
    if any_value is None:
        return None
    return any_value.string_value if any_value.WhichOneof("value") == "string_value" else None


def pairs_of(bodies):
    """Keys and values of KeyValue messages; None: one is damaged."""
    pairs = []
    for body in bodies:
        pair = parse("KeyValue", body)
        if pair is None:
            return None
        pairs.append((pair.key, pair.value))
    return pairs


def read_resource(bodies, expected):
    resource = merged("Resource", bodies)
    pairs = pairs_of(resource.attributes) if resource is not None else None
    if pairs is None or any(key == b"service.name" and parse("AnyValue", value) is None for key, value in pairs):
        expected.broken = True
        return None
    texts = [text_of(value) for key, value in pairs if key == b"service.name"]
    texts = [text for text in texts if text]
    return texts[-1] if texts else b""


def read_span(body, service, scope, expected):
    span = parse("Span", body)
    if span is None:
        expected.bad += 1
        return
    wanted = {}
    for pair in span.attributes:
        wanted[pair.key] = wanted.get(pair.key, []) + [pair.value]
    columns = []
    for key in (b"gen_ai.response.id", b"gen_ai.conversation.id", b"gen_ai.usage.output_tokens", b"gen_ai.request.model"):
        values = wanted.get(key, [])
        if any(parse("AnyValue", value) is None for value in values):
            expected.bad += 1
            return
        columns.append(values)
    if (len(span.trace_id) != 16 or not any(span.trace_id) or len(span.span_id) != 8 or not any(span.span_id)
            or len(span.parent_span_id) not in (0, 8)):
        expected.bad += 1
        return

    def column(values, number):
        if not values:
            return b"" if not number else None
        value = parse("AnyValue", values[0])
        kind = value.WhichOneof("value")
        if len(values) > 1 or kind != ("int_value" if number else "string_value"):
            return ...  # whatever our transforms make of it
        return value.int_value if number else value.string_value

    tokens = column(columns[2], True)
    if isinstance(tokens, int) and not 0 <= tokens < 2**61:
        tokens = ...
    parent = span.parent_span_id if any(span.parent_span_id) else b""
    time = lambda ns: ns if 0 < ns < 2**63 else None
    if any(parse("AnyValue", pair.value) is None for pair in span.attributes):
        expected.either.add(len(expected.rows))
    expected.rows.append((span.trace_id, span.span_id, parent, span.name, span.kind if span.kind in KINDS else 0,
                          time(span.start_time_unix_nano), time(span.end_time_unix_nano),
                          span.status.code if span.status.code in (0, 1, 2) else 0, span.status.message,
                          column(columns[0], False), column(columns[1], False), tokens, service, scope))


def read_log(body, service, scope, expected):
    log = parse("LogRecord", body)
    if log is None or any(parse("AnyValue", pair.value) is None for pair in log.attributes):
        expected.bad += 1
        return
    name = log.event_name
    for pair in log.attributes:
        if not name and pair.key == b"event.name":
            name = text_of(pair.value) or b""
    if name not in EVENTS:
        return
    if len(log.trace_id) not in (0, 16) or len(log.span_id) not in (0, 8):
        expected.bad += 1
        return
    expected.unsure += 1
    ns = log.time_unix_nano or log.observed_time_unix_nano
    expected.rows.append((log.trace_id if any(log.trace_id) else b"", log.span_id if any(log.span_id) else b"",
                          ns if 0 < ns < 2**63 else None, service, scope))


def expect(kind, record):
    expected = Expected()
    logs = kind == "l"
    request = parse("ExportLogsServiceRequest" if logs else "ExportTraceServiceRequest", record)
    if request is None:
        expected.broken = True
        return expected
    bodies = request.resource_logs if logs else request.resource_spans
    if not bodies and record:
        expected.bad = 1
    for body in bodies:
        resource_spans = parse("ResourceLogs" if logs else "ResourceSpans", body)
        if resource_spans is None:
            expected.broken = True
            continue
        service = read_resource(resource_spans.resource, expected)
        for inner in resource_spans.scope_logs if logs else resource_spans.scope_spans:
            scope_spans = parse("ScopeLogs" if logs else "ScopeSpans", inner)
            if scope_spans is None:
                expected.broken = True
                continue
            scope = merged("InstrumentationScope", scope_spans.scope)
            if scope is None:
                expected.broken = True
            for leaf in scope_spans.log_records if logs else scope_spans.spans:
                (read_log if logs else read_span)(leaf, service, scope.name if scope is not None else None, expected)
    return expected


# ---- comparing -------------------------------------------------------------------------------------------------

def same(ours, theirs):
    return all(b is ... or b is None and a == b"" or a == b for a, b in zip(ours, theirs))


def unhex(word):
    return b"" if word == b"-" else bytes.fromhex(word.decode())


def number(word):
    return None if word == b"-" else int(word)


def our_row(kind, line):
    w = line.split()
    if kind == "l":
        return (unhex(w[2]), unhex(w[3]), number(w[8]), unhex(w[14]), unhex(w[15]))
    return (unhex(w[2]), unhex(w[3]), unhex(w[4]), unhex(w[5]), number(w[6]), number(w[7]), number(w[8]), number(w[9]),
            unhex(w[10]), unhex(w[11]), unhex(w[12]), number(w[13]), unhex(w[14]), unhex(w[15]))


def differs(kind, record, rows, bad):
    """Why they differ, or None. rows and bad: what the reader says."""
    expected = expect(kind, record)
    if expected.broken:
        return None if bad > 0 else "a container is damaged, and we say nothing"
    if kind == "l" and expected.unsure:
        # bodies decide: rows are some of the expected ones, in their order
        rest = iter(expected.rows)
        if not all(any(same(row, other) for other in rest) for row in rows):
            return "rows that no log record has"
        return None if expected.bad <= bad <= expected.bad + expected.unsure else f"{bad} are bad, not {expected.bad}"
    refused, at = 0, 0
    for index, other in enumerate(expected.rows):
        if at < len(rows) and same(rows[at], other):
            at += 1
        elif index in expected.either:
            refused += 1
        else:
            return f"ours {rows[at] if at < len(rows) else 'ended'}\ntheirs {other}"
    if at != len(rows) or bad != expected.bad + refused:
        return f"{len(rows)} rows and {bad} bad, not {at} and {expected.bad + refused}"
    return None


# ---- damage -----------------------------------------------------------------------------------------------------

def spoil_ids(rng, request):
    """Ids of other sizes, or zero, in one of the leaves."""
    leaves = [leaf for outer in (request.resource_spans if hasattr(request, "resource_spans") else request.resource_logs)
              for inner in (outer.scope_spans if hasattr(outer, "scope_spans") else outer.scope_logs)
              for leaf in (inner.spans if hasattr(inner, "spans") else inner.log_records)]
    if leaves:
        leaf = rng.choice(leaves)
        name = rng.choice([field for field in ("trace_id", "span_id", "parent_span_id") if hasattr(leaf, field)])
        setattr(leaf, name, rng.choice((b"", bytes(8), bytes(16), rng.randbytes(7), rng.randbytes(17))))


def damage(rng, record):
    out = bytearray(record)
    sizes_change = rng.random() < 0.5
    for _ in range(rng.choice((0, 1, 1, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(out) + 1)
        which = rng.randrange(7) if sizes_change else 6
        if which == 0:
            del out[at:]
        elif which == 1:
            del out[at:at + rng.randrange(1, 9)]
        elif which == 2:
            out[at:at] = rng.randbytes(rng.randrange(1, 9))
        elif which == 3:
            start = rng.randrange(len(out) + 1)
            out[at:at] = out[start:start + rng.randrange(1, 40)]
        elif which == 4 and out:
            out[at % len(out)] = rng.choice((0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x12, 0x1a, 0x4a, 0x0b, 0x0c))
        elif out:
            out[at % len(out)] ^= 1 << rng.randrange(8)
        if not out:
            break
    return bytes(out)


def looks_framed(record):
    """Schema ids before the value are no matter of protobuf; compressed values neither."""
    return record[:1] in (b"\0", b"\1", b"\3") or record[:2] in (b"\xc3\1", b"\x1f\x8b")


def run_batch(reader, path, records, tally):
    with open(path, "wb") as file:
        for kind, record in records:
            file.write(kind.encode() + struct.pack("<I", len(record)) + record)
    lines = subprocess.run([reader, path], capture_output=True, check=True).stdout.splitlines()
    at = 0
    for kind, record in records:
        rows = []
        while lines[at][:1] == b"R":
            rows.append(our_row(kind, lines[at]))
            at += 1
        _, bad, code, _ = lines[at].split()
        at += 1
        tally[f"{kind} {code.decode()}"] += 1
        why = differs(kind, record, rows, int(bad))
        if why:
            sys.exit(f"{kind} {record.hex()}\n{lines[at - 1].decode()}\n{why}")
    if at != len(lines):
        sys.exit("more came out than went in")


def main():
    reader = sys.argv[1]
    wanted = 1000000 if os.environ.get("ASSAY_FULL") == "1" else 10000
    seed = int(os.environ.get("ASSAY_SEED", "20261121"))
    print(f"seed {seed} (repeat with ASSAY_SEED)", flush=True)
    rng = random.Random(seed)
    tally = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        for start in range(0, wanted, BATCH):
            records = []
            while len(records) < BATCH:
                kind = rng.choice("ttl")
                request = make_request(rng, []) if kind == "t" else make_logs(rng)
                if rng.random() < 0.3:
                    spoil_ids(rng, request)
                whole = request.SerializeToString()
                damaged = (damage(rng, whole) for _ in range(FROM_ONE))
                records += [(kind, record) for record in damaged if not looks_framed(record)]
            run_batch(reader, os.path.join(folder, "records"), records, tally)
    print(f"{wanted} damaged records: " + ", ".join(f"{name} {count}" for name, count in sorted(tally.items())))
    for name in ("t -", "t malformed", "t bad_id", "l -", "l malformed", "l bad_id"):
        if tally[name] < wanted // 500:
            sys.exit(f"too few of {name!r} to say anything")


main()

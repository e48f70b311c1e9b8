"""official_requests.py - random requests made with the official OTLP classes: for official_test.py and
official_damage_test.py."""
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

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


EVENTS = ["gen_ai.user.message", "gen_ai.choice", "gen_ai.client.inference.operation.details", "some.other.event", ""]


def fill_log(rng, log):
    log.time_unix_nano = rng.choice([0, 1700000000000000000 + rng.randrange(10**12)])
    log.observed_time_unix_nano = 1700000000000000000 + rng.randrange(10**12)
    log.severity_number = rng.randrange(25)
    if rng.random() < 0.8:
        log.trace_id = bytes([1]) + rng.randbytes(15)
        log.span_id = bytes([1]) + rng.randbytes(7)
    if rng.random() < 0.5:
        log.event_name = rng.choice(EVENTS)
    else:
        log.attributes.add(key="event.name").value.string_value = rng.choice(EVENTS)
    if rng.random() < 0.7:
        log.body.CopyFrom(value(rng))
    for _ in range(rng.randrange(4)):
        log.attributes.add(key="x." + text(rng)).value.CopyFrom(value(rng))


def make_logs(rng):
    request = ExportLogsServiceRequest()
    for _ in range(rng.randrange(1, 3)):
        resource_logs = request.resource_logs.add(schema_url=rng.choice(["", "https://example.org/1.2.3"]))
        if rng.random() < 0.8:
            resource_logs.resource.attributes.add(key="service.name").value.string_value = text(rng)
        for _ in range(rng.randrange(3)):
            scope_logs = resource_logs.scope_logs.add()
            if rng.random() < 0.8:
                scope_logs.scope.name = "x." + text(rng)
            for _ in range(rng.randrange(4)):
                fill_log(rng, scope_logs.log_records.add())
    return request

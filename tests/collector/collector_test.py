#!/usr/bin/env python3
"""collector_test.py ASSAY - a real OpenTelemetry Collector between senders that count and a real broker.

1. It writes protobuf to one topic and JSON to another, with each of Kafka's compressions in turn. What went in is
   what comes out of both: spans decoded + spans in the DLQ, exactly.
2. It is killed (-9) and started again while senders repeat what was not answered. Spans that were written twice are
   recognised, so that what is measured is what was sent.

Skipped (exit 77, with the word) where the Collector cannot be built or the broker's jars cannot be had.
ASSAY_SEED repeats a run; ASSAY_COLLECTOR_TRACES sets how much is sent.
"""
import json
import os
import pathlib
import queue
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
BROKER = HERE.parent / "kafka" / "broker"
PARTITIONS = 4
COMPRESSIONS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}  # with the bits of a batch that say so
TRACES = int(os.environ.get("ASSAY_COLLECTOR_TRACES", "400"))  # per compression
SENDERS = 8
KILLS_MIN, KILLS_MAX = 5, 60
PATIENCE_S = 120
children = []  # ended with us, however that comes
RULES = """rules:
  - id: R094
    title: format failures
    metric: format
    watch: [{app: "*", env: "*"}]
    effect: {ratio: 2, window: 1h, min_count: 20}
    baseline: {kind: trailing, window: 2h, min_count: 100}
    budget: 1 per 30d
    severity: page
    class: format
    first_action: look
    owner: team
"""


def check(good, what):
    if not good:
        sys.exit(f"failed: {what}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(function, what):
    end = time.monotonic() + PATIENCE_S
    while not function():
        check(time.monotonic() < end, f"{what} within {PATIENCE_S} s")
        time.sleep(0.05)


# ---- what is sent -------------------------------------------------------------------------------------------------

def attribute(key, value):
    return {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}


def make_trace(rng, bad_share):
    """One request as OTLP JSON with one trace, and how many of its spans are good and bad: a Collector passes on
    spans without a trace id, we refuse them."""
    trace_id, good, bad, spans = rng.randbytes(16).hex(), 0, 0, []
    now = time.time_ns()
    for number in range(rng.randrange(1, 6)):
        is_bad = rng.random() < bad_share
        good, bad = good + (not is_bad), bad + is_bad
        spans.append({
            "traceId": "" if is_bad else trace_id, "spanId": rng.randbytes(8).hex(), "name": "chat model", "kind": 3,
            "startTimeUnixNano": str(now - 10**9), "endTimeUnixNano": str(now + number),
            "attributes": [attribute("gen_ai.operation.name", "chat"), attribute("gen_ai.request.model", "model-a"),
                           attribute("gen_ai.usage.input_tokens", rng.randrange(10**6)),
                           attribute("gen_ai.output.messages", json.dumps([{"role": "assistant", "parts": [
                               {"type": "text", "content": "räksmörgås " * rng.randrange(1, 60)}]}]))],
            "status": {"code": rng.randrange(3)}})
    request = {"resourceSpans": [{"resource": {"attributes": [attribute("service.name", "shop")]},
                                  "scopeSpans": [{"scope": {"name": "test"}, "spans": spans}]}]}
    return json.dumps(request).encode(), good, bad


def post(port, body, timeout):
    """True when the Collector says that it has it."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/traces", data=body,
                                     headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status == 200 and b"rejectedSpans" not in answer.read()
    except (OSError, urllib.error.URLError):
        return False


# ---- the Collector ------------------------------------------------------------------------------------------------

class Collector:
    """synchronous: a request is answered when Kafka has it, and a trace is one record, keyed by its id."""

    def __init__(self, program, folder, broker, topics, compression, synchronous):
        self.program, self.folder, self.port = program, folder, free_port()
        exporters = {f"kafka/{encoding}": {
            "brokers": [broker], "protocol_version": "2.1.0", "partition_traces_by_id": synchronous,
            "producer": {"compression": compression, "max_message_bytes": 900000, "required_acks": -1},
            "traces": {"topic": topic, "encoding": encoding}} for encoding, topic in topics.items()}
        for exporter in exporters.values() if synchronous else ():
            exporter["sending_queue"] = {"enabled": False}
        config = {
            "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{self.port}"}}}},
            # Batches of more than Kafka takes are dropped whole, with a line in the log.
            "processors": {"batch": {"timeout": "200ms", "send_batch_size": 200, "send_batch_max_size": 200}},
            "exporters": exporters,
            "service": {"telemetry": {"logs": {"level": "warn"}, "metrics": {"level": "none"}},
                        "pipelines": {"traces": {"receivers": ["otlp"], "processors": [] if synchronous else ["batch"],
                                                 "exporters": list(exporters)}}}}
        self.config = folder / "collector.yaml"
        self.config.write_text(json.dumps(config))  # JSON is YAML
        self.start()

    def start(self):
        self.log = open(self.folder / "collector.log", "ab")
        self.process = subprocess.Popen([self.program, f"--config={self.config}"], stdout=self.log, stderr=self.log,
                                        stdin=subprocess.DEVNULL)
        children.append(self.process)

        def accepts():
            check(self.process.poll() is None, f"the Collector ended: {self.tail()}")
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0
        wait_until(accepts, "the Collector accepts")

    def tail(self):
        return (self.folder / "collector.log").read_text(errors="replace")[-2000:]

    def end(self, how):
        self.process.send_signal(how)
        self.process.wait()
        self.log.close()


# ---- the engine ---------------------------------------------------------------------------------------------------

class Engine:
    def __init__(self, assay, folder, broker, app, topic):
        self.assay, self.app, self.topic, self.port = assay, app, topic, free_port()
        self.folder = folder / app
        self.folder.mkdir()
        (self.folder / "rules.yaml").write_text(RULES)
        self.config = self.folder / "assay.yaml"
        self.config.write_text(f"app: {app}\nshards: 2\ncommit.interval: 100ms\nhttp.listen: 127.0.0.1:{self.port}\n"
                               f"topics.spans: {topic}\nexchange.partitions: 2\n"
                               f"kafka: {{bootstrap.servers: \"{broker}\"}}\n")
        self.process = None
        subprocess.run([assay, "topics", "-c", self.config, "--create", "--input-partitions", str(PARTITIONS)], check=True,
                       stdout=subprocess.DEVNULL)

    def start(self):
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen([self.assay, "run", "-c", self.config], stdout=self.log, stderr=self.log)
        children.append(self.process)

    def metrics(self):
        check(self.process.poll() is None, f"the engine ended: {(self.folder / 'log').read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except OSError:
            return {}
        return {name: float(value) for name, value in re.findall(r"^([a-z_]+(?:\{[^}]*\})?) ([0-9.e+-]+)$", text, re.M)}

    def read_all(self, records):
        """Counters once so many input records were committed."""
        seen = {}

        def done():
            seen.clear()
            seen.update(self.metrics())
            return seen.get("assay_records_total", 0) >= records
        wait_until(done, f"{self.app} reads {records} records")
        self.process.send_signal(signal.SIGTERM)
        check(self.process.wait() == 0, f"{self.app} ends well: {(self.folder / 'log').read_text()[-2000:]}")
        self.log.close()
        total = lambda family: int(sum(value for name, value in seen.items() if name.split("{")[0] == family + "_total"))
        return {"records": total("assay_records"), "spans": int(seen['assay_rows_total{kind="span"}']),
                "bad": total("assay_bad_spans"), "duplicates": total("assay_duplicates"),
                "measured": total("assay_rows_measured"), "letters": total("assay_dead_letters")}


# ---- Kafka ----------------------------------------------------------------------------------------------------------

def kcat(broker, *arguments):
    return subprocess.run(["kcat", "-b", broker, *arguments], capture_output=True, check=True, timeout=60).stdout.decode()


def records_of(broker, topic):
    """End offsets, summed: nothing is transactional or deleted there."""
    asks = [word for partition in range(PARTITIONS) for word in ("-t", f"{topic}:{partition}:-1")]
    return sum(int(number) for number in re.findall(r"offset (\d+)", kcat(broker, "-Q", *asks)))


def compressions_of(folder, topic):
    """What the batches in the broker's files say."""
    found = set()
    for path in folder.glob(f"data/{topic}-*/*.log"):
        data, at = path.read_bytes(), 0
        while at + 61 <= len(data):
            _, size, _, magic, _, bits = struct.unpack_from(">qiibIh", data, at)
            if magic != 2:
                break
            found.add(bits & 7)
            at += 12 + size
    return found


def buried_spans(broker, app):
    headers = kcat(broker, "-C", "-t", f"{app}.dlq", "-o", "beginning", "-e", "-q", "-X", "isolation.level=read_committed",
                   "-f", "%h\n")
    codes = set(re.findall(r"errors\.code=([a-z_]+)", headers))
    return sum(int(number) for number in re.findall(r"errors\.bad_spans=(\d+)", headers)), codes


# ---- the two parts -------------------------------------------------------------------------------------------------

def every_compression(world, rng):
    assay, program, folder, broker = world
    topics = {"otlp_proto": "spans_proto", "otlp_json": "spans_json"}
    engines = {encoding: Engine(assay, folder, broker, f"c-{encoding.replace('_', '-')}", topic)
               for encoding, topic in topics.items()}
    good = bad = 0
    for compression in COMPRESSIONS:
        collector = Collector(program, folder, broker, topics, compression, False)
        for _ in range(TRACES):
            body, more_good, more_bad = make_trace(rng, 0.03)
            check(post(collector.port, body, 30), f"the Collector takes a request: {collector.tail()}")
            good, bad = good + more_good, bad + more_bad
        collector.end(signal.SIGTERM)  # flushes
    for encoding, engine in engines.items():
        engine.start()
        counts = engine.read_all(records_of(broker, topics[encoding]))
        buried, codes = buried_spans(broker, engine.app)
        print(f"{encoding}: {good + bad} spans sent in {counts['records']} records; {counts['spans']} decoded, "
              f"{counts['bad']} refused in {counts['letters']} dead letters", flush=True)
        check(counts["spans"] == good and counts["bad"] == bad, f"{good} good and {bad} bad spans went in")
        check(counts["measured"] == good and counts["duplicates"] == 0, "each is measured once")
        check(buried == bad and codes == {"bad_id"}, f"{buried} spans are in the DLQ as {codes}")
        found = compressions_of(folder, topics[encoding])
        check(found == set(COMPRESSIONS.values()), f"batches are compressed as {found}")
    check(bad > 0, "some spans were bad")


class Senders:
    """Each takes the next trace, and sends it until it is answered."""

    def __init__(self, port, seed):
        self.port, self.work, self.sent, self.good = port, queue.Queue(maxsize=SENDERS), 0, 0
        self.lock, self.stopping, self.rng = threading.Lock(), threading.Event(), random.Random(seed)
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(SENDERS)]
        for thread in self.threads:
            thread.start()

    def run(self):
        while not self.stopping.is_set():
            with self.lock:
                body, good, _ = make_trace(self.rng, 0)
            while not post(self.port, body, 5):
                time.sleep(0.01)
            with self.lock:
                self.sent, self.good = self.sent + 1, self.good + good

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


def killed(world, seed):
    assay, program, folder, broker = world
    topic, rng = "spans_killed", random.Random(seed)
    engine = Engine(assay, folder, broker, "c-killed", topic)
    collector = Collector(program, folder, broker, {"otlp_proto": topic}, "lz4", True)
    kills = sent = good = 0
    # One trace is one record: more records than traces are repeats. Kills go on until there are some.
    while kills < KILLS_MIN or (records_of(broker, topic) == sent and kills < KILLS_MAX):
        senders = Senders(collector.port, rng.random())
        for _ in range(KILLS_MIN):
            time.sleep(rng.uniform(0.1, 0.5))
            collector.end(signal.SIGKILL)
            kills += 1
            collector.start()
        senders.stop()
        sent, good = sent + senders.sent, good + senders.good
    collector.end(signal.SIGTERM)
    records = records_of(broker, topic)
    engine.start()
    counts = engine.read_all(records)
    print(f"killed {kills} times: {sent} traces with {good} spans sent until answered, {records} records written, "
          f"{counts['duplicates']} duplicate spans caught", flush=True)
    check(counts["bad"] == 0, "nothing is refused")
    check(counts["measured"] == good, f"{counts['measured']} spans are measured, {good} were sent")
    check(counts["duplicates"] == counts["spans"] - good, "the rest are duplicates")
    check(records > sent and counts["duplicates"] > 0, f"no kill in {kills} made a repeat")


def main():
    assay = pathlib.Path(sys.argv[1]).resolve()
    built = subprocess.run([HERE / "build"], capture_output=True, check=False)
    sys.stderr.write(built.stderr.decode())
    if built.returncode == 77:
        print("skipped: the Collector cannot be built here")
        sys.exit(77)
    check(built.returncode == 0, "the Collector is built")
    seed = int(os.environ.get("ASSAY_SEED", "20261121"))
    print(f"seed {seed} (repeat with ASSAY_SEED)", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        port = subprocess.run([BROKER, "port"], capture_output=True, check=True).stdout.decode().strip()
        environment = dict(os.environ, ASSAY_KAFKA_OWNER=str(os.getpid()))
        version = os.environ.get("ASSAY_KAFKA_VERSION", "4.4.0")
        started = subprocess.run([BROKER, "start", version, folder, port], env=environment, check=False).returncode
        if started == 77:
            print("skipped: the broker cannot be had here")
            sys.exit(77)
        check(started == 0, "the broker starts")
        world = (assay, built.stdout.decode().strip(), folder, f"127.0.0.1:{port}")
        try:
            every_compression(world, random.Random(seed))
            killed(world, seed + 1)
        finally:
            for child in children:
                child.kill()
            subprocess.run([BROKER, "stop", folder], check=False)


main()

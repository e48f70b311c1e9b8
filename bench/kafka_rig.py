"""kafka_rig - a broker of its own, the engine and the load generator, for benches that need all three.

Only loopback; everything it started ends with close().
"""
import json, os, shutil, signal, subprocess, tempfile, time, urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TICKS = os.sysconf("SC_CLK_TCK")


def sh(*args, **kw):
    return subprocess.run(args, check=True, text=True, capture_output=True, **kw).stdout


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def report(result, line, as_json):
    print(json.dumps(result) if as_json else line, flush=True)


class CpuShare:
    """A control group (version 1 or 2) that lets a process use a share of one core; 0: as it is."""
    PERIOD_US = 10000

    def __init__(self, pid, cores):
        self.pid, self.cores = pid, cores
        first = os.path.isdir("/sys/fs/cgroup/cpu")
        self.root = "/sys/fs/cgroup/cpu" if first else "/sys/fs/cgroup"
        self.folder = f"{self.root}/assay-bench-{pid}"
        quota = int(cores * self.PERIOD_US)
        self.files = ({"cpu.cfs_period_us": self.PERIOD_US, "cpu.cfs_quota_us": quota} if first
                      else {"cpu.max": f"{quota} {self.PERIOD_US}"})

    def __enter__(self):
        if not self.cores:
            return
        try:
            os.mkdir(self.folder)
            for name, value in {**self.files, "cgroup.procs": self.pid}.items():
                with open(f"{self.folder}/{name}", "w") as f:
                    f.write(str(value))
        except OSError as error:
            raise SystemExit(f"--cores needs root and a writable control group of cpu: {error}")

    def __exit__(self, *_):
        if self.cores:
            with open(f"{self.root}/cgroup.procs", "w") as f:
                f.write(str(self.pid))
            os.rmdir(self.folder)


class Rig:
    def __init__(self, broker, build):
        self.build = build
        self.dir = tempfile.mkdtemp(prefix="assay-bench-")
        self.broker = os.path.join(ROOT, "tests/kafka/broker")
        self.port = sh(self.broker, "port").strip()
        self.http = int(sh(self.broker, "port").strip()) + 3
        self.servers = f"127.0.0.1:{self.port}"
        self.runs = 0
        os.environ.setdefault("ASSAY_KAFKA_SECONDS", "3000")
        sh(self.broker, "start", broker, os.path.join(self.dir, "broker"), self.port)

    def close(self):
        subprocess.run([self.broker, "stop", os.path.join(self.dir, "broker")], capture_output=True)
        shutil.rmtree(self.dir, ignore_errors=True)

    def binary(self, name):
        return os.path.join(ROOT, self.build, name)

    def config(self, app, topic):
        path = os.path.join(self.dir, app + ".yaml")
        with open(path, "w") as f:
            f.write(f"app: {app}\nshards: 1\nkafka:\n  bootstrap.servers: {self.servers}\n"
                    f"topics:\n  spans: {topic}\nrules:\n  file: {ROOT}/config/rules.yaml\n"
                    f"http:\n  listen: 127.0.0.1:{self.http}\n")
        return path

    def fill(self, topic, records, spans):
        # an application of its own only to have the input topic made
        sh(self.binary("assay"), "topics", "-c", self.config("fill-" + topic, topic), "--create", "--input-partitions", "4")
        sh(self.binary("bench/bench_loadgen"), "--servers", self.servers, "--topic", topic, "--records", str(records),
           "--spans", str(spans))

    def rows(self):
        try:
            text = urllib.request.urlopen(f"http://127.0.0.1:{self.http}/metrics", timeout=2).read().decode()
        except OSError:
            return 0
        for line in text.splitlines():
            if line.startswith('assay_rows_total{kind="span"}'):
                return int(float(line.split()[-1]))
        return 0

    def start_engine(self, path):
        sh(self.binary("assay"), "topics", "-c", path, "--create")
        return subprocess.Popen([self.binary("assay"), "run", "-c", path], stderr=subprocess.DEVNULL)

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        process.wait(60)

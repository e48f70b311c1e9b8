#!/usr/bin/env python3
"""lint.py - what can be said about docker-compose.yml and the Dockerfile without Docker.

Every YAML file of config/ and the compose file parse without duplicate keys; every file they name is
in the tree; services depend on services that exist; the ports the Collector and Assay listen on, the
addresses of the broker and the environment they need agree with each other; the Dockerfile copies
what the build needs and nothing that is not there. Exit 0: clean. 1: prints what is wrong.
"""
import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
problems = []


def problem(where, what):
    problems.append(f"{where}: {what}")


class Strict(yaml.SafeLoader):
    pass


def mapping_without_repeats(loader, node):
    seen = set()
    for key, _ in node.value:
        if key.value in seen:
            problem(loader.name, f"line {key.start_mark.line + 1}: '{key.value}' is there twice")
        seen.add(key.value)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping_without_repeats)


def load(path):
    try:
        with open(ROOT / path, encoding="utf-8") as file:
            return yaml.load(file, Strict)
    except (OSError, yaml.YAMLError) as error:
        problem(path, str(error).replace("\n", " "))
        return {}


def check_collector(collector, broker):
    parts = {kind: set(collector.get(kind, {})) for kind in ("receivers", "processors", "exporters")}
    for name, pipeline in collector["service"]["pipelines"].items():
        for kind, members in pipeline.items():
            for member in members:
                if member not in parts[kind]:
                    problem("collector.yaml", f"pipeline {name} names {member}, which is not among the {kind}")
    kafka = collector["exporters"]["kafka"]
    if kafka["brokers"] != [broker]:
        problem("collector.yaml", f"writes to {kafka['brokers']}, the broker is {broker}")
    if kafka["traces"] != {"topic": "otlp_spans", "encoding": "otlp_proto"}:
        problem("collector.yaml", "traces must go to otlp_spans as otlp_proto")
    return {int(protocol["endpoint"].rsplit(":", 1)[1]) for protocol in
            collector["receivers"]["otlp"]["protocols"].values()}, kafka["producer"]["max_message_bytes"]


def check_service(name, service, services):
    for other, condition in service.get("depends_on", {}).items():
        if other not in services:
            problem("docker-compose.yml", f"{name} depends on {other}, which is no service")
        elif condition["condition"] == "service_healthy" and "healthcheck" not in services[other]:
            problem("docker-compose.yml", f"{name} waits for {other} to be healthy, which has no health check")
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("./") and not (ROOT / source).is_file():
            problem("docker-compose.yml", f"{name} mounts {source}, which is not there")
    for port in service.get("ports", []):
        if not port.startswith("127.0.0.1:"):
            problem("docker-compose.yml", f"{name} publishes {port} beyond loopback")
    image = service.get("image", "")
    if "build" not in service and image != "assay" and not re.search(r":[0-9][0-9.]*$", image):
        problem("docker-compose.yml", f"{name}: image {image} has no version")


def published(service):
    return {int(port.rsplit(":", 1)[1]) for port in service.get("ports", [])}


def check_assay(service, broker, name):
    command = service["command"]
    path = command[command.index("-c") + 1]
    if not path.startswith("/etc/assay/"):
        problem("docker-compose.yml", f"{name} reads {path}, which is not in the image")
        return
    relative = "config/" + path[len("/etc/assay/"):]
    options = load(relative)
    if options.get("kafka.bootstrap.servers") != broker:
        problem(relative, f"kafka.bootstrap.servers is not {broker}")
    rules = (ROOT / relative).parent / options.get("rules.file", "rules.yaml")
    if not rules.is_file():
        problem(relative, f"rules.file {rules} is not there")
    for value in options.values():
        for variable in re.findall(r"\$\{(\w+)\}", str(value)):
            if variable not in service.get("environment", {}):
                problem("docker-compose.yml", f"{name} does not set {variable}, which {relative} needs")
    port = int(str(options["http.listen"]).rsplit(":", 1)[1])
    if "ports" in service and port not in published(service):
        problem("docker-compose.yml", f"{name} does not publish {port}, where it listens")


def check_compose():
    compose = load("docker-compose.yml")
    services = compose.get("services", {})
    for name in ("kafka", "collector", "topics", "assay"):
        if name not in services:
            problem("docker-compose.yml", f"no service {name}")
            return
    for name, service in services.items():
        check_service(name, service, services)
    environment = services["kafka"]["environment"]
    listeners = dict(entry.split("://") for entry in environment["KAFKA_ADVERTISED_LISTENERS"].split(","))
    names = {entry.split("://")[0] for entry in environment["KAFKA_LISTENERS"].split(",")}
    protocols = {entry.split(":")[0] for entry in environment["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")}
    if names != protocols or not set(listeners) < names:
        problem("docker-compose.yml", "kafka: listeners, advertised listeners and protocol map disagree")
    broker = listeners[environment["KAFKA_INTER_BROKER_LISTENER_NAME"]]
    if broker.split(":")[0] != services["kafka"]["hostname"]:
        problem("docker-compose.yml", f"kafka advertises {broker}, its host name is another")
    ports, bytes_max = check_collector(load("config/deploy/collector.yaml"), broker)
    if not ports <= published(services["collector"]):
        problem("docker-compose.yml", f"collector does not publish all of {sorted(ports)}")
    if bytes_max > environment["KAFKA_MESSAGE_MAX_BYTES"]:
        problem("collector.yaml", "max_message_bytes is larger than the broker allows")
    for name in ("topics", "assay"):
        check_assay(services[name], broker, name)


def check_dockerfile():
    stages = set()
    copied = set()
    ignored = {line.strip() for line in (ROOT / ".dockerignore").read_text().splitlines()}
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] not in ("FROM", "WORKDIR", "COPY", "RUN", "USER", "ENTRYPOINT", "CMD", "ENV", "EXPOSE"):
            problem("Dockerfile", f"unknown instruction {words[0]}")
        if words[0] == "FROM":
            if ":" not in words[1]:
                problem("Dockerfile", f"{words[1]} has no version")
            if "AS" in words:
                stages.add(words[words.index("AS") + 1])
        if words[0] == "COPY" and words[1].startswith("--from="):
            if words[1].split("=")[1] not in stages:
                problem("Dockerfile", f"{line}: no such stage")
        elif words[0] == "COPY":
            for source in words[1:-1]:
                copied.add(source)
                if not (ROOT / source).exists() or source in ignored:
                    problem("Dockerfile", f"copies {source}, which is not there or ignored")
    for needed in ("run", "CMakeLists.txt", "CMakePresets.json", "engine", "operators", "schemas", "config"):
        if needed not in copied:
            problem("Dockerfile", f"does not copy {needed}")


for path in sorted((ROOT / "config").rglob("*.y*ml")):
    load(path.relative_to(ROOT).as_posix())
check_compose()
check_dockerfile()
for line in problems:
    print(line)
sys.exit(1 if problems else 0)

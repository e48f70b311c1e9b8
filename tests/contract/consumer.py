#!/usr/bin/env python3
"""consumer.py - judge requests, scores and alerts as a Python team reads them: confluent-kafka and fastavro.

    consumer.py SERVERS REGISTRY|- SCHEMAS REQUESTS SCORES ALERTS

Every record is read by its writer's schema into today's schemas/*.avsc, or, where there is no registry, as JSON with
the same fields. Prints "requests N scores N alerts N"; anything that does not fit ends it with a message.
"""
import io
import json
import pathlib
import struct
import sys
import time
import urllib.request

import confluent_kafka
import fastavro
import fastavro.schema
import fastavro.validation

written = {}


def writer(registry, number):
    if number not in written:
        with urllib.request.urlopen(f"{registry}/schemas/ids/{number}", timeout=20) as answer:
            written[number] = fastavro.schema.parse_schema(json.loads(json.load(answer)["schema"]))
    return written[number]


def read_avro(value, schema, registry):
    magic, number = struct.unpack(">bI", value[:5])
    if magic != 0:
        raise ValueError("no Confluent frame")
    body = io.BytesIO(value[5:])
    record = fastavro.schemaless_reader(body, writer(registry, number), schema)
    if body.read(1):
        raise ValueError("bytes are left behind a record")
    return record


def read_json(value, schema):
    record = json.loads(value)
    unknown = set(record) - {field["name"] for field in schema["fields"]}
    if unknown:
        raise ValueError(f"{unknown} is not in the schema")
    return record


def read_topic(consumer, topic, path, registry):
    schema = fastavro.schema.load_schema(str(path))
    partitions = consumer.list_topics(topic, timeout=20).topics[topic].partitions
    count = 0
    for partition in partitions:
        here = confluent_kafka.TopicPartition(topic, partition, confluent_kafka.OFFSET_BEGINNING)
        consumer.assign([here])
        until = time.monotonic() + 60
        while time.monotonic() < until:
            message = consumer.poll(1)
            if message is None:
                continue
            if message.error():
                if message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                    break
                raise RuntimeError(message.error())
            value = message.value()
            record = read_avro(value, schema, registry) if registry else read_json(value, schema)
            fastavro.validation.validate(record, schema, raise_errors=True)
            if not record[schema["fields"][0]["name"]]:
                raise ValueError(f"{topic}: the first field is empty")
            count += 1
        else:
            raise RuntimeError(f"{topic}: not read to its end within a minute")
    return count


def main():
    servers, registry, folder, requests, scores, alerts = sys.argv[1:]
    registry = None if registry == "-" else registry
    folder = pathlib.Path(folder)
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": servers, "group.id": "contract-python", "enable.auto.commit": False,
        "isolation.level": "read_committed", "enable.partition.eof": True})
    counts = [read_topic(consumer, topic, folder / name, registry)
              for topic, name in ((requests, "judge_request.avsc"), (scores, "score.avsc"), (alerts, "alert.avsc"))]
    consumer.close()
    print("requests {} scores {} alerts {}".format(*counts))


main()

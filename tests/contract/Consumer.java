// Consumer.java - judge requests, scores and alerts as a Java team reads them: the broker's own client library and
// Apache Avro. Every record is read by its writer's schema into today's schemas/*.avsc, or, where there is no
// registry, as JSON with the same fields. Also holds released schemas against today's with Avro's own checker.
//
//   java -cp JARS Consumer.java SERVERS REGISTRY|- SCHEMAS REQUESTS SCORES ALERTS
//
// Prints "requests N scores N alerts N"; anything that does not fit ends it with a message.
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

public class Consumer {
    static final ObjectMapper mapper = new ObjectMapper();
    static final HttpClient http = HttpClient.newHttpClient();
    static final Map<Integer, Schema> written = new HashMap<>();
    static String registry;

    static Schema parse(File file) throws IOException {
        return new Schema.Parser().parse(file);
    }

    static Schema writer(int id) throws Exception {
        if (!written.containsKey(id)) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(registry + "/schemas/ids/" + id)).build();
            HttpResponse<String> response = http.send(request, HttpResponse.BodyHandlers.ofString());
            check(response.statusCode() == 200, "schema " + id + ": " + response.body());
            written.put(id, new Schema.Parser().parse(mapper.readTree(response.body()).get("schema").asText()));
        }
        return written.get(id);
    }

    static void check(boolean good, String message) {
        if (!good) {
            System.err.println(message);
            System.exit(1);
        }
    }

    static void readAvro(byte[] value, Schema reader, String topic) throws Exception {
        check(value.length > 5 && value[0] == 0, topic + ": no Confluent frame");
        Schema writer = writer(ByteBuffer.wrap(value, 1, 4).getInt());
        BinaryDecoder decoder = DecoderFactory.get().binaryDecoder(value, 5, value.length - 5, null);
        GenericRecord record = new GenericDatumReader<GenericRecord>(writer, reader).read(null, decoder);
        check(decoder.isEnd(), topic + ": bytes are left behind a record");
        check(GenericData.get().validate(reader, record), topic + ": " + record);
        sense(record.get(0).toString(), topic);
    }

    /** Something a reader would look at first. */
    static void sense(String first, String topic) {
        check(!first.isEmpty(), topic + ": the first field is empty");
    }

    static boolean fits(JsonNode value, Schema schema) {
        switch (schema.getType()) {
            case UNION:
                return schema.getTypes().stream().anyMatch(branch -> fits(value, branch));
            case RECORD:
                int found = 0;
                for (Schema.Field field : schema.getFields()) {
                    JsonNode member = value.get(field.name());
                    if (member == null && !field.hasDefaultValue()) return false;
                    if (member != null && !fits(member, field.schema())) return false;
                    found += member != null ? 1 : 0;
                }
                return value.isObject() && found == value.size();
            case ARRAY:
                for (JsonNode item : value) if (!fits(item, schema.getElementType())) return false;
                return value.isArray();
            case MAP:
                for (Iterator<JsonNode> i = value.elements(); i.hasNext();) if (!fits(i.next(), schema.getValueType())) return false;
                return value.isObject();
            case STRING: return value.isTextual();
            case BOOLEAN: return value.isBoolean();
            case INT: return value.isInt();
            case LONG: return value.isInt() || value.isLong();
            case DOUBLE: return value.isNumber();
            case NULL: return value.isNull();
            default: return false;
        }
    }

    static void readJson(byte[] value, Schema schema, String topic) throws Exception {
        JsonNode record = mapper.readTree(value);
        check(fits(record, schema), topic + " does not fit its schema: " + record);
        sense(record.get(schema.getFields().get(0).name()).asText(), topic);
    }

    static long readTopic(KafkaConsumer<byte[], byte[]> consumer, String topic, Schema schema) throws Exception {
        List<TopicPartition> partitions = new ArrayList<>();
        for (PartitionInfo info : consumer.partitionsFor(topic)) partitions.add(new TopicPartition(topic, info.partition()));
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
        Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
        long count = 0, until = System.nanoTime() + 60_000_000_000L;
        while (partitions.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
            check(System.nanoTime() < until, topic + ": not read to its end within a minute");
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                if (registry != null) readAvro(record.value(), schema, topic);
                else readJson(record.value(), schema, topic);
                count++;
            }
        }
        return count;
    }

    static void checkReleases(File folder) throws IOException {
        File[] releases = new File(folder, "released").listFiles(File::isDirectory);
        check(releases != null && releases.length > 0, "no released schemas");
        for (File release : releases)
            for (File file : release.listFiles((f, name) -> name.endsWith(".avsc"))) {
                Schema old = parse(file), today = parse(new File(folder, file.getName()));
                for (Schema[] pair : new Schema[][] {{today, old}, {old, today}}) {
                    SchemaCompatibility.SchemaPairCompatibility found =
                        SchemaCompatibility.checkReaderWriterCompatibility(pair[0], pair[1]);
                    check(found.getType() == SchemaCompatibility.SchemaCompatibilityType.COMPATIBLE, file + ": " + found.getDescription());
                }
            }
    }

    public static void main(String[] arguments) throws Exception {
        registry = arguments[1].equals("-") ? null : arguments[1];
        File folder = new File(arguments[2]);
        checkReleases(folder);
        Properties properties = new Properties();
        properties.put("bootstrap.servers", arguments[0]);
        properties.put("isolation.level", "read_committed");
        properties.put("enable.auto.commit", "false");
        properties.put("key.deserializer", ByteArrayDeserializer.class);
        properties.put("value.deserializer", ByteArrayDeserializer.class);
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(properties)) {
            long requests = readTopic(consumer, arguments[3], parse(new File(folder, "judge_request.avsc")));
            long scores = readTopic(consumer, arguments[4], parse(new File(folder, "score.avsc")));
            long alerts = readTopic(consumer, arguments[5], parse(new File(folder, "alert.avsc")));
            System.out.println("requests " + requests + " scores " + scores + " alerts " + alerts);
        }
    }
}

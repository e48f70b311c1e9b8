/* avro_oracle.c - see avro_oracle.h. */
#include "tests/span/avro_oracle.h"

#include "engine/base/memory.h"

#include <avro.h>
#include <math.h>

/* Avro C 1.11.1 loses what it has allocated for a text or fixed that is cut off (AVRO-4246): no leaks of ours. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:libavro.so\n"; }

struct oracle {
    avro_schema_t writer, reader;
    avro_value_iface_t *class, *resolver;
    avro_value_t value, resolved;
    avro_reader_t source;
    bool plain; /* the same schema twice: nothing to resolve */
};

struct oracle *oracle_create(struct bytes writer, struct bytes reader)
{
    struct oracle *oracle = memory_allocate(sizeof *oracle);
    oracle->source = avro_reader_memory("", 0);
    if (avro_schema_from_json_length((const char *)writer.data, writer.size, &oracle->writer) !=
            0 ||
        avro_schema_from_json_length((const char *)reader.data, reader.size, &oracle->reader) !=
            0) {
        oracle_destroy(oracle);
        return NULL;
    }
    oracle->class = avro_generic_class_from_schema(oracle->reader);
    oracle->plain = bytes_equal(writer, reader);
    if (!oracle->plain)
        oracle->resolver = avro_resolved_writer_new(oracle->writer, oracle->reader);
    if (oracle->class == NULL || (!oracle->plain && oracle->resolver == NULL) ||
        avro_generic_value_new(oracle->class, &oracle->value) != 0 ||
        (!oracle->plain &&
         avro_resolved_writer_new_value(oracle->resolver, &oracle->resolved) != 0)) {
        oracle_destroy(oracle);
        return NULL;
    }
    if (!oracle->plain)
        avro_resolved_writer_set_dest(&oracle->resolved, &oracle->value);
    return oracle;
}

void oracle_destroy(struct oracle *oracle)
{
    if (oracle->resolved.self != NULL)
        avro_value_decref(&oracle->resolved);
    if (oracle->value.self != NULL)
        avro_value_decref(&oracle->value);
    if (oracle->resolver != NULL)
        avro_value_iface_decref(oracle->resolver);
    if (oracle->class != NULL)
        avro_value_iface_decref(oracle->class);
    if (oracle->writer != NULL)
        avro_schema_decref(oracle->writer);
    if (oracle->reader != NULL)
        avro_schema_decref(oracle->reader);
    avro_reader_free(oracle->source);
    memory_free(oracle);
}

static void put_hex(struct buffer *out, char kind, const void *data, size_t size)
{
    buffer_printf(out, "%c", kind);
    for (size_t i = 0; i < size; i++)
        buffer_printf(out, "%02x", ((const uint8_t *)data)[i]);
}

static void put_real(struct buffer *out, char kind, double value)
{
    if (isnan(value))
        buffer_printf(out, "%cnan", kind);
    else
        buffer_printf(out, "%c%a", kind, value);
}

static void print(avro_value_t *value, struct buffer *out);

static void print_many(avro_value_t *value, struct buffer *out, const char *brackets, bool keys)
{
    size_t count = 0;
    avro_value_get_size(value, &count);
    buffer_printf(out, "%c", brackets[0]);
    for (size_t i = 0; i < count; i++) {
        avro_value_t item;
        const char *name = NULL;
        avro_value_get_by_index(value, i, &item, &name);
        if (keys)
            put_hex(out, 'k', name, strlen(name));
        print(&item, out);
        buffer_append_text(out, ",");
    }
    buffer_printf(out, "%c", brackets[1]);
}

static void print_leaf(avro_value_t *value, struct buffer *out)
{
    const void *data = "";
    const char *text = "";
    size_t size = 1;
    int32_t i32 = 0;
    int64_t i64 = 0;
    float single = 0;
    double real = 0;
    int flag = 0;
    switch (avro_value_get_type(value)) {
    case AVRO_BOOLEAN:
        avro_value_get_boolean(value, &flag);
        buffer_printf(out, "t%d", flag);
        break;
    case AVRO_INT32:
        avro_value_get_int(value, &i32);
        buffer_printf(out, "i%d", (int)i32);
        break;
    case AVRO_INT64:
        avro_value_get_long(value, &i64);
        buffer_printf(out, "l%lld", (long long)i64);
        break;
    case AVRO_FLOAT:
        avro_value_get_float(value, &single);
        put_real(out, 'f', (double)single);
        break;
    case AVRO_DOUBLE:
        avro_value_get_double(value, &real);
        put_real(out, 'd', real);
        break;
    case AVRO_BYTES:
        avro_value_get_bytes(value, &data, &size);
        put_hex(out, 'b', data, size);
        break;
    case AVRO_STRING:
        avro_value_get_string(value, &text, &size);
        put_hex(out, 's', text, size - 1);
        break;
    case AVRO_FIXED:
        avro_value_get_fixed(value, &data, &size);
        put_hex(out, 'x', data, size);
        break;
    case AVRO_ENUM:
        avro_value_get_enum(value, &flag);
        buffer_printf(out, "e%d", flag);
        break;
    default:
        buffer_append_text(out, "n");
        break;
    }
}

static void print(avro_value_t *value, struct buffer *out)
{
    avro_value_t branch;
    int number = 0;
    switch (avro_value_get_type(value)) {
    case AVRO_RECORD:
        print_many(value, out, "{}", false);
        break;
    case AVRO_ARRAY:
        print_many(value, out, "[]", false);
        break;
    case AVRO_MAP:
        print_many(value, out, "()", true);
        break;
    case AVRO_UNION:
        avro_value_get_discriminant(value, &number);
        buffer_printf(out, "u%d:", number);
        if (avro_value_get_current_branch(value, &branch) == 0)
            print(&branch, out);
        else
            buffer_append_text(out, "?");
        break;
    default:
        print_leaf(value, out);
        break;
    }
}

bool oracle_read(struct oracle *oracle, struct bytes record)
{
    avro_reader_memory_set_source(oracle->source, (const char *)record.data, (int64_t)record.size);
    avro_value_reset(&oracle->value);
    return avro_value_read(oracle->source, oracle->plain ? &oracle->value : &oracle->resolved) == 0;
}

bool oracle_decode(struct oracle *oracle, struct bytes record, struct buffer *out, size_t *left)
{
    char byte;
    if (!oracle_read(oracle, record))
        return false;
    for (*left = 0; avro_read(oracle->source, &byte, 1) == 0; ++*left)
        continue;
    print(&oracle->value, out);
    return true;
}

/*
 * avro_span.c - the interpreter with the columns of one row as its target.
 *
 * Fields of the record are worth more than attributes that mean the same, and those more than the
 * resource's; so the order in which a writer has its fields does not matter.
 */
#include "engine/span/avro_run.h"
#include "engine/span/avro_span_internal.h"
#include "engine/span/row_evaluation.h"

#define TRACE_ID_BYTES 16
#define SPAN_ID_BYTES  8

/* Of the resource, until it is known that the span itself says nothing. */
struct inherited {
    struct bytes text;
    uint8_t column, rank;
};

struct filler {
    struct row_sink sink;
    const struct avro_span_reader *reader;
    const struct dialect_alias *alias; /* of the attribute that is being read; NULL: not wanted */
    struct bytes flat;   /* its name, when it is none of the table and may be flat; or absent */
    uint32_t items;      /* so far of the array that is being read */
    uint16_t items_slot; /* whose array that is */
    uint32_t keys;
    struct bytes ids[SPAN_COLUMN_parent_span_id + 1];
    struct bytes scope;
    struct inherited inherited[4]; /* service, environment, app, feature */
};

/* ---- values --------------------------------------------------------------------------------------------- */

AVRO_INLINE struct any_value any_of(const struct avro_op *op, const struct avro_constant *value)
{
    switch ((enum avro_type)op->type) {
    case AVRO_BOOLEAN:
        return (struct any_value){.kind = ANY_BOOLEAN, .integer = value->integer};
    case AVRO_INT:
    case AVRO_LONG:
        return (struct any_value){.kind = ANY_INTEGER, .integer = value->integer};
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
        return (struct any_value){.kind = ANY_REAL, .real = value->real};
    case AVRO_STRING:
        return (struct any_value){.kind = ANY_TEXT, .bytes = value->bytes};
    case AVRO_BYTES:
        return (struct any_value){.kind = ANY_BYTES, .bytes = value->bytes};
    default:
        return (struct any_value){.kind = ANY_EMPTY};
    }
}

static void store_any(struct filler *filler, const struct dialect_alias *alias,
                      const struct avro_op *op, const struct avro_constant *value)
{
    struct any_value any = any_of(op, value);
    row_sink_store(&filler->sink, alias, &any);
}

static void store_flat(struct filler *filler, const struct avro_op *op,
                       const struct avro_constant *value)
{
    struct any_value any = any_of(op, value);
    row_sink_flat(&filler->sink, filler->flat, &any);
}

/* OK, STATUS_CODE_OK, Ok; SPAN_KIND_CLIENT, client: what stands behind the last _ decides. */
static int64_t code_of(unsigned column, struct bytes text)
{
    static const char *const statuses[] = {"unset", "ok", "error", NULL};
    static const char *const kinds[] = {"unspecified", "internal", "server", "client",
                                        "producer",    "consumer", NULL};
    const char *const *names = column == SPAN_COLUMN_status ? statuses : kinds;
    size_t start = text.size;
    while (start > 0 && text.data[start - 1] != '_')
        start--;
    for (int64_t code = 0; names[code] != NULL; code++) {
        size_t size = strlen(names[code]), same = 0;
        while (size == text.size - start && same < size &&
               (text.data[start + same] | 0x20) == names[code][same])
            same++;
        if (same == size)
            return code;
    }
    return 0;
}

static void store_code(struct filler *filler, unsigned column, const struct avro_op *op,
                       const struct avro_constant *value)
{
    int64_t *codes = row_sink_column(&filler->sink, column);
    int64_t most = column == SPAN_COLUMN_status ? 2 : 5;
    if (!span_columns_have(&filler->sink.wanted, column))
        return;
    int64_t code = op->type == AVRO_STRING ? code_of(column, value->bytes) : value->integer;
    codes[filler->sink.row] = code >= 0 && code <= most ? code : 0;
}

/* A column number beyond the columns: the unit must be stated. */
static void store_time(struct filler *filler, unsigned column, const struct avro_op *op,
                       const struct avro_constant *value)
{
    static const int64_t units[] = {1, 1000000, 1000, 1};
    bool stated = column >= SPAN_COLUMN_COUNT;
    column -= stated ? SPAN_COLUMN_COUNT : 0;
    int64_t unit = units[op->b < 4 ? op->b : 0];
    if ((stated && op->b == AVRO_LOGICAL_NONE) || value->integer <= 0 ||
        value->integer > INT64_MAX / unit || !span_columns_have(&filler->sink.wanted, column))
        return;
    int64_t *times = row_sink_column(&filler->sink, column);
    times[filler->sink.row] = value->integer * unit;
}

static void store_inherited(struct filler *filler, const struct avro_constant *value)
{
    const struct dialect_alias *alias = filler->alias;
    static const uint8_t columns[] = {SPAN_COLUMN_service, SPAN_COLUMN_environment,
                                      SPAN_COLUMN_app_given, SPAN_COLUMN_feature};
    for (unsigned i = 0; i < sizeof columns; i++) {
        struct inherited *inherited = &filler->inherited[i];
        if (columns[i] != alias->column || alias->rank < inherited->rank ||
            value->bytes.size == 0 || value->bytes.size > filler->sink.string_bytes_max)
            continue;
        *inherited = (struct inherited){value->bytes, alias->column, alias->rank};
    }
}

/* Of several values only the first is taken. */
AVRO_INLINE bool is_later_item(const struct filler *filler, const struct avro_op *op)
{
    return filler->items > 1 && filler->items_slot == op->slot;
}

AVRO_INLINE void take_leaf(void *into, const struct avro_op *op, const struct avro_constant *value)
{
    struct filler *filler = into;
    unsigned column = op->slot & 0xff;
    const struct dialect_alias *alias;
    switch ((enum avro_span_action)(op->slot >> 8)) {
    case ACTION_TEXT:
        if (column == SPAN_COLUMN_scope)
            filler->scope = value->bytes;
        alias = &filler->reader->fields[column];
        if (row_sink_wants(&filler->sink, alias) && value->bytes.size > 0)
            row_sink_store_text(&filler->sink, alias, value->bytes);
        break;
    case ACTION_VALUE:
        alias = &filler->reader->fields[column];
        if (!is_later_item(filler, op) && row_sink_wants(&filler->sink, alias))
            store_any(filler, alias, op, value);
        break;
    case ACTION_ID:
        filler->ids[column] = value->bytes;
        break;
    case ACTION_TIME:
        store_time(filler, column, op, value);
        break;
    case ACTION_CODE:
        store_code(filler, column, op, value);
        break;
    case ACTION_ATTRIBUTE:
        alias = filler->alias;
        if (is_later_item(filler, op))
            break;
        if (alias == NULL) {
            if (bytes_present(filler->flat))
                store_flat(filler, op, value);
            break;
        }
        if (alias->transform == TRANSFORM_TEXT && op->type == AVRO_STRING)
            row_sink_store_text(&filler->sink, alias, value->bytes);
        else
            store_any(filler, alias, op, value);
        break;
    case ACTION_RESOURCE:
        if (filler->alias != NULL && op->type == AVRO_STRING)
            store_inherited(filler, value);
        break;
    default:
        break;
    }
}

AVRO_INLINE void take_key(void *into, const struct avro_op *op, struct bytes key)
{
    struct filler *filler = into;
    filler->alias = dialect_find(key.data, key.size);
    filler->items = 0;
    filler->keys++;
    filler->flat = BYTES_NONE;
    bool attribute = op->slot >> 8 == ACTION_ATTRIBUTE;
    if (filler->alias == NULL) {
        if (attribute && row_sink_may_be_flat(&filler->sink, key.data, key.size))
            filler->flat = key;
        return;
    }
    bool wanted =
        attribute ? row_sink_wants(&filler->sink, filler->alias) : filler->alias->rank > 0;
    if (!wanted)
        filler->alias = NULL;
}

AVRO_INLINE void take_item(void *into, const struct avro_op *op)
{
    struct filler *filler = into;
    if (filler->items_slot != op->slot)
        filler->items = 0;
    filler->items_slot = op->slot;
    filler->items++;
}

AVRO_INLINE void take_mark(void *into, const struct avro_op *op)
{
    (void)into;
    (void)op;
}

/* ---- the row ---------------------------------------------------------------------------------------------- */

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

/* Hex digits of `text`, dashes skipped, as bytes in the batch's arena; absent when they are not that many. */
static struct bytes id_of_text(struct filler *filler, struct bytes text, size_t size)
{
    uint8_t id[TRACE_ID_BYTES] = {0};
    size_t digits = 0;
    for (size_t i = 0; i < text.size; i++) {
        int digit = hex_digit(text.data[i]);
        if (text.data[i] == '-')
            continue;
        if (digit < 0 || digits == 2 * size)
            return BYTES_NONE;
        id[digits / 2] = (uint8_t)(id[digits / 2] << 4 | digit);
        digits++;
    }
    return digits == 2 * size ? arena_copy(filler->sink.batch->arena, bytes_of(id, size))
                              : BYTES_NONE;
}

static bool take_id(struct filler *filler, enum span_column column, size_t size)
{
    struct bytes *id = &filler->ids[column];
    if (id->size != size)
        *id = id_of_text(filler, *id, size);
    if (id->size != size || (bytes_load64(id->data) | bytes_load64(id->data + size - 8)) == 0)
        return false;
    if (span_columns_have(&filler->sink.wanted, column))
        ((struct bytes *)row_sink_column(&filler->sink, column))[filler->sink.row] = *id;
    return true;
}

static const char *take_ids(struct filler *filler, struct bytes *at)
{
    *at = filler->ids[SPAN_COLUMN_trace_id];
    if (!take_id(filler, SPAN_COLUMN_trace_id, TRACE_ID_BYTES))
        return "trace_id is neither 16 bytes nor 32 hex digits that are not all zero";
    *at = filler->ids[SPAN_COLUMN_span_id];
    if (!take_id(filler, SPAN_COLUMN_span_id, SPAN_ID_BYTES))
        return "span_id is neither 8 bytes nor 16 hex digits that are not all zero";
    *at = filler->ids[SPAN_COLUMN_parent_span_id];
    bool taken = at->size == 0 || take_id(filler, SPAN_COLUMN_parent_span_id, SPAN_ID_BYTES);
    if (!taken && filler->ids[SPAN_COLUMN_parent_span_id].size != SPAN_ID_BYTES)
        return "parent_span_id is neither 8 bytes, 16 hex digits nor empty";
    return NULL;
}

_Static_assert(AVRO_SPAN_ROWS_MAX == 1 + ROW_EVALUATIONS_MAX, "a span and what is said of it");

/* Those that the batch has no room for are lost: the caller leaves room (avro_span.h). */
static void write_evaluations(struct row_sink *sink)
{
    struct evaluated_span span = row_evaluated_span(sink->batch, sink->row);
    uint32_t written = 0;
    sink->cut_strings += !row_evaluations_write(sink, &span, &written);
}

static void finish(struct filler *filler)
{
    struct row_sink *sink = &filler->sink;
    for (unsigned i = 0; i < sizeof filler->inherited / sizeof *filler->inherited; i++) {
        const struct inherited *inherited = &filler->inherited[i];
        if (inherited->rank > 0 && sink->rank[inherited->column] == RANK_NONE)
            ((struct bytes *)row_sink_column(sink, inherited->column))[sink->row] = inherited->text;
    }
    row_sink_finish(sink, row_sink_scope(sink, filler->scope));
    if (sink->flats > 0)
        write_evaluations(sink);
}

bool avro_span_decode(const struct avro_span_reader *reader, struct bytes record,
                      struct row_origin origin, const struct avro_limits *limits,
                      struct span_batch *batch, uint32_t *cut_strings, struct avro_fault *fault)
{
    static const struct avro_target target = {take_leaf, take_key, take_mark, take_item};
    struct filler filler;
    struct bytes at;
    row_sink_open(&filler.sink, batch, limits->string_bytes_max, limits->depth_max);
    filler.reader = reader;
    filler.alias = NULL;
    filler.flat = BYTES_NONE;
    filler.items = filler.keys = 0;
    filler.items_slot = 0;
    memset(filler.ids, 0, sizeof filler.ids);
    memset(filler.inherited, 0, sizeof filler.inherited);
    filler.scope = BYTES_NONE;
    row_sink_start(&filler.sink, span_batch_add(batch, ROW_SPAN, origin));
    if (span_columns_have(&filler.sink.wanted, SPAN_COLUMN_status))
        batch->status[filler.sink.row] = 0;
    bool good = avro_run_record(reader->program, record, limits, &target, &filler, fault);
    if (good && filler.keys > limits->attributes_per_span_max) {
        *fault = (struct avro_fault){0, "more attributes than attributes_per_span_max",
                                     REFUSAL_TOO_MANY_ATTRIBUTES};
        good = false;
    }
    const char *reason = good ? take_ids(&filler, &at) : NULL;
    if (reason != NULL) {
        *fault = (struct avro_fault){at.size > 0 ? (size_t)(at.data - record.data) : 0, reason,
                                     REFUSAL_BAD_ID};
        good = false;
    }
    if (good)
        finish(&filler);
    else
        span_batch_drop_last(batch);
    *cut_strings += filler.sink.cut_strings;
    return good;
}

/*
 * digests.c - rows into digests, digests into blocks. Until a block is written, a digest's label set is the
 * number of a leaf; in the block it is the place in the block's own dictionary.
 */
#include "engine/flow/digests.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/flow/exchange.h"
#include "engine/flow/exchange_digests.h"
#include "engine/span/dialect.h"

#define PARTITION_BYTES_MAX ((size_t)1 << 30)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "digests are written as they lie in memory");

struct digests {
    const struct measure *measure;
    struct content_metric metrics[CONTENT_METRICS_MAX];
    struct {
        enum span_column bin, sum; /* sum: SPAN_COLUMN_COUNT for none */
    } columns[DIGEST_RESULTS];
    uint32_t metrics_count;
    struct buffer *partitions;
    uint32_t partitions_count;
    size_t bytes;
    /* while a block is written */
    uint32_t *places;  /* per leaf: place in the dictionary + 1 */
    uint32_t places_capacity;
    uint32_t *sets;    /* the dictionary: leaves in the order of their first digest */
    uint32_t sets_count, sets_capacity;
};

struct digests *digests_create(const struct measure *measure, uint32_t partitions, struct error *error)
{
    struct digests *d = memory_allocate(sizeof *d);
    d->measure = measure;
    d->metrics_count = measure_content_metrics(measure, d->metrics);
    d->partitions_count = partitions;
    d->partitions = memory_allocate_array(partitions, sizeof *d->partitions);
    for (uint32_t i = 0; i < partitions; i++)
        d->partitions[i] = BUFFER_WITH_LIMIT(PARTITION_BYTES_MAX);
    uint32_t summed = 0;
    for (uint32_t i = 0; i < d->metrics_count; i++)
        summed += d->metrics[i].spec->sum_column != SPAN_COLUMN_COUNT;
    for (uint32_t i = 0; i < d->metrics_count && i < DIGEST_RESULTS; i++) {
        d->columns[i].bin = d->metrics[i].spec->bin_column;
        d->columns[i].sum = d->metrics[i].spec->sum_column;
    }
    if (d->metrics_count <= DIGEST_RESULTS && summed <= DIGEST_AMOUNTS)
        return d;
    (void)error_set(error, ERROR_LIMIT, "annotators measure %u things of content, %u of them with a sum; a digest holds %d and %d",
                    d->metrics_count, summed, DIGEST_RESULTS, DIGEST_AMOUNTS);
    digests_destroy(d);
    return NULL;
}

void digests_destroy(struct digests *d)
{
    if (d == NULL)
        return;
    for (uint32_t i = 0; i < d->partitions_count; i++)
        buffer_free(&d->partitions[i]);
    memory_free(d->partitions);
    memory_free(d->places);
    memory_free(d->sets);
    memory_free(d);
}

size_t digests_bytes(const struct digests *d) { return d->bytes; }

void digests_clear(struct digests *d)
{
    for (uint32_t i = 0; i < d->partitions_count; i++)
        buffer_clear(&d->partitions[i]);
    d->bytes = 0;
}

/* ---- rows into digests ------------------------------------------------------------------------------------- */

static uint64_t id_number(struct bytes id) { return id.size == 8 ? bytes_load64(id.data) : 0; }

/* Of its text only sizes: nothing that could confirm a guess leaves the front. */
static uint64_t content_identity(const struct span_batch *batch, uint32_t row)
{
    uint64_t sizes = hash_combine(batch->input_messages[row].size, batch->output_messages[row].size);
    return hash_combine(hash_combine((uint64_t)batch->end_ns[row], sizes), batch->system_instructions[row].size);
}

static uint64_t evaluation_identity(const struct span_batch *batch, uint32_t row)
{
    uint64_t names = hash_combine(hash_bytes(batch->evaluator[row], 0), hash_bytes(batch->dimension[row], 1));
    uint64_t score = 0;
    memcpy(&score, &batch->score[row], sizeof score);
    return hash_combine(hash_combine(names, score), (uint64_t)batch->end_ns[row]);
}

static uint32_t amount_of(int64_t amount)
{
    return amount <= 0 ? 0 : amount > UINT32_MAX ? UINT32_MAX : (uint32_t)amount;
}

/* A message that asks decides nothing: only answers have results. */
static bool says_something(const struct digests *d, const struct span_batch *batch, uint32_t row)
{
    bool any = false;
    for (uint32_t i = 0; !any && i < d->metrics_count; i++)
        any = ((const uint16_t *)span_batch_column(batch, d->columns[i].bin))[row] != SPAN_BIN_ABSENT;
    return any;
}

static void put_results(const struct digests *d, const struct span_batch *batch, uint32_t row, struct digest *out)
{
    uint32_t amounts = 0;
    for (uint32_t i = 0; i < d->metrics_count; i++) {
        out->results[i] = ((const uint16_t *)span_batch_column(batch, d->columns[i].bin))[row];
        if (d->columns[i].sum != SPAN_COLUMN_COUNT)
            out->amounts[amounts++] = amount_of(((const int64_t *)span_batch_column(batch, d->columns[i].sum))[row]);
    }
}

static uint8_t flags_of(const struct span_batch *batch, uint32_t row)
{
    uint8_t generations = batch->generations[row];
    return (uint8_t)((generations & GENERATION_TOKENS ? DIGEST_TOKENS : 0) | (generations & GENERATION_CLIENT ? DIGEST_CLIENT : 0) |
                     (batch->leaf[row] == 1 ? DIGEST_LEAF : 0));
}

/* What differs is at the end of such ids; 0 stands for none. */
static uint64_t response_number(struct bytes id)
{
    if (id.size < 16)
        return bytes_present(id) ? hash_bytes(id, 0) : 0;
    const uint8_t *end = id.data + id.size;
    return hash_combine(bytes_load64(end - 16), bytes_load64(end - 8));
}

/* Room for one more, written in place: on the path of every span. */
static struct digest *new_digest(struct digests *d, struct bytes trace_id)
{
    struct buffer *buffer = &d->partitions[trace_partition(trace_id, d->partitions_count)];
    if (buffer->capacity - buffer->size < DIGEST_BYTES)
        CHECK(buffer_reserve(buffer, DIGEST_BYTES) != NULL); /* a transaction is ended long before the limit */
    struct digest *out = (struct digest *)(void *)(buffer->data + buffer->size);
    buffer->size += DIGEST_BYTES;
    d->bytes += DIGEST_BYTES;
    memset(out->results, 0xff, sizeof out->results);
    memset(out->amounts, 0, sizeof out->amounts);
    out->unused = 0;
    out->unused_too = 0;
    return out;
}

void digests_add(struct digests *d, const struct span_batch *batch, uint32_t row, uint32_t set, int64_t log_ms)
{
    struct bytes trace_id = batch->trace_id[row];
    uint8_t kind = batch->kind[row];
    if (kind == ROW_CONTENT && !says_something(d, batch, row))
        return;
    struct digest *out = new_digest(d, trace_id);
    memcpy(out->trace_id, trace_id.data, sizeof out->trace_id);
    out->span_id = id_number(batch->span_id[row]);
    out->response = response_number(batch->response_id[row]);
    out->event_ms = batch->end_ns[row] / 1000000;
    out->log_ms = log_ms;
    out->labels = set;
    out->role = 0;
    out->flags = 0;
    if (kind == ROW_SPAN) {
        out->kind = DIGEST_SPAN;
        out->role = (uint8_t)batch->role[row];
        out->flags = flags_of(batch, row);
        out->link = id_number(batch->parent_span_id[row]);
        put_results(d, batch, row, out);
    } else if (kind == ROW_CONTENT) {
        out->kind = DIGEST_CONTENT;
        out->link = content_identity(batch, row);
        put_results(d, batch, row, out);
    } else {
        out->kind = DIGEST_EVALUATION;
        out->link = evaluation_identity(batch, row);
        out->results[0] = batch->score_bin[row];
    }
}

/* ---- digests into blocks ------------------------------------------------------------------------------------ */

static uint32_t place_of_set(struct digests *d, uint32_t leaf)
{
    if (leaf >= d->places_capacity) {
        uint32_t capacity = d->places_capacity ? d->places_capacity : 256;
        while (capacity <= leaf)
            capacity *= 2;
        d->places = memory_resize(d->places, capacity * sizeof *d->places);
        memset(d->places + d->places_capacity, 0, (capacity - d->places_capacity) * sizeof *d->places);
        d->places_capacity = capacity;
    }
    if (d->places[leaf] == 0) {
        if (d->sets_count == d->sets_capacity) {
            d->sets_capacity = d->sets_capacity ? d->sets_capacity * 2 : 64;
            d->sets = memory_resize(d->sets, d->sets_capacity * sizeof *d->sets);
        }
        d->sets[d->sets_count++] = leaf;
        d->places[leaf] = d->sets_count;
    }
    return d->places[leaf] - 1;
}

/* Numbers of leaves become places in the block's dictionary. */
static void renumber(struct digests *d, uint8_t *rows, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *at = rows + (size_t)i * DIGEST_BYTES + offsetof(struct digest, labels);
        uint32_t place = place_of_set(d, bytes_load32(at));
        memcpy(at, &place, sizeof place);
    }
}

static void write_sets(struct digests *d, struct metric_table *metrics, struct buffer *out)
{
    for (uint32_t i = 0; i < d->sets_count; i++) {
        struct digest_set set = {.metric = METRIC_NONE};
        set.score = measure_set(d->measure, d->sets[i], set.labels, &set.metric);
        exchange_write_digest_set(metrics, &set, out);
        d->places[d->sets[i]] = 0;
    }
    d->sets_count = 0;
}

bool digests_write(struct digests *d, struct metric_table *metrics, uint32_t partition, uint32_t *at, size_t limit_bytes,
                   struct buffer *out)
{
    const struct buffer *rows = &d->partitions[partition];
    uint32_t left = (uint32_t)(rows->size / DIGEST_BYTES) - *at;
    if (left == 0)
        return false;
    size_t most = limit_bytes / DIGEST_BYTES > 0 ? limit_bytes / DIGEST_BYTES : 1;
    uint32_t count = left < most ? left : (uint32_t)most;
    uint8_t *first = rows->data + (size_t)*at * DIGEST_BYTES;
    struct digest_metric list[DIGEST_RESULTS];
    for (uint32_t i = 0; i < d->metrics_count; i++)
        list[i] = (struct digest_metric){d->metrics[i].metric, d->metrics[i].spec->sum_column != SPAN_COLUMN_COUNT};
    renumber(d, first, count);
    exchange_write_digests_head(metrics, list, d->metrics_count, d->sets_count, out);
    write_sets(d, metrics, out);
    exchange_write_digest_rows(bytes_of(first, (size_t)count * DIGEST_BYTES), out);
    *at += count;
    return count < left;
}

/*
 * measure.c - leaves found by label hash, counts in small dense arrays or one counter table.
 *
 * A leaf outlives flushes (its cell ids cost SHA-256); an accumulator is one leaf in one event minute
 * and dies with the flush. What a row adds is in measure_rows.c, roll-up and encoding in measure_flush.c.
 */
#include "engine/flow/measure_internal.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"

#define LEAF_ARENA_BYTES ((size_t)256 << 20)
#define FLUSH_ARENA_BYTES ((size_t)1 << 30)

static void add_slot(struct measure *m, const struct metric_spec *spec, uint32_t metric)
{
    CHECK(m->slots_count < MEASURE_METRICS_MAX);
    struct metric_slot *slot = &m->slots[m->slots_count++];
    *slot = (struct metric_slot){.spec = spec, .metric = metric};
    slot->flag_of_content = spec->layout.kind == LAYOUT_FLAG && spec->content != METRIC_OF_SPAN;
    if (spec->layout.bins <= SMALL_BINS_MAX) {
        slot->dense = true;
        slot->dense_at = m->dense_total;
        m->dense_total += spec->layout.bins;
        slot->exemplars_at = spec->layout.kind == LAYOUT_FLAG ? m->exemplar_sets++ : UINT32_MAX;
    } else {
        slot->exemplars_at = UINT32_MAX;
    }
}

struct measure *measure_create(struct metric_table *metrics, const struct metric_spec *const *specs,
                               uint32_t specs_count, uint32_t leaves_max)
{
    struct measure *m = memory_allocate(sizeof *m);
    m->metrics = metrics;
    m->leaves_max = leaves_max;
    struct layout roles = {LAYOUT_CATEGORY, MEASURE_ROLES, 0, 0};
    m->spans_metric = metric_intern(metrics, BYTES_LITERAL("spans"), &roles, EPOCH_MINUTE);
    m->dense_total = MEASURE_ROLES; /* the first bins of every accumulator */
    for (uint32_t i = 0; i < specs_count; i++) {
        const struct metric_spec *spec = specs[i];
        if (spec->levels == LEVELS_SCORE || spec->name_column != SPAN_COLUMN_COUNT) {
            CHECK(m->score_count < MEASURE_METRICS_MAX);
            m->scores[m->score_count++] = spec;
            continue;
        }
        add_slot(m, spec, metric_intern(metrics, bytes_from_text(spec->name), &spec->layout, (uint8_t)spec->epoch));
    }
    m->leaf_arena = arena_create(LEAF_ARENA_BYTES);
    m->arena = arena_create(FLUSH_ARENA_BYTES);
    m->sha = sha256_create();
    m->scratch[0] = BUFFER_WITH_LIMIT((size_t)64 << 20);
    m->scratch[1] = BUFFER_WITH_LIMIT((size_t)64 << 20);
    return m;
}

void measure_destroy(struct measure *m)
{
    if (m == NULL)
        return;
    arena_destroy(m->leaf_arena);
    arena_destroy(m->arena);
    sha256_destroy(m->sha);
    table_free(&m->leaf_table);
    memory_free(m->leaves);
    memory_free(m->accumulators);
    memory_free(m->counter_keys);
    memory_free(m->counter_values);
    memory_free(m->atoms);
    memory_free(m->parts);
    memory_free(m->deltas);
    buffer_free(&m->scratch[0]);
    buffer_free(&m->scratch[1]);
    memory_free(m);
}

/* ---- counter table: (accumulator, metric, bin) -> count ------------------------------------------- */

static void counters_grow(struct measure *m)
{
    uint32_t old_capacity = m->counter_capacity;
    uint64_t *old_keys = m->counter_keys;
    int64_t *old_values = m->counter_values;
    m->counter_capacity = old_capacity ? old_capacity * 2 : 4096;
    m->counter_keys = memory_allocate_array(m->counter_capacity, sizeof *m->counter_keys);
    m->counter_values = memory_allocate_array(m->counter_capacity, sizeof *m->counter_values);
    m->counter_count = 0;
    for (uint32_t i = 0; i < old_capacity; i++)
        if (old_keys[i] != 0)
            measure_count(m, old_keys[i], old_values[i]);
    memory_free(old_keys);
    memory_free(old_values);
}

void measure_count(struct measure *m, uint64_t key, int64_t amount)
{
    CHECK_HOT(key != 0);
    if (m->counter_count >= m->counter_capacity / 2)
        counters_grow(m);
    uint32_t mask = m->counter_capacity - 1;
    uint32_t i = (uint32_t)hash_mix64(key) & mask;
    while (m->counter_keys[i] != 0 && m->counter_keys[i] != key)
        i = (i + 1) & mask;
    if (m->counter_keys[i] == 0) {
        m->counter_keys[i] = key;
        m->counter_values[i] = 0;
        m->counter_count++;
    }
    m->counter_values[i] += amount;
}

/* ---- leaves ---------------------------------------------------------------------------------------- */

static bool same_place(struct bytes a, struct bytes b) { return a.data == b.data && a.size == b.size; }

static uint64_t leaf_key_hash(struct measure *m, const struct leaf_key *key)
{
    struct shared_labels *shared = &m->shared;
    struct bytes app = key->labels[0], env = key->labels[1];
    if (!same_place(shared->app, app) || !same_place(shared->env, env))
        *shared = (struct shared_labels){app, env, hash_combine(hash_bytes(app, 0), hash_bytes(env, 1))};
    uint64_t h = hash_combine(shared->hash, key->kind);
    for (int i = 2; i < MEASURE_LABELS; i++) /* the labels' hashes do not wait for each other */
        h = hash_combine(h, hash_bytes(key->labels[i], 0));
    return h;
}

static bool leaf_key_equal(const struct leaf_key *a, const struct leaf_key *b)
{
    if (a->kind != b->kind)
        return false;
    for (int i = 0; i < MEASURE_LABELS; i++)
        if (!bytes_equal(a->labels[i], b->labels[i]))
            return false;
    return true;
}

static struct cell_ref make_cell(struct measure *m, const struct labels *labels)
{
    buffer_clear(&m->scratch[0]);
    labels_encode(labels, &m->scratch[0]);
    struct bytes encoded = arena_copy(m->leaf_arena, buffer_bytes(&m->scratch[0]));
    CHECK(bytes_present(encoded));
    return (struct cell_ref){cell_id_of(encoded, m->sha), encoded};
}

static void make_cells(struct measure *m, struct leaf *leaf)
{
    const struct bytes *l = leaf->key.labels;
    struct labels set = {0};
    labels_add(&set, BYTES_LITERAL("app"), l[0]);
    labels_add(&set, BYTES_LITERAL("env"), l[1]);
    if (leaf->key.kind == LEAF_TRAFFIC) {
        leaf->cells[leaf->cells_count++] = make_cell(m, &set);
        labels_add(&set, BYTES_LITERAL("intent"), l[2]);
        leaf->cells[leaf->cells_count++] = make_cell(m, &set);
        labels_add(&set, BYTES_LITERAL("prompt"), l[3]);
        labels_add(&set, BYTES_LITERAL("model"), l[4]);
    } else {
        labels_add(&set, BYTES_LITERAL("intent"), l[2]);
        labels_add(&set, BYTES_LITERAL("evaluator"), l[3]);
        labels_add(&set, BYTES_LITERAL("revision"), l[4]);
    }
    leaf->cells[leaf->cells_count++] = make_cell(m, &set);
}

uint32_t measure_find_leaf(struct measure *m, const struct leaf_key *key)
{
    uint64_t hash = leaf_key_hash(m, key);
    uint32_t cursor = 0;
    for (uint32_t n = table_first(&m->leaf_table, hash, &cursor); n != TABLE_NONE;
         n = table_next(&m->leaf_table, hash, &cursor))
        if (leaf_key_equal(&m->leaves[n].key, key))
            return n;
    if (m->leaves_count == m->leaves_capacity) {
        m->leaves_capacity = m->leaves_capacity ? m->leaves_capacity * 2 : 256;
        m->leaves = memory_resize(m->leaves, m->leaves_capacity * sizeof *m->leaves);
    }
    struct leaf *leaf = &m->leaves[m->leaves_count];
    *leaf = (struct leaf){.key = *key, .accumulator = ACCUMULATOR_NONE};
    for (int i = 0; i < MEASURE_LABELS; i++) {
        leaf->key.labels[i] = arena_copy(m->leaf_arena, key->labels[i]);
        CHECK(bytes_present(leaf->key.labels[i]));
    }
    make_cells(m, leaf);
    table_insert(&m->leaf_table, hash, m->leaves_count);
    return m->leaves_count++;
}

/* ---- accumulators ---------------------------------------------------------------------------------- */

uint32_t measure_find_accumulator(struct measure *m, uint32_t leaf_number, int64_t minute)
{
    struct leaf *leaf = &m->leaves[leaf_number];
    for (uint32_t a = leaf->accumulator; a != ACCUMULATOR_NONE; a = m->accumulators[a].next)
        if (m->accumulators[a].minute == minute)
            return a;
    if (m->accumulators_count == m->accumulators_capacity) {
        m->accumulators_capacity = m->accumulators_capacity ? m->accumulators_capacity * 2 : 256;
        m->accumulators = memory_resize(m->accumulators, m->accumulators_capacity * sizeof *m->accumulators);
    }
    struct accumulator *acc = &m->accumulators[m->accumulators_count];
    *acc = (struct accumulator){.leaf = leaf_number, .minute = minute, .next = leaf->accumulator};
    uint32_t sets = leaf->key.kind == LEAF_TRAFFIC ? m->exemplar_sets : 1;
    size_t dense_bytes = leaf->key.kind == LEAF_TRAFFIC ? m->dense_total * sizeof *acc->dense : 0;
    acc->exemplars = arena_alloc(m->arena, sets * 2 * sizeof *acc->exemplars);
    acc->dense = arena_alloc(m->arena, dense_bytes);
    CHECK(acc->exemplars != NULL && acc->dense != NULL);
    memset(acc->exemplars, 0, sets * 2 * sizeof *acc->exemplars);
    memset(acc->dense, 0, dense_bytes);
    leaf->accumulator = m->accumulators_count;
    return m->accumulators_count++;
}

/* ---- label sets by their number ------------------------------------------------------------------------------- */

bool measure_set(const struct measure *m, uint32_t set, struct bytes labels[MEASURE_LABELS], uint32_t *metric)
{
    CHECK(set < m->leaves_count);
    const struct leaf_key *key = &m->leaves[set].key;
    memcpy(labels, key->labels, sizeof key->labels);
    *metric = key->kind == LEAF_TRAFFIC ? METRIC_NONE : key->kind - LEAF_SCORE;
    return key->kind != LEAF_TRAFFIC;
}

uint32_t measure_content_metrics(const struct measure *m, struct content_metric out[CONTENT_METRICS_MAX])
{
    uint32_t count = 0;
    for (uint32_t s = 0; s < m->slots_count && count < CONTENT_METRICS_MAX; s++)
        if (m->slots[s].spec->content != METRIC_OF_SPAN)
            out[count++] = (struct content_metric){m->slots[s].spec, m->slots[s].metric};
    return count;
}

bool measure_empty(const struct measure *m) { return m->accumulators_count == 0; }

bool measure_wants_flush(const struct measure *m)
{
    return m->leaves_count >= m->leaves_max || arena_used_bytes(m->arena) > FLUSH_ARENA_BYTES / 4 ||
           m->counter_count > (1u << 22);
}

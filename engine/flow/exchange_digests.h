/*
 * exchange_digests.h - a block of digests in a record of the digests topic, before the messages:
 *
 *   16, version, metrics (dictionary entry, has a sum), label sets, digests as they are in memory
 *
 * A digest's label set and bins are numbers of this block's dictionaries. All is checked when it is read.
 */
#ifndef ENGINE_FLOW_EXCHANGE_DIGESTS_H
#define ENGINE_FLOW_EXCHANGE_DIGESTS_H

#include "engine/flow/measure.h"
#include "engine/operator/digest.h"

#define EXCHANGE_DIGESTS 16 /* first byte; messages begin with their kind, 1 to 3 */

struct digest_metric {
    uint32_t metric; /* number in the table */
    bool summed;
};

struct digest_set {
    bool score;
    uint32_t metric; /* of a score */
    struct bytes labels[MEASURE_LABELS];
};

struct digest_block {
    struct reader *reader;
    struct digest_metric metrics[DIGEST_RESULTS]; /* metric METRIC_NONE: cannot be taken */
    uint32_t metrics_count, sets_count;
    uint32_t sets_left;
};

static inline bool exchange_has_digests(const struct reader *reader)
{
    return reader_left(reader) > 0 && *reader->at == EXCHANGE_DIGESTS;
}

/* In this order: a block's head, its sets, its digests. */
void exchange_write_digests_head(struct metric_table *metrics, const struct digest_metric *list, uint32_t count, uint32_t sets,
                                 struct buffer *out);
void exchange_write_digest_set(struct metric_table *metrics, const struct digest_set *set, struct buffer *out);
void exchange_write_digest_rows(struct bytes rows, struct buffer *out);

/* The same order; false on damage (reader->failed), exchange_next_digest_set also at the end of the sets. */
bool exchange_open_digests(struct reader *reader, struct metric_table *metrics, struct digest_block *out);
bool exchange_next_digest_set(struct digest_block *block, struct metric_table *metrics, struct digest_set *out);
bool exchange_digest_rows(struct digest_block *block, struct bytes *rows);
/* Row `number` of rows, when it can be one: known kind and role, labels within the block, times that are times. */
bool exchange_digest_at(const struct digest_block *block, struct bytes rows, uint32_t number, struct digest *out);

#endif

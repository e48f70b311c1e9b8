/*
 * ports.h - the outside world as small structs of functions: bus, member (source + sink), reader,
 * clock. They carry bytes and offsets and know nothing of spans.
 *
 * The same shard loop runs on Kafka, on files and on the embedded log. A member is used by one
 * thread. Nothing calls back into the engine: what happens outside comes out of poll as an event.
 */
#ifndef ENGINE_BUS_PORTS_H
#define ENGINE_BUS_PORTS_H

#include "engine/base/bytes.h"
#include "engine/base/error.h"

/* ---- vocabulary ------------------------------------------------------------------------- */

#define BUS_METADATA_MAX 255
#define BUS_HEADERS_MAX 32

/* topic: the index of its name in the list the member or reader was opened with. */
struct bus_partition {
    int32_t topic;
    int32_t partition;
};

struct bus_header {
    struct bytes name;
    struct bytes value;
};

struct bus_record {
    struct bus_partition source;
    int64_t offset;
    int64_t timestamp_ms; /* of the record; -1: it has none */
    struct bytes key;     /* absent: null key */
    struct bytes value;   /* absent: tombstone */
    void *handle;         /* the port's own; pass the record to member_headers to read headers */
};

/* A committed or to-be-committed place: the next offset to read. */
struct bus_position {
    struct bus_partition source;
    int64_t offset; /* -1: nothing was ever committed */
    char metadata[BUS_METADATA_MAX + 1];
};

struct bus_output {
    const char *topic; /* one of the names the member was opened with for writing */
    int32_t partition; /* -1: by hash of the key, spread when there is none */
    int64_t timestamp_ms;
    struct bytes key;
    struct bytes value;
    const struct bus_header *headers;
    uint32_t headers_count; /* at most BUS_HEADERS_MAX */
};

/* ---- clock -------------------------------------------------------------------------------- */

/* Wall time, and a monotonic one for measuring. Simulated in the demo, fixed in replay. */
struct clock {
    int64_t (*now_ms)(const struct clock *clock); /* since 1970, UTC */
};
extern const struct clock clock_system;
/* Monotonic, for durations only; the real one everywhere. */
int64_t clock_monotonic_ns(void);

/* ---- member: one shard's consumer and transactional producer ------------------------------- */

enum member_event {
    MEMBER_RECORDS, /* batch->records holds count >= 1 records, valid until member_release */
    MEMBER_IDLE,    /* nothing within the timeout */
    MEMBER_ASSIGN,  /* batch->partitions were given to us: answer with member_assign */
    MEMBER_REVOKE,  /* they will be taken: commit, then answer with member_unassign */
    MEMBER_LOST,    /* they are gone already: abort, then answer with member_unassign */
    MEMBER_FAILED,  /* fatal: *error says why */
};

struct member_batch {
    struct bus_record *records;
    uint32_t count;
    struct bus_partition *partitions;
    uint32_t partitions_count;
};

enum commit_outcome {
    COMMIT_DONE,    /* everything of this transaction is visible, the positions moved */
    COMMIT_ABORTED, /* nothing of it is: roll back, seek to the committed positions, go on */
    COMMIT_FENCED,  /* a twin with our identity runs: stop; *error says so */
    COMMIT_FAILED,  /* fatal: *error says why */
};

struct member {
    const struct member_ops *ops; /* implementations embed this struct first */
};

struct member_ops {
    enum member_event (*poll)(struct member *, int timeout_ms, struct member_batch *batch, struct error *);
    void (*release)(struct member *, struct member_batch *batch);
    uint32_t (*headers)(struct member *, const struct bus_record *, struct bus_header *out, uint32_t max);
    bool (*assign)(struct member *, const struct bus_position *starts, uint32_t count, struct error *);
    bool (*unassign)(struct member *, const struct bus_partition *gone, uint32_t count, struct error *);
    bool (*committed)(struct member *, struct bus_position *positions, uint32_t count, struct error *);
    bool (*seek)(struct member *, const struct bus_position *positions, uint32_t count, struct error *);
    bool (*pause)(struct member *, struct bus_partition, bool paused);
    bool (*at_end)(struct member *, struct bus_partition);
    int64_t (*behind)(struct member *, struct bus_partition, int64_t next);
    bool (*begin)(struct member *, struct error *);
    bool (*produce)(struct member *, const struct bus_output *, struct error *);
    enum commit_outcome (*commit)(struct member *, const struct bus_position *positions, uint32_t count,
                                  struct error *);
    enum commit_outcome (*abort)(struct member *, struct error *);
    void (*close)(struct member *);
};

/* Waits at most timeout_ms. RECORDS must be released before the next poll; the other events leave
 * nothing to release, and ASSIGN, REVOKE and LOST must be answered before the next poll. */
static inline enum member_event member_poll(struct member *m, int timeout_ms, struct member_batch *b, struct error *e)
{
    return m->ops->poll(m, timeout_ms, b, e);
}
static inline void member_release(struct member *m, struct member_batch *b) { m->ops->release(m, b); }
/* Headers of a record that is not released yet; borrowed; returns how many (at most max). */
static inline uint32_t member_headers(struct member *m, const struct bus_record *r, struct bus_header *out, uint32_t max)
{
    return m->ops->headers(m, r, out, max);
}
/* Starts reading the assigned partitions at these offsets (-1: by auto.offset.reset). */
static inline bool member_assign(struct member *m, const struct bus_position *p, uint32_t n, struct error *e)
{
    return m->ops->assign(m, p, n, e);
}
static inline bool member_unassign(struct member *m, const struct bus_partition *p, uint32_t n, struct error *e)
{
    return m->ops->unassign(m, p, n, e);
}
/* Fills offset and metadata for the partitions named in positions; waits out pending transactions. */
static inline bool member_committed(struct member *m, struct bus_position *p, uint32_t n, struct error *e)
{
    return m->ops->committed(m, p, n, e);
}
/* Goes back (or on) to these offsets on assigned partitions; what was fetched ahead is dropped. */
static inline bool member_seek(struct member *m, const struct bus_position *p, uint32_t n, struct error *e)
{
    return m->ops->seek(m, p, n, e);
}
static inline bool member_pause(struct member *m, struct bus_partition p, bool paused) { return m->ops->pause(m, p, paused); }
/* True when everything that was in the partition at the last fetch has been delivered. */
static inline bool member_at_end(struct member *m, struct bus_partition p) { return m->ops->at_end(m, p); }
/* Offsets from `next` to the end as of the last fetch, markers included; 0 at the end, -1 when not known. Asks nobody. */
static inline int64_t member_behind(struct member *m, struct bus_partition p, int64_t next) { return m->ops->behind(m, p, next); }
static inline bool member_begin(struct member *m, struct error *e) { return m->ops->begin(m, e); }
/* Key, value and headers are borrowed until commit or abort returns: no copy is made. False only
 * when the record can never be written (too large, unknown topic): ERROR_LIMIT, ERROR_INPUT. */
static inline bool member_produce(struct member *m, const struct bus_output *o, struct error *e) { return m->ops->produce(m, o, e); }
/* Commits records and positions together. An outcome unknown at first (time-out, cut connection) is
 * resolved inside by re-initialising and reading the committed positions back. */
static inline enum commit_outcome member_commit(struct member *m, const struct bus_position *p, uint32_t n, struct error *e)
{
    return m->ops->commit(m, p, n, e);
}
/* COMMIT_ABORTED when done; FENCED and FAILED as for commit. */
static inline enum commit_outcome member_abort(struct member *m, struct error *e) { return m->ops->abort(m, e); }
/* Leaves the group and frees; an open transaction is aborted. */
static inline void member_close(struct member *m) { m->ops->close(m); }

/* ---- reader: partitions by hand, no group --------------------------------------------------- */

enum reader_event {
    READER_RECORD,
    READER_END,  /* position reached the end that was asked for, or nothing came within the timeout:
                    reader_position tells which (an open transaction may hold the rest back) */
    READER_FAILED,
};

struct bus_reader {
    const struct bus_reader_ops *ops;
};

struct bus_reader_ops {
    enum reader_event (*next)(struct bus_reader *, int timeout_ms, struct bus_record *out, struct error *);
    uint32_t (*headers)(struct bus_reader *, struct bus_header *out, uint32_t max);
    int64_t (*position)(struct bus_reader *);
    void (*close)(struct bus_reader *);
};

/* One committed record; borrowed until the next call. topic in the record is 0. */
static inline enum reader_event reader_next(struct bus_reader *r, int timeout_ms, struct bus_record *out, struct error *e)
{
    return r->ops->next(r, timeout_ms, out, e);
}
static inline uint32_t reader_headers(struct bus_reader *r, struct bus_header *out, uint32_t max) { return r->ops->headers(r, out, max); }
/* The next offset: moves over transaction markers and aborted records, which never come out. */
static inline int64_t reader_position(struct bus_reader *r) { return r->ops->position(r); }
static inline void reader_close(struct bus_reader *r) { r->ops->close(r); }

/* ---- bus: what a process opens -------------------------------------------------------------- */

enum topic_cleanup { TOPIC_DELETE, TOPIC_COMPACT };

struct topic_spec {
    const char *name;
    int32_t partitions;
    enum topic_cleanup cleanup;
    int64_t retention_ms; /* -1: for ever */
};

struct topic_info {
    int32_t partitions; /* 0: the topic is not there */
    enum topic_cleanup cleanup;
    int64_t retention_ms;
};

struct member_spec {
    const char *group;
    const char *transactional_id;
    const char *const *topics_read;
    uint32_t topics_read_count;
    const char *const *topics_written;
    uint32_t topics_written_count;
};

struct bus {
    const struct bus_ops *ops;
};

struct bus_ops {
    struct member *(*member_open)(struct bus *, const struct member_spec *, struct error *);
    struct bus_reader *(*reader_open)(struct bus *, const char *topic, int32_t partition, int64_t from,
                                      int64_t end, struct error *);
    bool (*describe)(struct bus *, const char *topic, struct topic_info *out, struct error *);
    bool (*create)(struct bus *, const struct topic_spec *, struct error *);
    bool (*watermarks)(struct bus *, const char *topic, int32_t partition, int64_t *low, int64_t *high, struct error *);
    bool (*purge)(struct bus *, const char *topic, int32_t partition, int64_t before, struct error *);
    void (*close)(struct bus *);
};

static inline struct member *bus_member_open(struct bus *b, const struct member_spec *s, struct error *e)
{
    return b->ops->member_open(b, s, e);
}
/* from: offset, or -2 for the oldest kept. end: stop there (an offset), or -1 to follow for ever.
 * Reads committed records only; a hole in what is kept (truncation) is an error, not a jump. */
static inline struct bus_reader *bus_reader_open(struct bus *b, const char *topic, int32_t partition, int64_t from, int64_t end, struct error *e)
{
    return b->ops->reader_open(b, topic, partition, from, end, e);
}
/* true with partitions 0 when the topic does not exist. */
static inline bool bus_describe(struct bus *b, const char *topic, struct topic_info *out, struct error *e) { return b->ops->describe(b, topic, out, e); }
/* An existing topic is success. */
static inline bool bus_create(struct bus *b, const struct topic_spec *s, struct error *e) { return b->ops->create(b, s, e); }
/* high is read uncommitted: where the log ends, open transactions and markers included. */
static inline bool bus_watermarks(struct bus *b, const char *t, int32_t p, int64_t *low, int64_t *high, struct error *e)
{
    return b->ops->watermarks(b, t, p, low, high, e);
}
/* DeleteRecords: drops what is before the offset. */
static inline bool bus_purge(struct bus *b, const char *t, int32_t p, int64_t before, struct error *e) { return b->ops->purge(b, t, p, before, e); }
static inline void bus_close(struct bus *b) { b->ops->close(b); }

#endif

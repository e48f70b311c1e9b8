/*
 * leaf_rules.c - the deepest span that carries tokens is the leaf; where none does, the deepest. Calls above
 * it, through anything but a tool, agent or workflow, are around it; calls below one that carries the tokens
 * are copies. Without a parent link a self-tracing library's span is known by the response id.
 */
#include "engine/span/leaf_rules.h"

#include "engine/base/hash.h"

#define HOPS_MAX  32
#define NOT_FOUND UINT32_MAX

struct known_spans {
    struct leaf_span *all;
    uint32_t count;
    uint32_t *slots;
    uint32_t mask;
};

static bool is_call(const struct leaf_span *span)
{
    return leaf_rules_counts(span->role) || span->role == ROLE_CALL_AROUND ||
           span->role == ROLE_EMBEDDINGS_AROUND;
}

static void make_around(struct leaf_span *span)
{
    if (span->role == ROLE_CALL)
        span->role = ROLE_CALL_AROUND;
    else if (span->role == ROLE_EMBEDDINGS)
        span->role = ROLE_EMBEDDINGS_AROUND;
    span->leaf = false;
}

static void make_copy(struct leaf_span *span)
{
    span->role = ROLE_CALL_COPY;
    span->leaf = false;
}

/* ---- a table of the spans by one of their numbers ----------------------------------------------------------- */

enum number { BY_ID, BY_PARENT, BY_RESPONSE };

static uint64_t number_of(const struct leaf_span *span, enum number which)
{
    return which == BY_ID ? span->id : which == BY_PARENT ? span->parent : span->response;
}

static void table_clear(struct known_spans *k)
{
    memset(k->slots, 0, (k->mask + (size_t)1) * sizeof *k->slots);
}

static void table_add(struct known_spans *k, uint64_t number, uint32_t at)
{
    uint32_t slot = (uint32_t)hash_mix64(number) & k->mask;
    while (k->slots[slot] != 0)
        slot = (slot + 1) & k->mask;
    k->slots[slot] = at + 1;
}

static uint32_t table_find(const struct known_spans *k, enum number which, uint64_t number)
{
    for (uint32_t slot = (uint32_t)hash_mix64(number) & k->mask; k->slots[slot] != 0;
         slot = (slot + 1) & k->mask)
        if (number_of(&k->all[k->slots[slot] - 1], which) == number)
            return k->slots[slot] - 1;
    return NOT_FOUND;
}

/* ---- along parents ------------------------------------------------------------------------------------------ */

static bool is_boundary(uint8_t role)
{
    return role == ROLE_TOOL || role == ROLE_AGENT || role == ROLE_WORKFLOW || role == ROLE_RETRIEVAL;
}

/* The next call above this one, not beyond a step of its own; NOT_FOUND: none that is known. *hops is used up. */
static uint32_t call_above(const struct known_spans *k, uint32_t at, unsigned *hops)
{
    for (; *hops > 0; --*hops) {
        if (k->all[at].parent == 0)
            return NOT_FOUND;
        at = table_find(k, BY_ID, k->all[at].parent);
        if (at == NOT_FOUND || is_boundary(k->all[at].role))
            return NOT_FOUND;
        if (is_call(&k->all[at]))
            return at;
    }
    return NOT_FOUND;
}

static void settle_nested(struct known_spans *k, bool with_tokens)
{
    for (uint32_t at = 0; at < k->count; at++) {
        struct leaf_span *span = &k->all[at];
        if (!is_call(span) || span->tokens != with_tokens)
            continue;
        unsigned hops = HOPS_MAX;
        bool copy = false;
        for (uint32_t above = at; !copy && (above = call_above(k, above, &hops)) != NOT_FOUND;) {
            copy = !with_tokens && k->all[above].tokens;
            if (!copy)
                make_around(&k->all[above]);
            hops -= hops > 0;
        }
        if (copy && leaf_rules_counts(span->role))
            make_copy(span);
    }
}

/* ---- without a parent link ------------------------------------------------------------------------------------ */

static void settle_by_response(struct known_spans *k)
{
    table_clear(k);
    for (uint32_t at = 0; at < k->count; at++)
        if (k->all[at].client && leaf_rules_counts(k->all[at].role) && k->all[at].response != 0)
            table_add(k, k->all[at].response, at);
    for (uint32_t at = 0; at < k->count; at++) {
        struct leaf_span *span = &k->all[at];
        if (span->client || !leaf_rules_counts(span->role) || span->response == 0)
            continue;
        uint32_t found = table_find(k, BY_RESPONSE, span->response);
        if (found == NOT_FOUND || !leaf_rules_counts(k->all[found].role))
            continue;
        if (k->all[found].tokens || !span->tokens)
            make_around(span);
        else
            make_copy(&k->all[found]);
    }
}

/* A second span of a finished stream that carries the tokens is the leaf; the call, its parent or its
 * neighbour, stays the call. */
static void settle_addenda(struct known_spans *k)
{
    table_clear(k);
    for (uint32_t at = 0; at < k->count; at++)
        if (leaf_rules_counts(k->all[at].role) && !k->all[at].tokens)
            table_add(k, k->all[at].parent, at);
    for (uint32_t at = 0; at < k->count; at++) {
        if (k->all[at].role != ROLE_CALL_ADDENDUM || !k->all[at].tokens)
            continue;
        k->all[at].leaf = true;
        uint32_t call = table_find(k, BY_PARENT, k->all[at].parent);
        if (call != NOT_FOUND)
            k->all[call].leaf = false;
    }
}

void leaf_rules_settle(struct leaf_span *spans, uint32_t count, uint32_t *slots, uint32_t slots_count)
{
    struct known_spans k = {spans, count, slots, slots_count - 1};
    bool client = false, addendum = false;
    table_clear(&k);
    for (uint32_t at = 0; at < count; at++) {
        table_add(&k, spans[at].id, at);
        client |= spans[at].client;
        addendum |= spans[at].role == ROLE_CALL_ADDENDUM;
    }
    settle_nested(&k, true);
    settle_nested(&k, false);
    if (client)
        settle_by_response(&k);
    if (addendum)
        settle_addenda(&k);
}

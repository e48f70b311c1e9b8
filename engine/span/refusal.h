/*
 * refusal.h - the kinds of what cannot be taken, one stable code each: it stands in dead letters and in
 * metrics, beside a message for people that may change.
 *
 * A code is part of the outputs' contract: new ones are added, none is renamed (README, "What is refused").
 */
#ifndef ENGINE_SPAN_REFUSAL_H
#define ENGINE_SPAN_REFUSAL_H

/* X(NAME, "code") */
#define REFUSALS(X)                                                                                \
    /* of records: none of their spans can be read */                                              \
    X(UNRECOGNISED,                                                                                \
      "unrecognised") /* holds no list of spans: of another encoding, or nothing like it */        \
    X(WRONG_SIGNAL, "wrong_signal") /* log records among spans, or spans among log records */      \
    X(COMPRESSED, "compressed")     /* by the sender, inside the value */                          \
    X(FRAMING, "framing")           /* the schema id before or beside the value */                 \
    X(NO_SCHEMA, "no_schema")       /* Avro whose schema is not known, or gives no spans */        \
    /* of spans, or of what is left of a record behind the damage */                               \
    X(MALFORMED, "malformed") /* against the rules of its encoding */                              \
    X(BAD_ID, "bad_id")       /* of trace, span or parent: a wrong size, or zero */                \
    X(BAD_VALUE, "bad_value") /* of another type than its field, or a time that is none */         \
    X(TOO_MANY_SPANS, "too_many_spans")           /* limits.spans_per_record */                    \
    X(TOO_MANY_ATTRIBUTES, "too_many_attributes") /* limits.attributes_per_span */                 \
    X(TOO_DEEP, "too_deep")                       /* limits.nesting_depth */                       \
    X(TOO_LARGE, "too_large")                     /* one span needs more room than there is */

#define REFUSAL_ENUM(name, code) REFUSAL_##name,
enum refusal { REFUSAL_NONE, REFUSALS(REFUSAL_ENUM) REFUSAL_COUNT };
#undef REFUSAL_ENUM

#endif

/* iso_time.c - by hand: no locale, no allocation, nothing read beyond the text. */
#include "engine/base/iso_time.h"

#define NS_PER_SECOND INT64_C(1000000000)

struct cursor {
    const uint8_t *at, *end;
    bool bad;
};

static int64_t digits(struct cursor *c, int count)
{
    int64_t value = 0;
    for (int i = 0; i < count; i++) {
        if (c->at == c->end || *c->at < '0' || *c->at > '9') {
            c->bad = true;
            return 0;
        }
        value = value * 10 + (*c->at++ - '0');
    }
    return value;
}

static bool take(struct cursor *c, char one, char other)
{
    bool there = c->at < c->end && (*c->at == (uint8_t)one || *c->at == (uint8_t)other);
    c->at += there;
    return there;
}

/* Days since 1970-01-01 of the proleptic Gregorian calendar, counted from March. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = year / 400, of_era = year % 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int64_t fraction_ns(struct cursor *c)
{
    int64_t ns = 0, unit = NS_PER_SECOND;
    if (!take(c, '.', ','))
        return 0;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
        unit /= 10;
        ns += (*c->at - '0') * unit;
    }
    return ns;
}

static int64_t offset_seconds(struct cursor *c)
{
    if (c->at == c->end || take(c, 'Z', 'z'))
        return 0;
    int64_t sign = *c->at == '-' ? -1 : 1;
    if (!take(c, '+', '-')) {
        c->bad = true;
        return 0;
    }
    int64_t hours = digits(c, 2);
    (void)take(c, ':', ':');
    return sign * (hours * 3600 + digits(c, 2) * 60);
}

int64_t iso_time_ns(struct bytes text)
{
    struct cursor c = {text.data, text.data + text.size, text.size == 0};
    int64_t year = digits(&c, 4);
    c.bad |= !take(&c, '-', '-');
    int64_t month = digits(&c, 2);
    c.bad |= !take(&c, '-', '-');
    int64_t day = digits(&c, 2);
    c.bad |= !take(&c, 'T', ' ');
    int64_t hour = digits(&c, 2);
    c.bad |= !take(&c, ':', ':');
    int64_t minute = digits(&c, 2), second = 0;
    if (take(&c, ':', ':'))
        second = digits(&c, 2);
    int64_t ns = fraction_ns(&c);
    int64_t offset = offset_seconds(&c);
    if (c.bad || c.at != c.end || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 ||
        minute > 59 || second > 60 || year < 1970 || year > 2200)
        return INT64_MIN;
    int64_t seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
    return seconds * NS_PER_SECOND + ns;
}

/* small_test.c - hash, SHA-256, error, bytes, log: golden values and edges. */
#include "tests/test.h"

#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/base/json.h"
#include "engine/base/log.h"
#include "engine/base/sha256.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

static void hash_has_its_golden_values(void **state)
{
    (void)state;
    uint64_t step = 0x9e3779b97f4a7c15ULL; /* SplitMix64 with seed 1234567 */
    static const uint64_t golden[] = {6457827717110365317ULL, 3203168211198807973ULL, 9817491932198370423ULL, 4593380528125082431ULL,
                                      16408922859458223821ULL};
    for (uint64_t i = 0; i < 5; i++)
        assert_true(hash_mix64(1234567 + step * (i + 1)) == golden[i]);
    assert_true(hash_mix64(0) == 0);
    assert_true(hash_bytes(BYTES_LITERAL("12345678"), 0) != hash_bytes(BYTES_LITERAL("12345678"), 1));
    assert_true(hash_bytes(BYTES_LITERAL("a"), 0) != hash_bytes(bytes_of("a\0", 2), 0)); /* the length counts */
    assert_true(hash_bytes(BYTES_NONE, 7) == hash_bytes(BYTES_LITERAL(""), 7));
    assert_true(hash_combine(1, 2) != hash_combine(2, 1));
}

static void sha256_has_its_golden_values(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint8_t head[4], tail[2];
    } rows[] = {
        {"", {0xe3, 0xb0, 0xc4, 0x42}, {0xb8, 0x55}},
        {"abc", {0xba, 0x78, 0x16, 0xbf}, {0x15, 0xad}},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", {0x24, 0x8d, 0x6a, 0x61}, {0x06, 0xc1}},
    };
    struct sha256 *context = sha256_create();
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < 3; i++) {
            uint8_t out[SHA256_BYTES];
            sha256_digest(context, bytes_from_text(rows[i].text), out);
            assert_memory_equal(out, rows[i].head, 4);
            assert_memory_equal(out + 30, rows[i].tail, 2);
        }
    sha256_destroy(context);
    sha256_destroy(NULL);
}

static void errors_truncate_and_take_prefixes(void **state)
{
    (void)state;
    struct error error = {0};
    assert_false(error_set(&error, ERROR_INPUT, "value %d", 7));
    assert_int_equal(error.code, ERROR_INPUT);
    assert_false(error_prefix(&error, "%s:%d", "file", 3));
    assert_string_equal(error.message, "file:3: value 7");
    char longer[2000];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    error_set(&error, ERROR_LIMIT, "%s", longer);
    error_prefix(&error, "%s", longer);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
    assert_false(error_set(NULL, ERROR_INPUT, "nobody listens"));
    assert_false(error_prefix(NULL, "nobody"));
}

static void bytes_tell_absent_from_empty(void **state)
{
    (void)state;
    assert_false(bytes_present(bytes_from_text(NULL)));
    assert_true(bytes_present(BYTES_LITERAL("")));
    assert_true(bytes_equal(BYTES_NONE, BYTES_LITERAL("")));
    assert_true(bytes_compare(BYTES_LITERAL("a"), BYTES_LITERAL("ab")) < 0);
    assert_true(bytes_compare(bytes_of("\xff", 1), BYTES_LITERAL("a")) > 0);
    assert_int_equal(bytes_compare(BYTES_NONE, BYTES_LITERAL("")), 0);
}

/* ---- log: stderr goes to a file while a test runs ---------------------------------------------------- */

#define THREADS 4
#define LINES 200

static void *write_many(void *argument)
{
    for (int i = 0; i < LINES; i++)
        log_line(LOG_WARNING, "test", *(int *)argument, "line %d with \"quotes\",\nbreaks and \xff bytes", i);
    return NULL;
}

static void log_lines_are_whole_json_objects(void **state)
{
    (void)state;
    char path[300];
    snprintf(path, sizeof path, "%s/log", test_scratch_folder());
    int saved = dup(STDERR_FILENO);
    int file = open(path, O_CREAT | O_RDWR | O_APPEND, 0600);
    assert_true(file >= 0 && dup2(file, STDERR_FILENO) >= 0);
    pthread_t threads[THREADS];
    int shards[THREADS];
    for (int i = 0; i < THREADS; i++) {
        shards[i] = i - 1;
        pthread_create(&threads[i], NULL, write_many, &shards[i]);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    log_line(LOG_DEBUG, "test", -1, "below the threshold");
    log_set_level(LOG_ERROR);
    log_line(LOG_WARNING, "test", -1, "below the threshold, too");
    log_set_level(LOG_INFO);
    dup2(saved, STDERR_FILENO);
    close(saved);

    FILE *lines = fdopen(file, "r");
    rewind(lines);
    struct json_document *document = json_create(1 << 16);
    char line[1000];
    int count = 0;
    int with_shard = 0;
    while (fgets(line, sizeof line, lines) != NULL) {
        struct error error = {0};
        const struct json_value *value = json_parse(document, bytes_from_text(line), 4, &error);
        assert_string_equal(error.message, "");
        assert_true(bytes_equal_text(json_text(json_get(value, "level")), "warning"));
        assert_true(bytes_equal_text(json_text(json_get(value, "component")), "test"));
        struct bytes when = json_text(json_get(value, "ts"));
        assert_int_equal(when.size, strlen("2026-01-02T03:04:05.678Z"));
        assert_true(when.data[10] == 'T' && when.data[19] == '.' && when.data[23] == 'Z');
        with_shard += json_get(value, "shard") != NULL;
        count++;
    }
    assert_int_equal(count, THREADS * LINES);
    assert_int_equal(with_shard, (THREADS - 1) * LINES);
    json_destroy(document);
    fclose(lines);
    unlink(path);
    rmdir(test_scratch_folder());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_has_its_golden_values),
        cmocka_unit_test(sha256_has_its_golden_values),
        cmocka_unit_test(errors_truncate_and_take_prefixes),
        cmocka_unit_test(bytes_tell_absent_from_empty),
        cmocka_unit_test(log_lines_are_whole_json_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

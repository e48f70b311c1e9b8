/* arena_test.c - alignment, ceiling, copies, and that the second round allocates nothing. */
#include "tests/test.h"

#include "engine/base/arena.h"
#include "engine/base/memory.h"

static void gives_aligned_memory_that_does_not_overlap(void **state)
{
    (void)state;
    struct arena *arena = arena_create(1 << 20);
    uint8_t *pieces[200];
    for (size_t i = 0; i < 200; i++) {
        pieces[i] = arena_alloc(arena, i * 7 + 1);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (int)i, i * 7 + 1);
    }
    for (size_t i = 0; i < 200; i++)
        for (size_t at = 0; at < i * 7 + 1; at++)
            assert_int_equal(pieces[i][at], (uint8_t)i);
    arena_destroy(arena);
}

static void refuses_what_passes_the_ceiling(void **state)
{
    (void)state;
    struct arena *arena = arena_create(1000);
    assert_non_null(arena_alloc(arena, 500));
    assert_null(arena_alloc(arena, 500)); /* rounded up to 512 each */
    assert_null(arena_alloc(arena, SIZE_MAX));
    assert_null(arena_alloc(arena, SIZE_MAX - 14));
    assert_non_null(arena_alloc(arena, 400));
    assert_true(arena_used_bytes(arena) <= 1000);
    assert_false(bytes_present(arena_copy(arena, BYTES_LITERAL("a text that is longer than what is left of the ceiling, far "
                                                               "longer than eighty-eight bytes for certain"))));
    arena_reset(arena);
    assert_int_equal(arena_used_bytes(arena), 0);
    assert_non_null(arena_alloc(arena, 900));
    arena_destroy(arena);
    arena_destroy(NULL);
}

static void copies_with_a_nul_and_keeps_absence(void **state)
{
    (void)state;
    struct arena *arena = arena_create(4096);
    struct bytes copy = arena_copy(arena, bytes_of("hello, world", 5));
    assert_int_equal(copy.size, 5);
    assert_string_equal((const char *)copy.data, "hello");
    struct bytes empty = arena_copy(arena, BYTES_LITERAL(""));
    assert_true(bytes_present(empty));
    assert_int_equal(empty.size, 0);
    assert_false(bytes_present(arena_copy(arena, BYTES_NONE)));
    arena_destroy(arena);
}

static void allocates_nothing_in_the_steady_state(void **state)
{
    (void)state;
    struct arena *arena = arena_create(8 << 20);
    uint64_t before = 0;
    for (int round = 0; round < 5; round++) {
        if (round == 2)
            before = memory_thread_allocated_bytes();
        for (int i = 0; i < 1000; i++)
            assert_non_null(arena_alloc(arena, 3000));
        arena_reset(arena);
    }
    assert_int_equal(memory_thread_allocated_bytes() - before, 0);
    arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_aligned_memory_that_does_not_overlap),
        cmocka_unit_test(refuses_what_passes_the_ceiling),
        cmocka_unit_test(copies_with_a_nul_and_keeps_absence),
        cmocka_unit_test(allocates_nothing_in_the_steady_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

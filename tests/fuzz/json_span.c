/* json_span.c - any bytes as a record of this encoding; see check_rows.h. */
#include "tests/fuzz/check_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_rows(bytes_of(data, size), BYTES_NONE, ENCODING_JSON, SIGNAL_SPANS);
    return 0;
}

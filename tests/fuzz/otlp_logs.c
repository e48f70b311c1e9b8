/* otlp_logs.c - any bytes as a record of logs, in protobuf and in JSON; see check_rows.h. */
#include "tests/fuzz/check_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_rows(bytes_of(data, size), BYTES_NONE, ENCODING_OTLP_PROTO, SIGNAL_LOGS);
    check_rows(bytes_of(data, size), BYTES_NONE, ENCODING_OTLP_JSON, SIGNAL_LOGS);
    return 0;
}

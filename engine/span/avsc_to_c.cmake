# schemas/span.avsc as a C array of bytes: cmake -D IN=file -D OUT=file.c -P avsc_to_c.cmake
file(READ ${IN} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "(char)0x\\1," bytes "${hex}")
file(WRITE ${OUT} "/* made of a schema, do not edit */\n#include \"engine/span/avro_span_schema.h\"\n\nconst char avro_span_schema_text[] = {\n${bytes}0};\nconst size_t avro_span_schema_size = sizeof avro_span_schema_text - 1;\n")

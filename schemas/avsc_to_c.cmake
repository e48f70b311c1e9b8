# A schema as a C array of bytes, NAME_text and NAME_size: cmake -D IN=file -D OUT=file.c -D NAME=name -P avsc_to_c.cmake
file(READ ${IN} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "(char)0x\\1," bytes "${hex}")
file(WRITE ${OUT} "/* made of a schema, do not edit */\n#include <stddef.h>\n\nextern const char ${NAME}_text[];\nextern const size_t ${NAME}_size;\n\nconst char ${NAME}_text[] = {\n${bytes}0};\nconst size_t ${NAME}_size = sizeof ${NAME}_text - 1;\n")

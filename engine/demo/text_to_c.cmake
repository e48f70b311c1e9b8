# A text file as a C array of bytes: cmake -D IN=file -D OUT=file.c -P text_to_c.cmake
file(READ ${IN} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes "${bytes}")
file(WRITE ${OUT} "/* made of a text file, do not edit */\n#include \"engine/demo/shipped_rules.h\"\n\nconst char shipped_rules_text[] = {\n${bytes}0};\n")

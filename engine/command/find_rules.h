/* find_rules.h - the rules of subcommands that also work without a configuration file. */
#ifndef ENGINE_COMMAND_FIND_RULES_H
#define ENGINE_COMMAND_FIND_RULES_H

#include "engine/command/command.h"

#define FIND_RULES_BYTES 4096

/* Without -c and without a --set rules.file: config/rules.yaml from here, else the one of the source tree
 * that the program was built in (two folders above it), as a --set of its own that lives in `setting`.
 * False with what was looked for. */
bool find_rules(struct command_arguments *arguments, char setting[FIND_RULES_BYTES], struct error *error);

#endif

/*
 * shipped_rules.h - the text of config/rules.yaml as it was when the program was built: the demo runs on
 * the rules that are shipped, wherever it is started.
 */
#ifndef ENGINE_DEMO_SHIPPED_RULES_H
#define ENGINE_DEMO_SHIPPED_RULES_H

extern const char shipped_rules_text[];

#endif

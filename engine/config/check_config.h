/* check_config.h - inside config: values that are fine alone but wrong in form or together. */
#ifndef ENGINE_CONFIG_CHECK_CONFIG_H
#define ENGINE_CONFIG_CHECK_CONFIG_H

#include "engine/config/config.h"

bool config_check(const struct config *config, struct error *error);

#endif

/* SPDX-License-Identifier: MIT */
/* The installed place of the header. */
#include "../../cJSON.h"

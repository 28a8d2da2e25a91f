/* SPDX-License-Identifier: MIT */
/* What every unit test includes first: cmocka wants these headers before its own. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after them */
#include <cmocka.h>

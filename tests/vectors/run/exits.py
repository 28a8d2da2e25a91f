# SPDX-License-Identifier: MIT
EXITS = {}

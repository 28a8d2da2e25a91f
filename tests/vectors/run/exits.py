# SPDX-License-Identifier: MIT
"""exit-codes.json."""
EXITS = {}

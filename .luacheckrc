-- SPDX-License-Identifier: MIT
std = "lua54"
max_line_length = 120
-- Annotations: functions without bodies.
files["lua/ttload"].ignore = { "212", "221", "241" }

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Old findings of the fuzzers are tried again, and a minute looks for more. `make fuzz` looks longer.
exec "$(dirname "$0")/fuzz.sh" "${1:-}" 8

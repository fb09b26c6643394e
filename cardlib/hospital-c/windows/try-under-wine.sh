#!/usr/bin/env bash
# Runs the tests' desk program as a Windows program under wine, against an `rhc-card serve` that is running on this computer with
# a test card and a SAM of type 5. Words: bits (32 or 64), port, token file, folder to work in. Needs wine32 or wine64 and
# what build.sh needs.
set -eu
bits=$1 port=$2 token=$(realpath "$3") out=$4
"$(dirname "$0")/build.sh" "$out" "$bits"
[ "$bits" = 64 ] && wine=wine64 || wine=wine
command -v "$wine" >/dev/null || wine=/usr/lib/wine/$wine
printf '%s Z:%s\r\n' "$port" "${token//\//\\}" >"$out/rhc_reader_dll.txt"
cd "$out"
WINEPREFIX=$PWD/wine WINEDEBUG=-all "$wine" desk.exe verify-data

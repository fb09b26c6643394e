#!/usr/bin/env bash
# The suites on a virtual card and on one with a seeded fault: summaries, the path of each report, a picture of the second.
# RHC_LANG=zh|en chooses the language.
set -u
cd "$(dirname "$0")/../.." || exit 4
out=out/conformance
lang=en
case "${RHC_LANG:-}" in zh*) lang=zh ;; esac
rm -rf "$out"
mkdir -p "$out"
program=target/debug/rhc-conformance
"$program" run --suite user-card --virtual --destructive --product "virtual card, sound" --out "$out/sound" || exit $?
"$program" verify "$out/sound" || exit $?
"$program" run --suite user-card --virtual --destructive --mutant read-free-DF02-EF06 \
  --product "virtual card, psychiatric flag readable by anybody" --out "$out/faulty"
code=$?
[ $code -eq 3 ] || { echo "the faulty card was not found out (exit $code)" >&2; exit 3; }
"$program" report "$out/faulty" --out "$out/again" --picture "$out/faulty.png" --picture-lang "$lang" || exit $?
echo "picture: $out/faulty.png"

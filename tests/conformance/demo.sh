#!/usr/bin/env bash
# The conformance suite on the demo's first card, made by the whole house and tested in its reader; and on a virtual card with a
# seeded fault: summaries, the path of each report, a picture of both. RHC_LANG=zh|en chooses the language.
set -u
cd "$(dirname "$0")/../.." || exit 4
out=out/conformance
lang=en
case "${RHC_LANG:-}" in zh*) lang=zh ;; esac
rm -rf "$out"
mkdir -p "$out"
program=target/debug/rhc-conformance

target/debug/rhc-demo --out "$out/demo" --conformance "$out/card" || exit $?
"$program" verify "$out/card" || exit $?
echo
"$program" run --suite user-card --virtual --destructive --mutant read-free-DF02-EF06 --seed 9c41e7 \
  --product "virtual card, psychiatric flag readable by anybody" --out "$out/faulty"
code=$?
[ $code -eq 3 ] || { echo "the faulty card was not found out (exit $code)" >&2; exit 3; }
for each in card faulty; do
  "$program" report "$out/$each" --out "$out/again-$each" --picture "$out/$each.png" --picture-lang "$lang" >/dev/null || exit $?
done
echo "reports: $out/card/report.$lang.html, $out/faulty/report.$lang.html"
echo "pictures: $out/card.png, $out/faulty.png"

#!/usr/bin/env bash
# Cross-compiles rhc_reader.dll for 32-bit Windows with Debian's mingw (apt-get install gcc-mingw-w64-i686) into the folder that is
# named, with an import library, and checks that it exports every function of the header by its plain name.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: build.sh FOLDER}
mkdir -p "$out"
i686-w64-mingw32-gcc -O2 -Wall -Wextra -Werror -std=gnu11 -I "$here/../include" -shared -static-libgcc \
  "$here/rhc_reader_dll.c" -o "$out/rhc_reader.dll" -Wl,--kill-at -Wl,--export-all-symbols -Wl,--out-implib,"$out/librhc_reader.dll.a" -lws2_32
declared=$(grep -o 'RHC_CALL [A-Za-z0-9_]*(' "$here/../include/rhc_reader.h" | sed 's/RHC_CALL //; s/(//' | sort)
exported=$(i686-w64-mingw32-objdump -p "$out/rhc_reader.dll" | sed -n '/Ordinal\/Name/,/^$/s/^.*\] //p' | sort)
missing=$(comm -23 <(echo "$declared") <(echo "$exported"))
[ -z "$missing" ] || { echo "not exported: $missing" >&2; exit 3; }
echo "rhc_reader.dll: $(echo "$declared" | wc -l) functions, $(stat -c %s "$out/rhc_reader.dll") bytes"

#!/usr/bin/env bash
# Cross-compiles rhc_reader.dll for Windows with Debian's mingw into the folder that is named, with an import library and the
# tests' desk program, and checks that the DLL exports every function of the header by its plain name.
# Words: folder, bits (32, which is what the DLL is for, or 64). Needs gcc-mingw-w64-i686 or gcc-mingw-w64-x86-64.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: build.sh FOLDER [32|64]}
case ${2:-32} in
  32) target=i686-w64-mingw32 plain=-Wl,--kill-at kill=--kill-at ;;
  64) target=x86_64-w64-mingw32 plain=-Wl,--export-all-symbols kill= ;;
  *) echo "32 or 64" >&2; exit 2 ;;
esac
mkdir -p "$out"
compile() { $target-gcc -Wall -Wextra -Werror -std=gnu11 -I "$here/../include" "$@"; }
dll() { compile -O2 -shared -static-libgcc "$here/rhc_reader_dll.c" -o "$out/rhc_reader.dll" "$@" -lws2_32; }
dll -Wl,--export-all-symbols -Wl,--output-def,"$out/rhc_reader.def" # names with the sizes that __stdcall adds: for linking
$target-dlltool $kill -d "$out/rhc_reader.def" -D rhc_reader.dll -l "$out/librhc_reader.dll.a"
dll $plain -Wl,--export-all-symbols # plain names: what programs look for
compile -fexec-charset=GB18030 -I "$here/../tests/c" "$here/../tests/c/desk.c" -o "$out/desk.exe" -L "$out" -lrhc_reader
declared=$(grep -o 'RHC_CALL [A-Za-z0-9_]*(' "$here/../include/rhc_reader.h" | sed 's/RHC_CALL //; s/(//' | sort)
exported=$($target-objdump -p "$out/rhc_reader.dll" | sed -n '/Ordinal\/Name/,/^$/s/^.*\] //p' | sed 's/^ *[0-9a-f]* *//' | sort)
missing=$(comm -23 <(echo "$declared") <(echo "$exported"))
[ -z "$missing" ] || { echo "not exported: $missing" >&2; exit 3; }
echo "rhc_reader.dll (${2:-32} bits): $(echo "$declared" | wc -l) functions, $(stat -c %s "$out/rhc_reader.dll") bytes"

#!/usr/bin/env bash
# Installs what the commands need from Debian's packages, and nothing when all is there.
# As root directly, otherwise by sudo. Exit 4, saying what is missing, when that cannot be done.
set -u

packages=(
  pcscd libpcsclite-dev pkg-config      # the PC/SC daemon and what the pcsc crate links with
  vsmartcard-vpcd                       # virtual readers
  opensc pcsc-tools python3-pyscard     # foreign PC/SC clients, the judges of the tests
  openssl python3 curl                  # independent computation of keys and certificates
  softhsm2                              # a PKCS#11 token
  postgresql                            # the other engine of the stores: a cluster of the tests' own, never the system's
  valgrind                              # the C interface under a memory checker
  gcc libc6-dev util-linux passwd       # unshare, for a PC/SC daemon of its own; useradd
  chromium fonts-wqy-microhei           # PDF and picture of conformance reports
)

say() { echo "setup: $*" >&2; }

# as_root COMMAND...: runs it with root's rights, or says what to do by hand.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null 2>&1 && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    sudo DEBIAN_FRONTEND=noninteractive "$@"
  else
    say "not root, and sudo asks for a password or is not here. Run as root: $*"
    return 4
  fi
}

install() {
  local log
  log=$(mktemp)
  say "installing $*"
  if ! as_root apt-get install -y -qq --no-install-recommends "$@" >"$log" 2>&1; then
    as_root apt-get update -qq >>"$log" 2>&1
    if ! as_root apt-get install -y -qq --no-install-recommends "$@" >>"$log" 2>&1; then
      tail -n 15 "$log" >&2
      rm -f "$log"
      say "could not install: $*. Install them by hand and run this again."
      exit 4
    fi
  fi
  rm -f "$log"
}

export DEBIAN_FRONTEND=noninteractive
if ! command -v cargo >/dev/null 2>&1; then
  say "cargo is not here; install Rust first (the toolchain is named in rust-toolchain.toml)"
  exit 4
fi
missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [ "$state" = "install ok installed" ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] || install "${missing[@]}"

# Where root starts it, the HSM simulator runs as a user of its own.
getent passwd rhc-hsm >/dev/null \
  || as_root useradd --system --no-create-home --shell /usr/sbin/nologin rhc-hsm \
  || say "no user rhc-hsm: the HSM's test of its own user will fail"

# SM2, SM3, SM4 and CMAC of the judges came with OpenSSL 3.
case "$(openssl version)" in
  "OpenSSL 3."* | "OpenSSL 4."*) ;;
  *) say "OpenSSL 3 is needed, found: $(openssl version)"; exit 4 ;;
esac

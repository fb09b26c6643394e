#!/usr/bin/env bash
# Installs what the commands need from Debian's packages, and nothing when all is there.
# As root directly, otherwise by sudo. Exit 4, saying what is missing, when that cannot be done.
set -u

packages=(
  pcscd libpcsclite-dev pkg-config      # the PC/SC daemon and what the pcsc crate links with
  vsmartcard-vpcd                       # virtual readers
  opensc pcsc-tools python3-pyscard     # foreign PC/SC clients, the judges of the tests
  openssl python3 curl                  # independent computation of keys and certificates
  gcc libc6-dev util-linux passwd       # unshare, for a PC/SC daemon of its own; useradd
)

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [ "$state" = "install ok installed" ] || missing+=("$package")
done
if ! command -v cargo >/dev/null 2>&1; then
  echo "setup: cargo is not here; install Rust first (the toolchain is named in rust-toolchain.toml)" >&2
  exit 4
fi
if [ ${#missing[@]} -gt 0 ]; then
  echo "setup: installing ${missing[*]}"
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null && ! [ -t 0 ]; then
      echo "setup: not root and sudo asks for a password. Run: sudo apt-get install -y ${missing[*]}" >&2
      exit 4
    fi
    as_root=(sudo)
  fi
  export DEBIAN_FRONTEND=noninteractive
  install=("${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}")
  if ! "${install[@]}" >/tmp/rhc-setup.$$ 2>&1; then
    "${as_root[@]}" apt-get update -qq >>/tmp/rhc-setup.$$ 2>&1
    if ! "${install[@]}" >>/tmp/rhc-setup.$$ 2>&1; then
      tail -n 15 /tmp/rhc-setup.$$ >&2
      echo "setup: could not install: ${missing[*]}. Install them by hand and run this again." >&2
      exit 4
    fi
  fi
  rm -f /tmp/rhc-setup.$$
fi

# The HSM simulator runs as a user of its own where root starts it.
if [ "$(id -u)" -eq 0 ] && ! getent passwd rhc-hsm >/dev/null; then
  useradd --system --no-create-home --shell /usr/sbin/nologin rhc-hsm || exit 4
fi

# The only versions that matter: SM2, SM3, SM4 and CMAC came with OpenSSL 3.
case "$(openssl version)" in
  "OpenSSL 3."* | "OpenSSL 4."*) ;;
  *) echo "setup: OpenSSL 3 is needed, found: $(openssl version)" >&2; exit 4 ;;
esac

#!/usr/bin/env bash
# What the README tells a newcomer to type, on a fresh Debian 13: a tree made of Debian's packages, in which
# the given command runs on a clone of this checkout. `make test-debian13` calls it.
#
# The tree knows what this machine knows: where Debian's packages are (apt's own configuration), how names
# are resolved, which certificates are trusted, and pip's configuration. Mounts and processes are in
# namespaces of their own and end with the command, whatever ends it; the tree is removed.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() {
  echo "test-debian13: $1" >&2
  [ "${CI:-}" = true ] && exit 1
  exit 0
}

[ "$(id -u)" = 0 ] || skip "skipped: only root can make a tree and mount in it"
command -v mmdebstrap >/dev/null ||
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends mmdebstrap >/dev/null; } ||
  skip "skipped: mmdebstrap is missing (apt-get install mmdebstrap)"
unshare --mount true 2>/dev/null || skip "skipped: this host allows no namespaces for mounts"
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
[ -n "$mirror" ] || skip "skipped: apt knows no source of Debian's packages (apt-get update)"

tree=$(mktemp -d /var/tmp/cgflow-debian13-XXXXXX)
trap 'rm -rf --one-file-system "$tree" "$tree.apt"' EXIT
apt-config dump | grep '^Acquire::' >"$tree.apt" || true
mmdebstrap --quiet --variant=minbase --include=ca-certificates,git,make,python3 --aptopt="$tree.apt" \
  trixie "$tree" "deb $mirror trixie main"

# Packages that are installed later must begin no services.
printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
chmod +x "$tree/usr/sbin/policy-rc.d"
for file in /etc/resolv.conf /etc/hosts /etc/pip.conf; do
  [ ! -e "$file" ] || cp --dereference "$file" "$tree$file"
done
cp --dereference /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/"
git clone --quiet . "$tree/root/cgflow"
git ls-files -z | tar --create --null --files-from=- | tar --extract --directory="$tree/root/cgflow"

inside() {
  mount --rbind /dev "$tree/dev"
  mount --rbind /sys "$tree/sys"
  mount -t proc proc "$tree/proc"
  exec chroot "$tree" /usr/bin/env --chdir=/root/cgflow HOME=/root CI="${CI:-}" "$@"
}
export -f inside
export tree
unshare --mount --pid --fork --kill-child bash -c 'inside "$@"' inside "$@"

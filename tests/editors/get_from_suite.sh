#!/usr/bin/env bash
# Puts programs of a newer Debian suite into a folder, with every library they need, libc too; the
# machine's own packages stay as they are. Run again, it does nothing; interrupted, it begins anew.
#
#     get_from_suite.sh FOLDER SUITE "usr/bin/a usr/bin/b" PACKAGE...
#
# Needs apt and patchelf. The packages come from the mirror that this machine's apt uses.
set -euo pipefail
folder=$(realpath -m "$1") suite=$2 programs=$3
shift 3
test -d "$folder" && exit 0
for tool in apt-get dpkg-deb patchelf; do
    command -v "$tool" > /dev/null || { echo "$folder: expected $tool on this machine, found none; its tests are skipped" >&2; exit 1; }
done

mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
test -n "$mirror" || { echo "expected apt sources on this machine, found none" >&2; exit 1; }

mkdir -p "$(dirname "$folder")"
work=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$work"' EXIT

# An apt of its own: no package counts as installed, so that libc comes along.
mkdir -p "$work"/apt/{lists/partial,cache/archives/partial}
: > "$work/apt/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" > "$work/apt/sources.list"
cat > "$work/apt/apt.conf" <<CONF
Dir::Etc::sourcelist "$work/apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "$work/apt/lists";
Dir::State::status "$work/apt/status";
Dir::Cache "$work/apt/cache";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
CONF
apt-get -qq -c "$work/apt/apt.conf" update
apt-get -qq -y -c "$work/apt/apt.conf" install --download-only "$@"

for package in "$work"/apt/cache/archives/*.deb; do
    dpkg-deb -x "$package" "$work/root"
done
rm -rf "$work/apt"

# The programs find their own loader and libraries; DT_RPATH also serves the libraries' libraries.
loader=$(cd "$work/root" && find . -name 'ld-linux-*.so.*' -print -quit)
libraries=$(cd "$work/root" && find . -type d -path '*lib/*-linux-gnu' | sed "s|^|$folder/root/|" | paste -s -d :)
for program in $programs; do
    patchelf --set-interpreter "$folder/root/$loader" --force-rpath --set-rpath "$libraries" "$work/root/$program"
done
mv "$work" "$folder"
trap - EXIT

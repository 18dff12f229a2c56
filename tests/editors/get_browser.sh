#!/usr/bin/env bash
# Sees to it that Chromium is on PATH: Debian's own, where root may install it.
set -euo pipefail
for name in chromium chromium-browser google-chrome; do
    ! command -v "$name" > /dev/null || exit 0
done
if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
    echo "get_browser.sh: expected chromium or google-chrome on PATH, found none; install one" >&2
    exit 1
fi
echo "Installing Chromium (once)"
apt-get -qq update
apt-get -qq -y install --no-install-recommends chromium fonts-dejavu-core > /dev/null

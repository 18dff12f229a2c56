#!/usr/bin/env bash
# Takes a folder, leaves there a code-server that runs (the newest of npm for Node 20: VS Code 1.100.3).
# Quick when it is there; interrupted, the next run begins anew. Needs node 20, npm, gcc, g++, make, python3.
set -euo pipefail
version=4.100.3
folder=${1:?usage: get_code_server.sh FOLDER}
[ ! -e "$folder/ready-$version" ] || exit 0
command -v npm > /dev/null || { echo "get_code_server.sh: expected npm, found none; install Node 20" >&2; exit 1; }
echo "Getting code-server $version (once; a minute)"
export npm_config_fund=false npm_config_audit=false npm_config_loglevel=error npm_config_build_from_source=true
# Native modules do not build in a folder with a space in its name: they are built elsewhere, and moved whole.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=$work/native-modules.log
(
    cd "$work"
    echo '{"private": true}' > package.json
    # Without its scripts: its own build kerberos, which wants headers that few machines have.
    npm install --ignore-scripts "code-server@$version"
    cd node_modules/code-server/lib/vscode
    npm install --omit=dev --ignore-scripts
    (cd extensions && npm install --omit=dev --ignore-scripts)
    for module in @vscode/spdlog native-watchdog node-pty; do
        # node-pty's own last step fails after a good build
        npm rebuild "$module" > "$log" 2>&1 || find "node_modules/$module/build" -name '*.node' | grep -q .
    done
    ln -sfn node_modules node_modules.asar
    cd "$work"
    npm rebuild argon2
    XDG_CONFIG_HOME=$work/home node node_modules/code-server/out/node/entry.js --version
    touch "ready-$version"
) || { cat "$log" >&2 2> /dev/null; exit 1; }
rm -rf "$folder"
mkdir -p "$(dirname "$folder")"
mv "$work" "$folder"
trap - EXIT

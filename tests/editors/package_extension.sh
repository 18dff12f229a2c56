#!/usr/bin/env bash
# Takes the folder for editors and a Python, leaves there lory.vsix as users install it, made anew when its sources are.
set -euo pipefail
cd "$(dirname "$0")/../../editors/vscode"
target=${1:?usage: package_extension.sh FOLDER PYTHON}
command -v npm > /dev/null || { echo "package_extension.sh: expected npm, found none; install Node 20" >&2; exit 1; }
stamp=$(find package.json package-lock.json tsconfig.json README.md .vscodeignore src media ../../lsp_server ../../pyproject.toml \
    -type f -not -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum | sha256sum)
mkdir -p "$target"
[ "$(cat "$target/made-from" 2> /dev/null)" != "$stamp" ] || [ ! -e "$target/lory.vsix" ] || exit 0
echo "Packaging the VS Code extension"
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-fund --no-audit --loglevel=error
PYTHON=${2:?} npm run --silent package > "$target/log" 2>&1 || { cat "$target/log" >&2; exit 1; }
mv lory.vsix "$target/lory.vsix"
echo "$stamp" > "$target/made-from"

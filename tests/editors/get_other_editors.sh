#!/usr/bin/env bash
# Puts Emacs with lsp-mode, and Helix, of Debian's next suite into a folder.
#
#     get_other_editors.sh FOLDER
set -euo pipefail
here=$(dirname "$0")
"$here/get_from_suite.sh" "$1/emacs" forky usr/bin/emacs-nox emacs-nox elpa-lsp-mode
"$here/get_from_suite.sh" "$1/helix" forky usr/bin/hx hx

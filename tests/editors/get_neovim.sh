#!/usr/bin/env bash
# Puts the Neovims into a folder that the tests want beside the development environment's own 0.11:
# 0.12 of Debian's next suite, and 0.7 of Debian 12, which is too old for Lory.
#
#     get_neovim.sh FOLDER
set -euo pipefail
here=$(dirname "$0")
"$here/get_from_suite.sh" "$1/neovim" forky usr/bin/nvim neovim
"$here/get_from_suite.sh" "$1/neovim-too-old" bookworm usr/bin/nvim neovim

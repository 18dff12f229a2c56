-- The configuration that `vim.lsp.enable('lory')` starts the server by.
vim.cmd.runtime({ 'plugin/lory.lua', bang = false })
return require('lory.client').config()

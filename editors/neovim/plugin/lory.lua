-- What is there from the start: the command, the <Plug> maps, and a look at every server's attach.
if vim.g.loaded_lory then
  return
end
vim.g.loaded_lory = true

if vim.fn.has('nvim-0.11') == 0 then
  local found = vim.version()
  local text = 'lory: expected Neovim 0.11 or newer, found %d.%d.%d; update Neovim, or remove Lory from its runtimepath'
  vim.api.nvim_err_writeln(text:format(found.major, found.minor, found.patch))
  return
end

vim.api.nvim_create_user_command('Lory', function(call)
  require('lory.commands').run(call.fargs)
end, {
  nargs = '*',
  desc = 'Lory: code completion by a local model',
  complete = function(lead, line)
    return require('lory.commands').complete(lead, line)
  end,
})

for _, action in ipairs({ 'accept', 'accept_word', 'accept_line', 'next', 'previous', 'dismiss', 'trigger' }) do
  vim.keymap.set('i', ('<Plug>(lory-%s)'):format(action:gsub('_', '-')), function()
    require('lory')[action]()
  end, { desc = 'Lory: ' .. action:gsub('_', ' ') })
end

local hint = vim.fn.hlexists('ComplHint') == 1 and 'ComplHint' or 'NonText'
vim.api.nvim_set_hl(0, 'LoryGhostText', { default = true, link = hint })
vim.api.nvim_set_hl(0, 'LoryGhostTextCount', { default = true, link = 'LineNr' })

local group = vim.api.nvim_create_augroup('lory', {})
vim.api.nvim_create_autocmd('LspAttach', {
  group = group,
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if client and client.name == 'lory' then
      require('lory.client').on_attach(client, event.buf)
    end
  end,
})

vim.api.nvim_create_autocmd('LspDetach', {
  group = group,
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if client and client.name == 'lory' and client:is_stopped() then
      require('lory.placeholder').hold(event.buf) -- until another server reads it
    end
  end,
})

vim.api.nvim_create_autocmd('LspRequest', {
  group = group,
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if client and client.name == 'lory' and event.data.request.method == 'textDocument/inlineCompletion' then
      vim.cmd.redrawstatus() -- `completing` comes or goes
    end
  end,
})

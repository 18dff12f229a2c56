-- The one interface to suggestions: gives whoever shows them, Lory itself or Neovim 0.12.
local modes = require('lory.modes')
local options = require('lory.options')

local M = {}

---@class (exact) lory.Shower
---@field attach fun(buffer: integer, group: integer) Follow what is typed, by autocommands of a group.
---@field enter fun(buffer: integer) Insert mode begins.
---@field leave fun(buffer: integer) Nobody types there any more: show nothing, wait for nothing.
---@field is_visible fun(): boolean
---@field accept fun(part: lory.Part): boolean Insert a part of what is shown; false where nothing is.
---@field cycle fun(count: integer): boolean Show another suggestion.
---@field dismiss fun(): boolean
---@field trigger fun() Ask now.

---Whether Neovim's own is wanted, and there.
---@return boolean
local function is_builtin()
  if options.get().ghost_text ~= 'builtin' then
    return false
  elseif not vim.lsp.inline_completion then
    vim.notify_once("lory: ghost_text = 'builtin' needs Neovim 0.12; Lory shows its own", vim.log.levels.WARN)
    return false
  end
  return true
end

---@return lory.Shower
function M.shower()
  return is_builtin() and require('lory.builtin') or require('lory.ghost_text')
end

---@param client vim.lsp.Client
---@param buffer integer
function M.attach(client, buffer)
  if vim.lsp.inline_completion then
    -- Neovim's own would show the same text a second time where the user has it on for other servers.
    vim.lsp.inline_completion.enable(is_builtin(), { client_id = client.id })
  end
  local shower = M.shower()
  local group = vim.api.nvim_create_augroup(('lory.suggestions.%d'):format(buffer), {})
  local function on(event, callback)
    vim.api.nvim_create_autocmd(event, { group = group, buffer = buffer, callback = callback })
  end
  local function leave()
    shower.leave(buffer)
  end
  local function enter()
    shower.enter(buffer)
  end
  shower.attach(buffer, group)
  modes.watch(group, buffer, enter, leave)
  vim.schedule(function() -- Neovim's own follows the buffer from then on
    if modes.is_inserting() and buffer == vim.api.nvim_get_current_buf() then
      enter() -- the user is typing already
    end
  end)
  on('BufLeave', leave)
  on('LspDetach', function(event)
    if event.data.client_id == client.id then
      leave()
      vim.api.nvim_del_augroup_by_id(group)
    end
  end)
end

return M

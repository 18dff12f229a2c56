-- The one interface to suggestions: gives whoever shows them, Lory itself or Neovim 0.12.
local options = require('lory.options')

local M = {}

---@class (exact) lory.Shower
---@field attach fun(client: vim.lsp.Client, buffer: integer)
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
  M.shower().attach(client, buffer)
end

return M

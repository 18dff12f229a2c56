-- Keys: takes the ones that the options name, maps them so that they do what they did before otherwise.
local menu = require('lory.menu')
local options = require('lory.options')

local M = {}

---What the action's key did before, as a <Plug> map of the buffer; the key itself where it did nothing.
---@param buffer integer
---@param action string
---@param key string
---@return string
local function fallback(buffer, action, key)
  local before = vim.fn.maparg(key, 'i', false, true) --[[@as table]]
  if vim.tbl_isempty(before) then
    return key
  end
  local name = ('<Plug>(lory-otherwise-%s)'):format(action)
  before.lhs, before.lhsraw, before.lhsrawalt, before.buffer = name, vim.keycode(name), nil, 1
  vim.api.nvim_buf_call(buffer, function()
    vim.fn.mapset('i', false, before)
  end)
  return name
end

---@return boolean
local function is_ours()
  return options.get().keys_over_menu or not menu.is_open()
end

---@param buffer integer
---@param action string
---@param key string
local function map(buffer, action, key)
  local otherwise = vim.api.nvim_buf_call(buffer, function()
    return fallback(buffer, action, key)
  end)
  local ours = ('<Plug>(lory-%s)'):format(action:gsub('_', '-'))
  vim.keymap.set('i', key, function()
    local wanted = is_ours() and (action == 'trigger' or require('lory').is_visible())
    return wanted and ours or otherwise
  end, { buffer = buffer, expr = true, remap = true, desc = 'Lory: ' .. action:gsub('_', ' ') })
end

---Map the wanted keys in a buffer, once.
---@param buffer integer
function M.attach(buffer)
  if vim.b[buffer].lory_keymaps then
    return
  end
  vim.b[buffer].lory_keymaps = true
  for action, key in pairs(options.keymaps()) do
    map(buffer, action, key)
  end
end

return M

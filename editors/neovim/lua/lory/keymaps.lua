-- Keys: takes the ones that the options name, maps them so that they do what they did before otherwise.
local menu = require('lory.menu')
local options = require('lory.options')

local M = {}

---What a key did before, as a <Plug> map of the buffer; nil where it did nothing.
---@param action string
---@param key string
---@return string?
local function keep_former(action, key)
  local former = vim.fn.maparg(key, 'i', false, true) --[[@as table]]
  if vim.tbl_isempty(former) then
    return nil
  end
  local name = ('<Plug>(lory-otherwise-%s)'):format(action)
  former.lhs, former.lhsraw, former.lhsrawalt, former.buffer = name, vim.keycode(name), nil, 1
  vim.fn.mapset('i', false, former)
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
  local former = vim.api.nvim_buf_call(buffer, function()
    return keep_former(action, key)
  end)
  -- No expression map: Neovim evaluates those before it has inserted what was typed just ahead of the key.
  vim.keymap.set('i', key, function()
    if is_ours() and require('lory')[action]() ~= false then
      return
    end
    vim.api.nvim_feedkeys(vim.keycode(former or key), former and 'mi' or 'ni', false)
  end, { buffer = buffer, desc = 'Lory: ' .. action:gsub('_', ' ') })
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

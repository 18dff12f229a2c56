-- What is shown: takes suggestions and what is typed of them, draws what is left of one at the cursor.
local menu = require('lory.menu')
local modes = require('lory.modes')
local options = require('lory.options')

local M = {}

local namespace = vim.api.nvim_create_namespace('lory.ghost_text')

---@class (exact) lory.Suggestion
---@field text string Goes at `row` and `column`; what was typed of it since stands there already.
---@field command? lsp.Command What the server wants to hear once all of it is taken.

---@class (exact) lory.Suggestions
---@field buffer integer
---@field row integer From 0 on.
---@field column integer In bytes.
---@field tail string What follows on the line.
---@field items lory.Suggestion[]
---@field index integer The one that is shown.
---@field asked boolean Whether these are all, since a person asked.

---@type lory.Suggestions?
local current

---The cursor of the window, its row from 0 on, and its line.
---@return integer row, integer column, string line
function M.cursor()
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  return row - 1, column, vim.api.nvim_get_current_line()
end

---Whether ghost text gives way to a menu.
---@return boolean
function M.is_hidden()
  return options.get().menu == 'yield' and menu.is_open()
end

---What is left of a suggestion at the cursor; nil where what was typed is something else.
---@param shown lory.Suggestions
---@param item lory.Suggestion
---@return string?
local function rest_of(shown, item)
  local row, column, line = M.cursor()
  if
    vim.api.nvim_get_current_buf() ~= shown.buffer
    or row ~= shown.row
    or column < shown.column
    or line:sub(column + 1) ~= shown.tail
  then
    return nil
  end
  local typed = line:sub(shown.column + 1, column)
  local rest = vim.startswith(item.text, typed) and item.text:sub(#typed + 1) or ''
  return rest ~= '' and rest or nil
end

local function erase()
  if current and vim.api.nvim_buf_is_valid(current.buffer) then
    vim.api.nvim_buf_clear_namespace(current.buffer, namespace, 0, -1)
  end
end

---Show nothing.
function M.forget()
  erase()
  current = nil
end

---Drop what the typed text has contradicted.
function M.keep_what_fits()
  if not current then
    return
  end
  local shown, selected = current, current.items[current.index]
  local fitting = vim.tbl_filter(function(item)
    return rest_of(shown, item) ~= nil
  end, shown.items)
  if #fitting == 0 then
    return M.forget()
  end
  shown.items = fitting
  shown.index = 1
  for index, item in ipairs(fitting) do
    shown.index = item == selected and index or shown.index
  end
end

---@param text string
---@return string
local function without_tabs(text)
  return (text:gsub('\t', (' '):rep(vim.bo.tabstop)))
end

---Show what is left of the suggestion, where it may be seen.
function M.draw()
  erase()
  if not current or M.is_hidden() or not modes.is_inserting() then
    return
  end
  local row, column = M.cursor()
  local rest = rest_of(current, current.items[current.index])
  if not rest then
    return
  end
  local lines = vim.tbl_map(function(line)
    return { { without_tabs(line), 'LoryGhostText' } }
  end, vim.split(rest, '\n', { plain = true }))
  if current.asked and #current.items > 1 then
    table.insert(lines[#lines], { (' %d/%d'):format(current.index, #current.items), 'LoryGhostTextCount' })
  end
  vim.api.nvim_buf_set_extmark(current.buffer, namespace, row, column, {
    virt_text = lines[1],
    virt_text_pos = 'inline',
    virt_lines = vim.list_slice(lines, 2),
    hl_mode = 'combine',
    right_gravity = true,
  })
end

---What would be inserted now.
---@return string?
function M.rest()
  if not current or M.is_hidden() or not modes.is_inserting() then
    return nil
  end
  return rest_of(current, current.items[current.index])
end

---@return lory.Suggestions?
function M.get()
  return current
end

---Replace what is shown; `draw` makes it visible.
---@param suggestions lory.Suggestions
function M.set(suggestions)
  erase()
  current = suggestions
end

return M

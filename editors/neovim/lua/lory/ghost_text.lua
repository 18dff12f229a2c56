-- Ghost text: takes the cursor's moves, asks the server, shows an answer and inserts what is accepted.
local insertion = require('lory.insertion')
local menu = require('lory.menu')
local options = require('lory.options')

local M = {}

local METHOD = 'textDocument/inlineCompletion'
local AUTOMATIC, INVOKED = 2, 1
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
---@type { client_id: integer, id: integer }? The request without an answer yet.
local pending
---Counts requests: only the latest one's answer is shown.
local latest = 0
---Where was asked last, so that the two events of one key ask once.
local asked_at = ''

---@return integer row, integer column, string line
local function cursor()
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  return row - 1, column, vim.api.nvim_get_current_line()
end

---@return string
local function place()
  local row, column = cursor()
  local buffer = vim.api.nvim_get_current_buf()
  return ('%d:%d:%d:%d'):format(buffer, vim.api.nvim_buf_get_changedtick(buffer), row, column)
end

---@return boolean
local function is_inserting()
  return vim.api.nvim_get_mode().mode:match('^i') ~= nil
end

---@return boolean
local function is_hidden()
  return options.get().menu == 'yield' and menu.is_open()
end

---What is left of a suggestion at the cursor; nil where what was typed is something else.
---@param shown lory.Suggestions
---@param item lory.Suggestion
---@return string?
local function rest_of(shown, item)
  local row, column, line = cursor()
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

local function forget()
  erase()
  current = nil
end

---Drop what the typed text has contradicted; false where nothing is left.
---@return boolean
local function keep_what_fits()
  if not current then
    return false
  end
  local shown, selected = current, current.items[current.index]
  local fitting = vim.tbl_filter(function(item)
    return rest_of(shown, item) ~= nil
  end, shown.items)
  if #fitting == 0 then
    forget()
    return false
  end
  shown.items = fitting
  shown.index = 1
  for index, item in ipairs(fitting) do
    shown.index = item == selected and index or shown.index
  end
  return true
end

---@param text string
---@return string
local function without_tabs(text)
  return (text:gsub('\t', (' '):rep(vim.bo.tabstop)))
end

local function draw()
  erase()
  if not current or is_hidden() or not is_inserting() then
    return
  end
  local row, column = cursor()
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

local function cancel()
  latest = latest + 1
  if pending then
    local client = vim.lsp.get_client_by_id(pending.client_id)
    if client then
      client:cancel_request(pending.id)
    end
    pending = nil
  end
end

---The byte column at which an answer's text begins; the cursor's where it does not say.
---@param client vim.lsp.Client
---@param item lsp.InlineCompletionItem
---@return integer
local function column_of(client, item)
  local row, column, line = cursor()
  local start = item.range and item.range.start
  if start and start.line == row then
    return vim.str_byteindex(line, client.offset_encoding, start.character, false)
  end
  return column
end

---@param client vim.lsp.Client
---@param result lsp.InlineCompletionList|lsp.InlineCompletionItem[]
---@param asked boolean
local function take(client, result, asked)
  local row, column, line = cursor()
  local before = current and current.items[current.index].text
  local items, start = {}, column
  for _, item in ipairs(result.items or result) do
    items[#items + 1] = { text = item.insertText --[[@as string]], command = item.command }
    start = column_of(client, item)
  end
  if #items == 0 then
    if not (current and current.asked and not asked) then -- what a person asked for stays
      forget()
    end
    return
  end
  erase()
  local index = 1
  for number, item in ipairs(items) do
    index = asked and item.text == before and number or index
  end
  current = {
    buffer = vim.api.nvim_get_current_buf(),
    row = row,
    column = start,
    tail = line:sub(column + 1),
    items = items,
    index = index,
    asked = asked,
  }
end

---Ask the server for suggestions at the cursor.
---@param kind integer
---@param done? fun() Called once the answer is taken.
local function ask(kind, done)
  local buffer = vim.api.nvim_get_current_buf()
  local client = require('lory.client').of(buffer)
  if not client or not client.initialized then
    return
  end
  cancel()
  local number, at = latest, place()
  asked_at = at
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding) --[[@as lsp.InlineCompletionParams]]
  params.context = { triggerKind = kind }
  local sent, id = client:request(METHOD, params, function(err, result)
    if number ~= latest then
      return
    end
    pending = nil
    if err or not result or at ~= place() or not is_inserting() then
      return
    end
    take(client, result, kind == INVOKED)
    if done then
      done()
    end
    draw()
  end, buffer)
  pending = sent and id and { client_id = client.id, id = id } or nil
end

---The text may have changed: show what still fits, and ask again.
local function follow_text()
  if not is_inserting() then
    return
  end
  keep_what_fits()
  draw()
  if place() ~= asked_at and not is_hidden() and vim.fn.reg_executing() == '' then
    ask(AUTOMATIC)
  end
end

local function follow_cursor()
  if current then
    keep_what_fits()
    draw()
  end
end

local function leave()
  cancel()
  forget()
  asked_at = ''
end

local watches_menu = false

---@param _ vim.lsp.Client
---@param buffer integer
function M.attach(_, buffer)
  local group = vim.api.nvim_create_augroup(('lory.ghost_text.%d'):format(buffer), {})
  local function on(events, callback)
    vim.api.nvim_create_autocmd(events, { group = group, buffer = buffer, callback = callback })
  end
  on({ 'InsertEnter', 'TextChangedI', 'TextChangedP' }, vim.schedule_wrap(follow_text)) -- the mode changes after the event
  on('CursorMovedI', follow_cursor)
  on({ 'InsertLeave', 'BufLeave' }, leave)
  on('LspDetach', function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if client and client.name == 'lory' then
      leave()
      vim.api.nvim_del_augroup_by_id(group)
    end
  end)
  if not watches_menu then
    watches_menu = true
    menu.watch(follow_text)
  end
  vim.schedule(follow_text) -- the user may be typing already
end

---What would be inserted now.
---@return string?
local function visible()
  if not current or is_hidden() or not is_inserting() then
    return nil
  end
  return rest_of(current, current.items[current.index])
end

---@return boolean
function M.is_visible()
  return visible() ~= nil
end

---Insert a part of what is visible, and go on showing the rest.
---@param part lory.Part
local function insert(part)
  local rest = visible()
  if not rest or not current then
    return
  end
  local shown, item = current, current.items[current.index]
  local text = part(rest)
  insertion.put(text)
  if text ~= rest then
    local row, column = cursor()
    shown.row, shown.column = row, column
    shown.items, shown.index = { { text = rest:sub(#text + 1), command = nil } }, 1
    draw()
    return
  end
  forget()
  local client = require('lory.client').of(shown.buffer)
  if item.command and client then
    client:exec_cmd(item.command, { bufnr = shown.buffer })
  end
end

---@param part lory.Part
---@return boolean
function M.accept(part)
  if not M.is_visible() then
    return false
  end
  local done, err = pcall(insert, part)
  if not done and tostring(err):find('E565') then -- in an expression mapping the text is locked
    vim.schedule(function()
      insert(part)
    end)
  elseif not done then
    error(err, 0)
  end
  return true
end

---@param count integer
---@return boolean
function M.cycle(count)
  if not visible() or not current then
    return false
  end
  local function move()
    if current and #current.items == 1 then
      vim.notify('lory: no other suggestion', vim.log.levels.INFO)
    elseif current then
      current.index = (current.index - 1 + count) % #current.items + 1
    end
  end
  if not current.asked then
    ask(INVOKED, move)
    return true
  end
  move()
  draw()
  return true
end

---@return boolean
function M.dismiss()
  if not M.is_visible() then
    return false
  end
  cancel()
  forget()
  return true
end

function M.trigger()
  ask(INVOKED, function()
    if not current then
      vim.notify('lory: nothing to suggest here; :Lory why tells the reason', vim.log.levels.INFO)
    end
  end)
end

return M
